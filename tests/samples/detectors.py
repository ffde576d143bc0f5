"""Small detectors of random weights: their raw maps with a side-car, in all forms of heads."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from PIL import Image

from boards.use.model_line import ModelLine
from compiler.build_folder import compiled_manifest
from compiler.flow import ARRAY, Compiled, Heads, compile_file
from golden.machine import GoldenMachine
from host.description import parse_description
from host.device import Device
from host.link import Link
from host.manifest import Manifest
from host.memory import memory_with_picture
from host.picture import Frame, Placement
from tests.samples.small_onnx import Net
from tests.samples.tails import CLASSES, SIZE, anchor_free, anchors, begun, distribution, named

LOUDER = 32.0
"""Weights of heads, times those of ``tests.samples``: scores of all sizes."""


def louder(net: Net, heads: tuple[str, ...]) -> None:
    """Weights of convolutions that say more."""
    names = {node.input[1] for node in net.nodes if node.output[0] in heads}
    for place, tensor in enumerate(net.initialisers):
        if tensor.name in names:
            weights = numpy_helper.to_array(tensor) * np.float32(LOUDER)
            net.initialisers[place] = numpy_helper.from_array(weights, tensor.name)


def raw_maps(folder: Path, *, anchors: int = 3, **fields) -> Path:
    """Heads of strides 8 and 16 as the outputs, with a side-car that has ``fields``, too."""
    net, x = begun()
    for stride in (8, 16):
        source = x if stride == 8 else net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        net.outputs.append(net.conv(source, anchors * (5 + CLASSES), 8, 1))
    louder(net, tuple(net.outputs))
    path = folder / "maps.onnx"
    onnx.save(net.model(), path)
    side_car = {
        "classes": ["a", "b", "c"],
        "strides": [8, 16],
        "anchors": [[[8 + k, 6 + 3 * k] for k in range(anchors)]] * 2,
    }
    path.with_suffix(".json").write_text(json.dumps(side_car | fields))
    return path


def with_tail(folder: Path, tail) -> Path:
    """A network of ``tests.samples.tails``."""
    net, x = begun()
    louder(net, tail(net, x))
    path = folder / f"{tail.__name__}.onnx"
    onnx.save(named(net), path)
    return path


HEADS = {
    "yolov5": (lambda folder: raw_maps(folder), 0.9),
    "yolov3": (lambda folder: raw_maps(folder, head="yolov3", scale_xy=1.1), 0.9),
    "yolov2": (lambda folder: raw_maps(folder, head="yolov2", scales=[0.7, 1.3]), 0.6),
    "votes": (lambda folder: raw_maps(folder, anchors=2, merge_anchors=True), 0.5),
    "nine": (lambda folder: raw_maps(folder, anchors=9), 0.95),
    "anchors": (lambda folder: with_tail(folder, anchors), 0.9),
    "anchor_free": (lambda folder: with_tail(folder, anchor_free), 0.2),
    "distribution": (lambda folder: with_tail(folder, distribution), 0.6),
}
"""Files, and floors that few of a random picture's places reach."""


def compiled(
    path: Path, machine, confidence: float | None, heads: Heads = ARRAY
) -> tuple[Compiled, Manifest]:
    """A file as a program that says where boxes can be, and its manifest."""
    side_car = path.with_suffix(".json")
    side_car = side_car if side_car.exists() else None
    description = side_car and parse_description(json.loads(side_car.read_text()))
    found = compile_file(
        path, machine, confidence=confidence, heads=heads, description=description
    )
    return found, compiled_manifest(found, path, 1 / 255, side_car)


def frame(rng: np.random.Generator) -> Frame:
    """A random picture of the networks' size."""
    codes = rng.integers(0, 256, (3, SIZE, SIZE), dtype=np.uint8)
    placement = Placement(scale_x=1.0, scale_y=1.0, left=0, top=0, width=SIZE, height=SIZE)
    image = Image.fromarray(np.moveaxis(codes, 0, -1))
    return Frame(codes=codes, image=image, placement=placement)


def memory_after(made: Compiled, manifest: Manifest, codes: np.ndarray) -> np.ndarray:
    """Memory when the program has ended."""
    memory = memory_with_picture(made.image, manifest, codes)
    GoldenMachine(made.machine).run(memory, made.image.program_address)
    return memory


def fetched(
    memory: np.ndarray, manifest: Manifest, floor: float | None = None
) -> tuple[np.ndarray, int]:
    """What a driver fetches of the results in ``memory``, and the bytes that come for it."""
    line = ModelLine(memory, 3e6)
    found = Device(Link(line)).results(manifest, len(memory), floor=floor)
    return found, line.received
