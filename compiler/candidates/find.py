"""Which results of a detector can become boxes only where single sums reach a floor.

Of raw maps the side-car says which channels are objectness (``host.description``). In a tail that
is found by following every element (``places``): a row of the model's boxes must depend on one
place of the maps, and its scores be sigmoids of sums of that place, at most multiplied by what does
not exceed 1.
"""

from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, TensorProto

from compiler.candidates.places import Input, Traced, numbered, traced
from compiler.errors import UnsupportedError
from golden.network import Convolution, Network, Output
from host.candidates.records import Candidates
from host.description import Head
from host.detection import check_outputs, least_sum
from host.layouts import Boxes, end

LEAST, MOST = 0.001, 0.999
"""Floors for which a host's float32 sigmoid is exact enough for ``below``."""


@dataclass(frozen=True)
class Found:
    """What was found for scores of at least ``floor``, or the ``reason`` why nothing was."""

    floor: float
    maps: tuple[Candidates, ...] = ()
    reason: str = ""


NOT_LOOKED_FOR = Found(1.0)


class _UnknownError(Exception):
    """A form that is not recognised; its text is the reason."""


def below(floor: float) -> float:
    """A floor so much lower that no rounding of a float32 sigmoid, 1e-6 at most, matters."""
    return floor * (1 - 2**-8) - 2e-6


def in_heads(network: Network, head: Head, floor: float) -> Found:
    """Candidates in raw maps, where a host compares sums as the array does.

    :class:`host.description.DescriptionError` where the maps are not those of the side-car.
    """
    outputs = network.outputs
    order = check_outputs(outputs, [network.shape(each.tensor) for each in outputs], head)
    width = 5 + len(head.classes)
    found = []
    try:
        for index, at in enumerate(order):
            factor = head.scales[index] if head.scales else 1.0
            channels = range(4, head.channels(index), width)
            own = outputs[at]
            found.append(_compared(network, own, list(channels), (own.name,), floor, factor))
    except _UnknownError as error:
        return Found(floor, reason=str(error))
    return Found(floor, tuple(found))


def in_tail(network: Network, model: ModelProto, boxes: Boxes | None, floor: float) -> Found:
    """Candidates in what the network hands over to its tail ``model``, whose outputs hold
    ``boxes``."""
    try:
        return Found(floor, tuple(_in_tail(network, model, boxes, floor)))
    except (_UnknownError, UnsupportedError) as error:
        return Found(floor, reason=str(error))


def _in_tail(
    network: Network, model: ModelProto, boxes: Boxes | None, floor: float
) -> list[Candidates]:
    if boxes is None:
        raise _UnknownError("it is not known where its boxes are")
    if boxes.layout not in ("yolov5", "yolov8", "yolox"):
        raise _UnknownError(f"scores of boxes of layout {boxes.layout} are none of single sums")
    for value in model.graph.input:
        if value.type.tensor_type.elem_type != TensorProto.FLOAT:
            raise _UnknownError(f"tail.onnx takes {value.name!r} in another type than float32")
    shapes = {each.name: network.shape(each.tensor) for each in network.outputs}
    inputs = numbered(model, shapes)
    reading = _inputs_of(model, boxes.output)
    known = traced(model, inputs)
    table = known.get(boxes.output)
    if not isinstance(table, Traced) or table.low.ndim != 3 or table.shape[0] != 1:
        lost = (node for node in model.graph.node
                if not reading.isdisjoint(node.output) and node.output[0] not in known)  # fmt: skip
        where = next((f" through {node.op_type} {node.name!r}" for node in lost), "")
        raise _UnknownError(f"what {boxes.output!r} is made of could not be followed{where}")
    rows = table.each(lambda each: each[0].T if boxes.layout == "yolov8" else each[0])
    source, place = _scores(rows, boxes, inputs)
    used = slice(None) if boxes.prototypes else slice(0, end(boxes, _first(boxes)))
    low, high = rows.low[:, used], rows.high[:, used]
    nowhere = low > high
    if not (nowhere | ((low == place[:, None]) & (high == place[:, None]))).all():
        raise _UnknownError("a box depends on more than one place")
    by_name = {each.name: each for each in network.outputs}
    elsewhere = _inputs_of(model, boxes.prototypes) if boxes.prototypes else set()
    found = []
    for own in inputs:
        channels = np.unique(source[(source >= own.first) & (source < own.first + _size(own))])
        if not len(channels):
            continue
        alike = [each for each in inputs if each.place == own.place]
        names = tuple(e.name for e in alike if e.name in reading and e.name not in elsewhere)
        numbers = sorted({own.at(int(element))[0] for element in channels})
        found.append(_compared(network, by_name[own.name], numbers, names, below(floor)))
    if len({by_name[each.of].tensor for each in found}) < len(found) or len(
        {name for each in found for name in each.results}
    ) < sum(len(each.results) for each in found):
        raise _UnknownError("two results of one size have scores")
    return found


def _first(boxes: Boxes) -> int:
    """The column of the first class."""
    return 4 if boxes.layout == "yolov8" else 5


def _scores(
    rows: Traced, boxes: Boxes, inputs: list[Input]
) -> tuple[np.ndarray, np.ndarray]:
    """The elements [n, scores] whose sigmoids limit each row's score, and each row's place [n]."""
    first = _first(boxes)
    classes = slice(first, end(boxes, first))
    limiting = classes if boxes.layout == "yolov8" else slice(4, 5)
    source = rows.source[:, limiting]
    if not source.size or (source % 2 != 1).any() or (source < 0).any():
        raise _UnknownError("its scores are no sigmoids of single sums")
    if not rows.unit[:, classes].all():
        raise _UnknownError("scores of its classes may be more than 1")
    source = source // 2
    place = np.full(source.shape, -1)
    for own in inputs:
        inside = (source >= own.first) & (source < own.first + _size(own))
        height, width = own.shape[1:]
        place[inside] = own.place + (source[inside] - own.first) % (height * width)
    if (place != place[:, :1]).any():
        raise _UnknownError("the scores of a box are of more than one place")
    return source, place[:, 0]


def _size(own: Input) -> int:
    return int(np.prod(own.shape))


def _inputs_of(model: ModelProto, output: str) -> set[str]:
    """All tensors that an output is computed from."""
    wanted = {output}
    for node in reversed(model.graph.node):
        if not wanted.isdisjoint(node.output):
            wanted.update(node.input)
    return wanted


def _compared(
    network: Network,
    own: Output,
    channels: list[int],
    results: tuple[str, ...],
    floor: float,
    factor: float = 1.0,
) -> Candidates:
    """The map of where ``channels`` of a result reach ``floor``."""
    maker = next(each for each in network.operators if each.output == own.tensor)
    if not isinstance(maker, Convolution) or maker.groups != 1:
        raise _UnknownError(f"{own.name!r} is not computed by a plain convolution")
    limits = [
        least_sum(factor * float(own.scale[c]), factor * float(own.bias[c]), floor)
        for c in channels
    ]
    taken = {*network.tensors, *network.raw_shapes}
    name = f"{own.tensor}@candidates"
    while name in taken:
        name += "'"
    return Candidates(
        tensor=name, of=own.name, results=results, channels=tuple(channels),
        sign=tuple(sign for sign, _ in limits), level=tuple(level for _, level in limits),
    )  # fmt: skip
