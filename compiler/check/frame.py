"""One picture through everything that must agree: ONNX graph, integer network, program."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from onnx import ModelProto

from compiler.check.heads import check_heads
from compiler.check.layers import image_of
from compiler.check.onnx import NotCompared, against_onnx
from compiler.check.pieces import check_pieces
from compiler.check.program import StoredLayer, check_program
from compiler.check.tail import CheckedTail, check_tail
from compiler.frontend.reader.onnx_reader import load_model
from golden import execute
from golden.network import Network
from host.image import Image
from host.manifest import Manifest


@dataclass(frozen=True, kw_only=True, eq=False)
class CheckedFrame:
    """A frame that came out alike everywhere.

    ``results``: of ``golden.execute.run``; ``references``: of :func:`against_onnx`; ``layers`` in
    the order in which the program completes them; ``memory`` when it has ended; ``tail`` where the
    host computes the model's own outputs.
    """

    results: dict[str, np.ndarray]
    references: dict
    layers: list[StoredLayer]
    memory: np.ndarray
    tail: CheckedTail | None = None
    #: Why pieces of the host were not compared with the file in onnxruntime, if they were not.
    pieces_reason: str = ""

    @property
    def codes(self) -> int:
        """Codes and sums that were compared between network and program."""
        return sum(layer.stored.size for layer in self.layers)


def check_frame(
    network: Network,
    model: ModelProto | Path,
    image: Image,
    manifest: Manifest,
    codes: np.ndarray,
    tail: bytes | None = None,
    pieces: Mapping[str, bytes] | None = None,
    heads: bytes = b"",
    known: CheckedFrame | None = None,
) -> CheckedFrame:
    """Run the picture ``codes`` uint8 [C, H, W] through all three, and through the ``tail``.

    ``pieces``: files of what the host computes in mid-network, by name; ``heads``: weights of the
    heads that it computes. ``known``: the same picture in another program of the same network, so
    that only this one runs.

    Raises :class:`compiler.errors.DifferenceError` naming the first tensor that differs.
    """
    model = model if isinstance(model, ModelProto) else load_model(model)
    results = known.results if known else execute.run(network, codes)
    references = known.references if known else {}
    if not known:
        references = against_onnx(network, model, codes, manifest.input_scale, results)
    layers, memory = check_program(image, manifest, codes, results, pieces)
    if manifest.heads:
        check_heads(network, manifest, results, memory, heads, tail)
    if known:
        return replace(known, layers=layers, memory=memory)
    checked, reason = None, ""
    if network.pieces:
        reason = check_pieces(network, model, image_of(model, codes, manifest.input_scale))
    if tail is not None:
        image_codes = image_of(model, codes, manifest.input_scale)
        handed = execute.outputs(network, results)
        checked = check_tail(model, tail, manifest.tail.outputs, handed, image_codes)
    return CheckedFrame(
        results=results, references=references, layers=layers, memory=memory, tail=checked,
        pieces_reason=reason,
    )


def not_compared(checked: CheckedFrame) -> list[str]:
    """A line for each reference that could not compute the network, with its reason."""
    told = []
    if checked.pieces_reason:
        told = [f"pieces of the host: not compared with the file ({checked.pieces_reason})"]
    return told + [
        f"{name}: not compared ({found.reason})"
        for name, found in checked.references.items()
        if isinstance(found, NotCompared)
    ]


def layer_counts(manifest: Manifest, checked: CheckedFrame, storage: str) -> dict[str, object]:
    """For one stored layer, how many of its codes differ from which reference."""
    tensor = next(layer.tensor for layer in manifest.layers if layer.storage == storage)
    counts: dict[str, object] = {
        name: found.get(tensor, "-")
        for name, found in checked.references.items()
        if not isinstance(found, NotCompared)
    }
    # The program's codes are the network's, or the check would have ended there.
    return counts | {"machine": 0}


def busy_picture(shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """A picture that reaches many codes of every layer: uint8 [C, H, W].

    Smooth blobs of all sizes, because noise alone averages out in the first layers, under noise.
    """
    rng = np.random.default_rng(seed)
    channels, height, width = shape
    y, x = np.mgrid[:height, :width]
    picture = np.zeros(shape)
    for size in (4, 16, 64):
        phase = rng.uniform(0, 2 * np.pi, (2, channels, 1, 1))
        picture += np.sin(y / size + phase[0]) * np.sin(x / size + phase[1])
    picture = 128 + 48 * picture + rng.normal(0, 32, shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
