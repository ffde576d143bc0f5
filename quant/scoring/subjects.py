"""What can be scored, without PyTorch: an ONNX file in onnxruntime, its integer network, a build.

Each takes the codes of a picture, uint8 [C, H, W], and gives the model's outputs, with the axis of
the batch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnxruntime

from compiler.build_folder import MANIFEST, MODEL, read_build
from compiler.frontend.pipeline import read_network
from compiler.frontend.reader.onnx_reader import load_model, scale_of_input, self_contained
from compiler.frontend.split.model import split_file
from compiler.quantize.quantise import QUANTISED
from compiler.tail import metadata
from golden import execute
from golden.machine import GoldenMachine
from host.detection import Detections
from host.pieces import run_frame
from host.results import read_outputs
from host.tail import Tail, model_outputs
from quant.errors import TrainingError
from quant.scoring.decoding import Decoding, of_build, of_file

RUNTIME, INTEGERS, PROGRAM = "onnxruntime", "integer network", "program"
"""How a network is executed."""
RUNTIME_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")

Outputs = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A detector: ``run`` takes codes of the shape that ``decoding`` has.

    ``digest`` tells it from every other one, and from itself executed otherwise; ``made``: how it
    was quantised, where its file tells.
    """

    name: str
    kind: str
    decoding: Decoding
    run: Callable[[np.ndarray], Outputs]
    digest: str
    made: str = ""

    def detections(self, codes: np.ndarray) -> Detections:
        """Nearly all boxes that there are, in pixels of the input."""
        return self.decoding(self.run(codes))


def digest_of(kind: str, *parts: bytes | str) -> str:
    """A name for what these parts are executed to."""
    whole = sha256(f"{kind} {onnxruntime.__version__} {np.__version__}".encode())
    for part in parts:
        whole.update(sha256(part if isinstance(part, bytes) else part.encode()).digest())
    return whole.hexdigest()[:24]


def runs(path: Path) -> bool:
    """Whether onnxruntime has the operators of an ONNX file: not those of QONNX."""
    return all(node.domain in RUNTIME_DOMAINS for node in load_model(path).graph.node)


def in_runtime(path: Path, given: Path | None, threads: int) -> Subject:
    """An ONNX file, float or quantised, as people run it: onnxruntime as it comes."""
    data = self_contained(path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class for each of its errors
        told = " ".join(str(error).split())[:300]
        raise TrainingError(f"{path}: onnxruntime cannot load it ({told})") from None
    picture, *others = session.get_inputs()
    shape = tuple(picture.shape[1:])
    if others or len(shape) != 3 or not all(isinstance(size, int) for size in shape):
        raise TrainingError(
            f"{path}: input {picture.name!r} has shape {picture.shape}; expected one input "
            "[1, channels, height, width] of fixed size"
        )
    decoding = of_file(path, given, shape)
    names = [output.name for output in session.get_outputs()]

    def run(codes: np.ndarray) -> Outputs:
        image = codes[None]
        if "float" in picture.type:
            image = image.astype(np.float32) * np.float32(decoding.scale)
        return dict(zip(names, session.run(names, {picture.name: image}), strict=True))

    return Subject(
        name=path.stem, kind=RUNTIME, decoding=decoding, run=run, made=made(path),
        digest=digest_of(RUNTIME, data, told_of(decoding)),
    )  # fmt: skip


def in_integers(path: Path, given: Path | None) -> Subject:
    """A quantised ONNX file as the front end understands it, and its tail in onnxruntime."""
    parts = split_file(path)
    # The scale of the picture stands in the side-car, the size of the picture in the file.
    network = read_network(path)
    decoding = of_file(path, given, network.shape(network.input))
    if decoding.scale != 1 / 255:
        network = read_network(path, input_scale=scale_of_input(path, decoding.scale))
    tail = None if parts is None else Tail(parts.model.SerializeToString())
    names = tuple(o.name for o in network.outputs) if parts is None else parts.tail.outputs

    def run(codes: np.ndarray) -> Outputs:
        return model_outputs(tail, execute.outputs(network, execute.run(network, codes)), names)

    return Subject(
        name=path.stem, kind=INTEGERS, decoding=decoding, run=run, made=made(path),
        digest=digest_of(INTEGERS, self_contained(path), told_of(decoding)),
    )  # fmt: skip


def as_program(folder: Path, given: Path | None) -> Subject:
    """A build: its program on the golden machine, and its tail in onnxruntime.

    Where the host computes its heads, there are only boxes of the build's ``confidence``.
    """
    build = read_build(folder)
    manifest = build.manifest
    decoding = of_build(folder, given, manifest)
    kind = f"{PROGRAM}, {build.machine.name}"
    if manifest.heads:
        kind += f", boxes from {manifest.confidence:g}"
    tail = Tail(build.tail) if build.tail else None
    outputs = manifest.tail.outputs if manifest.tail else tuple(o.name for o in manifest.outputs)

    def run(codes: np.ndarray) -> Outputs:
        memory = build.memory(codes)
        machine = GoldenMachine(build.machine)
        run_frame(memory, manifest, build.pieces, lambda at: machine.run(memory, at))
        found = read_outputs(memory, manifest, manifest.confidence, build.heads)
        return model_outputs(tail, found, outputs)

    return Subject(
        name=manifest.network, kind=kind, decoding=decoding, run=run,
        made=made(folder / MODEL),
        digest=digest_of(PROGRAM, (folder / MANIFEST).read_bytes(), told_of(decoding)),
    )  # fmt: skip


def made(path: Path) -> str:
    """How ``compiler quantize`` made a file, "" for others."""
    return metadata(load_model(path), QUANTISED)


def told_of(decoding: Decoding) -> str:
    """All that boxes depend on besides the outputs; arrays by their values."""
    return repr(decoding)
