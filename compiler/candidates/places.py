"""What each element of a tail's tensors is made of: which places of its inputs, and how.

A place is a position (y, x) of inputs [1, channels, height, width] of one size; inputs of another
size have other places. Operators that only move elements are run on the elements' numbers, so that
what they do is what the onnx package says; of others it is told here what they join. Whatever else
there is makes a tensor of which nothing is known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

from compiler.exact.operators import attributes, standard

FAR = 1 << 62
MOVING = {
    "Reshape", "Transpose", "Concat", "Split", "Slice", "Gather", "Squeeze", "Unsqueeze", "Flatten",
    "Expand", "Tile", "Identity",
}  # fmt: skip
SAME_TYPE = (TensorProto.FLOAT, TensorProto.DOUBLE)
ELEMENTWISE = {
    "Add", "Sub", "Mul", "Div", "Pow", "Exp", "Log", "Sqrt", "Neg", "Abs", "Relu", "Clip", "Tanh",
    "Min", "Max", "Softplus", "Reciprocal", "Floor", "Ceil", "Round", "Cast", "LeakyRelu",
}  # fmt: skip
REDUCING = {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"}
SOFTMAX_BY_AXIS = 13
"""The opset from which Softmax is over one axis; before, over it and all behind it."""


@dataclass(frozen=True, eq=False)
class Traced:
    """Arrays of a tensor's shape.

    ``low``, ``high``: the least and the largest number of the places that an element depends on;
    low > high: on none. ``source``: 2 e where it is element e of the inputs, 2 e + 1 where it is
    the sigmoid of that, else -1. ``unit``: whether it is from 0 to 1.
    """

    low: np.ndarray
    high: np.ndarray
    source: np.ndarray
    unit: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.low.shape

    def each(self, change: Callable[[np.ndarray], np.ndarray]) -> "Traced":
        """All arrays moved alike."""
        return Traced(*map(change, (self.low, self.high, self.source, self.unit)))

    def computed(self) -> "Traced":
        """Elements of which nothing is kept but the places."""
        return replace(self, source=np.full(self.shape, -1), unit=np.zeros(self.shape, bool))


Known = Traced | np.ndarray
"""A tensor that depends on the inputs, or a constant."""


@dataclass(frozen=True)
class Input:
    """An input of a tail: its elements' numbers begin at ``first``, those of its places at
    ``place``."""

    name: str
    shape: tuple[int, int, int]
    first: int
    place: int

    def at(self, element: int) -> tuple[int, int]:
        """(channel, place) of an element."""
        channel, position = divmod(element - self.first, self.shape[1] * self.shape[2])
        return channel, self.place + position


def numbered(model: ModelProto, shapes: Mapping[str, tuple[int, int, int]]) -> list[Input]:
    """The inputs of a model, whose ``shapes`` are [channels, height, width]."""
    found: list[Input] = []
    places: dict[tuple[int, int], int] = {}
    first = 0
    for value in model.graph.input:
        channels, height, width = shapes[value.name]
        if (height, width) not in places:
            places[height, width] = sum(h * w for h, w in places)
        found.append(Input(value.name, (channels, height, width), first, places[height, width]))
        first += channels * height * width
    return found


def begun(own: Input) -> Traced:
    """An input, [1, channels, height, width]."""
    shape = (1, *own.shape)
    _, height, width = own.shape
    places = own.place + np.arange(height * width).reshape(1, 1, height, width)
    places = np.broadcast_to(places, shape)
    source = 2 * (own.first + np.arange(np.prod(shape)).reshape(shape))
    return Traced(places, places, source, np.zeros(shape, bool))


def constant(value: np.ndarray) -> Traced:
    """Numbers that depend on no place."""
    nowhere = np.full(value.shape, FAR), np.full(value.shape, -FAR)
    return Traced(*nowhere, np.full(value.shape, -1), np.zeros(value.shape, bool))


def traced(model: ModelProto, inputs: list[Input]) -> dict[str, Known]:
    """Every tensor of a model of which it is known what it is made of."""
    values: dict[str, Known] = {
        each.name: numpy_helper.to_array(each) for each in model.graph.initializer
    }
    values |= {own.name: begun(own) for own in inputs}
    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1)
    for node in model.graph.node:
        operands = [values.get(name) if name else None for name in node.input]
        if any(value is None and name for name, value in zip(node.input, operands, strict=True)):
            continue
        results = computed(node, opset, operands)
        values |= {
            name: value for name, value in zip(node.output, results, strict=False) if name
        }
    return values


def computed(node: NodeProto, opset: int, operands: list[Known | None]) -> list[Known]:
    """Results of a node; [] where nothing is known of them."""
    a, op = attributes(node), node.op_type
    if node.domain not in ("", "ai.onnx"):
        return []
    if not any(isinstance(operand, Traced) for operand in operands):
        return standard(node, opset, operands)
    if op == "Shape":
        return [np.array(operands[0].shape[a.get("start", 0) : a.get("end")], np.int64)]
    if op in MOVING:
        return moved(node, opset, operands)
    first, others = operands[0], operands[1:]
    if op == "Cast" and a.get("to") in SAME_TYPE:
        return [first]
    if op == "Sigmoid":
        known = (first.source >= 0) & (first.source % 2 == 0)
        source = np.where(known, first.source + 1, -1)
        return [replace(first, source=source, unit=np.ones(first.shape, bool))]
    if op in ELEMENTWISE:
        return [together([each for each in operands if each is not None])]
    if op == "Softmax":
        axis = a.get("axis", -1 if opset >= SOFTMAX_BY_AXIS else 1) % len(first.shape)
        axes = (axis,) if opset >= SOFTMAX_BY_AXIS else tuple(range(axis, len(first.shape)))
        all_of = reduced(first, axes)
        spread = all_of.each(lambda each: np.broadcast_to(each, first.shape))
        return [replace(spread, unit=np.ones(first.shape, bool))]
    if op in REDUCING and not any(isinstance(each, Traced) for each in others):
        given = others[0].tolist() if others and others[0] is not None else a.get("axes")
        if not given:
            return []
        axes = tuple(axis % len(first.shape) for axis in given)
        result = reduced(first, axes)
        return [result if a.get("keepdims", 1) else result.each(lambda e: e.squeeze(axes))]
    if op == "Conv" and isinstance(first, Traced) and not any(
        isinstance(each, Traced) for each in others
    ):
        return pointwise(a, first, others[0])
    return []


def together(operands: list[Known]) -> Traced:
    """An element of each operand, joined; shapes broadcast."""
    known = [each if isinstance(each, Traced) else constant(each) for each in operands]
    low, high = known[0].low, known[0].high
    for each in known[1:]:
        low, high = np.minimum(low, each.low), np.maximum(high, each.high)
    return Traced(low, high, low, low).computed()


def reduced(value: Traced, axes: tuple[int, ...]) -> Traced:
    """All elements along some axes, joined; these axes stay, of length 1."""
    low, high = value.low.min(axes, keepdims=True), value.high.max(axes, keepdims=True)
    return Traced(low, high, low, low).computed()


def pointwise(a: dict, value: Traced, weights: np.ndarray) -> list[Traced]:
    """A convolution that looks at one position; [] for others. Its groups are not told apart."""
    spatial = weights.ndim - 2
    usual = {"pads": [0] * (2 * spatial), "strides": [1] * spatial}
    moves = any(list(a.get(name, wanted)) != wanted for name, wanted in usual.items())
    if moves or set(weights.shape[2:]) != {1} or a.get("auto_pad", "NOTSET") != "NOTSET":
        return []
    joined = reduced(value, (1,))
    shape = (value.shape[0], weights.shape[0], *value.shape[2:])
    return [joined.each(lambda each: np.broadcast_to(each, shape))]


def moved(node: NodeProto, opset: int, operands: list[Known | None]) -> list[Known]:
    """Results of an operator that moves elements of its first operand, or of all (Concat)."""
    count = len(operands) if node.op_type == "Concat" else 1
    if any(isinstance(each, Traced) for each in operands[count:]):
        return []
    pool: list[Traced] = []
    given, start = list(operands), 0
    for index, each in enumerate(operands[:count]):
        own = each if isinstance(each, Traced) else constant(each)
        size = own.low.size
        given[index] = np.arange(start, start + size).reshape(own.shape)
        pool.append(own)
        start += size
    whole = Traced(*(
        np.concatenate([getattr(each, name).reshape(-1) for each in pool])
        for name in ("low", "high", "source", "unit")
    ))  # fmt: skip
    return [whole.each(lambda each, at=at: each[at]) for at in standard(node, opset, given)]
