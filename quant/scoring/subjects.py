"""What can be scored, without PyTorch: an ONNX file in onnxruntime, its integer network, a build.

Each takes the codes of a picture, uint8 [C, H, W], and gives its outputs, float64 [C, H, W].
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnxruntime

from compiler.build_folder import MANIFEST, read_build
from compiler.frontend.pipeline import read_network
from compiler.frontend.reader.onnx_reader import load_model, scale_of_input, self_contained
from golden import execute
from golden.machine import GoldenMachine
from host.description import Description, Head, read_description, side_car
from host.detection import Detections, detect, real_outputs
from host.memory import read_outputs
from quant.errors import TrainingError
from quant.scoring.metrics import OVERLAP, SCORE_FLOOR

RUNTIME, INTEGERS, PROGRAM = "onnxruntime", "integer network", "program"
"""How a network is executed."""

RUNTIME_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")

Outputs = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A detector: ``run`` takes codes of ``shape`` [C, H, W].

    ``digest`` tells it from every other one, and from itself executed otherwise.
    """

    name: str
    kind: str
    shape: tuple[int, int, int]
    description: Description
    run: Callable[[np.ndarray], Outputs]
    digest: str

    def detections(self, codes: np.ndarray) -> Detections:
        """Nearly all boxes that there are, in pixels of the input."""
        head, maps = self.description.head, self.run(codes)
        names = maps_of_head({name: each.shape for name, each in maps.items()}, head, self.shape)
        return detect(
            [maps[name] for name in names],
            real_outputs(names, head),
            head,
            floor=SCORE_FLOOR,
            overlap=OVERLAP,
        )


def maps_of_head(
    shapes: dict[str, tuple[int, ...]], head: Head, size: tuple[int, int, int]
) -> tuple[str, ...]:
    """The output for each stride: those named, or by their shapes (files have any order).

    ``size``: the input's [C, H, W].
    """
    if head.outputs:
        return head.outputs
    chosen = []
    for at, stride in enumerate(head.strides):
        wanted = (head.channels(at), size[1] // stride, size[2] // stride)
        fitting = [name for name, shape in shapes.items() if tuple(shape) == wanted]
        if len(fitting) != 1:
            told = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
            raise TrainingError(
                f"stride {stride} needs one output of shape {list(wanted)}; the network has "
                f"{told}: name those meant as 'outputs' in the side-car"
            )
        chosen += fitting
    return tuple(chosen)


def digest_of(kind: str, *parts: bytes | str) -> str:
    """A name for what these parts are executed to."""
    whole = sha256(f"{kind} {onnxruntime.__version__} {np.__version__}".encode())
    for part in parts:
        whole.update(sha256(part if isinstance(part, bytes) else part.encode()).digest())
    return whole.hexdigest()[:24]


def describe(path: Path, given: Path | None) -> Description:
    """The side-car that was named, or the one beside the model."""
    found = given or side_car(path)
    if not found.exists():
        raise TrainingError(
            f"{path}: what its outputs mean stands in a side-car, and {found} is not there; name "
            "one with --description (docs/dataflow.md; examples/ has some)"
        )
    return read_description(found)


def runs(path: Path) -> bool:
    """Whether onnxruntime has the operators of an ONNX file: not those of QONNX."""
    return all(node.domain in RUNTIME_DOMAINS for node in load_model(path).graph.node)


def in_runtime(path: Path, given: Path | None, threads: int) -> Subject:
    """An ONNX file, float or quantised, as people run it: onnxruntime as it comes."""
    data, description = self_contained(path), describe(path, given)
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
    names = [output.name for output in session.get_outputs()]

    def run(codes: np.ndarray) -> Outputs:
        image = codes[None]
        if "float" in picture.type:
            image = image.astype(np.float32) * np.float32(description.scale)
        found = session.run(names, {picture.name: image})
        return {n: each[0].astype(np.float64) for n, each in zip(names, found, strict=True)}

    return Subject(
        name=path.stem, kind=RUNTIME, shape=shape, description=description, run=run,
        digest=digest_of(RUNTIME, data, str(description)),
    )  # fmt: skip


def in_integers(path: Path, given: Path | None) -> Subject:
    """A quantised ONNX file as the front end understands it."""
    description = describe(path, given)
    network = read_network(path, input_scale=scale_of_input(path, description.scale))

    def run(codes: np.ndarray) -> Outputs:
        return execute.outputs(network, execute.run(network, codes))

    return Subject(
        name=path.stem, kind=INTEGERS, shape=network.shape(network.input),
        description=description, run=run,
        digest=digest_of(INTEGERS, self_contained(path), str(description)),
    )  # fmt: skip


def as_program(folder: Path, given: Path | None) -> Subject:
    """A build: its program on the golden machine."""
    build = read_build(folder)
    manifest = build.manifest
    if given is None and manifest.description is None:
        raise TrainingError(
            f"{folder}: was built without a side-car, so what its outputs mean is not known; name "
            "one with --description (docs/dataflow.md; examples/ has some)"
        )
    description = manifest.description if given is None else read_description(given)
    picture = manifest.picture

    def run(codes: np.ndarray) -> Outputs:
        memory = build.memory(codes)
        GoldenMachine(build.machine).run(memory, build.image.program_address)
        return read_outputs(memory, manifest)

    return Subject(
        name=manifest.network, kind=f"{PROGRAM}, {build.machine.name}",
        shape=(picture.channels, picture.height, picture.width), description=description,
        run=run, digest=digest_of(PROGRAM, (folder / MANIFEST).read_bytes(), str(description)),
    )  # fmt: skip
