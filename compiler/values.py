"""Which values a tensor can take: an interval, or a finite list of levels.

A quantised tensor is recognised by its values, not by the operators around it: after QONNX Quant,
QuantizeLinear -> Clip -> DequantizeLinear, or Div -> Round -> Clip -> Mul alike, a tensor has a few
evenly spaced levels. ``Encoding`` numbers them.
"""

from dataclasses import dataclass

import numpy as np

from compiler import quantisers
from compiler.elementwise import ELEMENTWISE, apply, directions, integer_ends
from compiler.integers import limits
from compiler.ir import Graph, Node

#: Integers beyond this stand as +-infinity: a later Clip makes them finite, or nothing does.
FARTHEST = 4096
LARGEST_BITS = 4
#: float32 constants reproduce a grid's zero point to this relative accuracy.
TOLERANCE = 2.0**-20


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """Code k stands for ``scale * (step * k + offset)``, k = 0..count-1."""

    scale: float
    step: int
    offset: int
    count: int

    @property
    def bits(self) -> int:
        return max(1, (self.count - 1).bit_length())

    @property
    def integers(self) -> np.ndarray:
        """The integers of all codes, int64 [count]."""
        return self.step * np.arange(self.count, dtype=np.int64) + self.offset

    @property
    def values(self) -> np.ndarray:
        """The values of all codes, float64 [count]."""
        return self.scale * self.integers

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Codes int64 of values on (or by rounding errors beside) the levels."""
        codes = np.rint((values / self.scale - self.offset) / self.step)
        return np.clip(codes, 0, self.count - 1).astype(np.int64)

    def same_grid(self, other: "Encoding") -> bool:
        """Whether equal codes mean equal values (scales may differ by float32 rounding errors)."""
        return (
            self.step == other.step
            and self.offset == other.offset
            and abs(self.scale - other.scale) <= TOLERANCE * self.scale
        )


@dataclass(frozen=True)
class Interval:
    """Any value from ``low`` to ``high``; Python integers where the tensor is of integers."""

    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True, eq=False)
class Levels:
    """Values [channels or 1, n], in no particular order, repeats allowed.

    float64, or whole numbers of the tensor's integer type.
    """

    rows: np.ndarray


Values = Interval | Levels


def encode(levels: Levels, most: int = 1 << LARGEST_BITS) -> Encoding | None:
    """The encoding of levels on an even grid through (half) zero with at most ``most`` places.

    Places between levels may stay unused. None where there is no such grid.
    """
    values = np.unique(levels.rows).astype(np.float64)
    if not np.isfinite(values).all():
        return None
    size = np.abs(values).max(initial=0.0)
    apart = np.diff(values, prepend=-np.inf) > TOLERANCE * size
    values = values[apart | (np.arange(values.size) == 0)]
    if not 0 < values.size <= most:
        return None
    if values.size == 1:
        value = float(values[0])
        return Encoding(scale=abs(value) or 1.0, step=1, offset=int(np.sign(value)), count=1)
    smallest, span = np.diff(values).min(), values[-1] - values[0]
    for part in range(1, most):
        places = np.rint((values - values[0]) * (part / smallest))
        if places[-1] >= most:
            return None
        step = span / places[-1]
        if np.abs(values - values[0] - step * places).max() <= TOLERANCE * size:
            return through_zero(values, places, step)
    return None


def through_zero(values: np.ndarray, places: np.ndarray, step: float) -> Encoding | None:
    """The encoding of ``values`` at ``places`` 0..n of a grid, if that has (half) zero on it."""
    for factor in (1, 2):
        offset = values[0] * factor / step
        if abs(offset - np.rint(offset)) > TOLERANCE * max(1.0, abs(offset)):
            continue
        integers = factor * places + np.rint(offset)
        # Most levels give the scale exactly; single ones may be float32 limits of a Clip.
        known = integers != 0
        scales, votes = np.unique(values[known] / integers[known], return_counts=True)
        return Encoding(
            scale=float(scales[votes.argmax()]),
            step=factor,
            offset=int(np.rint(offset)),
            count=int(places[-1]) + 1,
        )
    return None


def candidates(node: Node, graph: Graph) -> np.ndarray | None:
    """All results [channels or 1, n] of an operator with few results, or None for the others."""
    constants = [graph.constants.get(tensor) for tensor in node.inputs]
    match node.op:
        case "Quant" | "IntQuant":
            bits = int(constants[3].reshape(-1)[0])
            low, high = quantisers.quant_range(bits, node.attributes)
            step = 2 if quantisers.is_bipolar(bits, node.attributes) else 1
            integers = np.arange(low, high + 1, step, dtype=np.float64)
            rows = (integers - constants[2]) * constants[1]
        case "BipolarQuant":
            rows = np.array([-1.0, 1.0]) * constants[1]
        case "QuantizeLinear":
            rows = np.arange(node.attributes["low"], node.attributes["high"] + 1.0)
        case "MultiThreshold":
            scale = float(node.attributes.get("out_scale", 1.0))
            bias = float(node.attributes.get("out_bias", 0.0))
            rows = np.arange(constants[1].shape[1] + 1.0) * scale + bias
        case "Sign":
            rows = np.array([-1.0, 0.0, 1.0])
        case "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Not":
            rows = np.array([0.0, 1.0])
        case "Round" | "Floor" | "Ceil":
            rows = np.arange(-FARTHEST, FARTHEST + 1.0)
            rows = np.concatenate([[-np.inf], rows, [np.inf]])
        case _:
            return None
    return rows.reshape(-1, rows.shape[-1])


def anything(kind: np.dtype | None) -> Interval:
    """All values of an integer type, or all numbers."""
    return Interval() if kind is None else Interval(*limits(kind))


def integer_limits(values: Values) -> np.ndarray:
    """Smallest and largest of whole values, as Python integers [1, 1, 1, 2]."""
    if isinstance(values, Levels):
        values = Interval(values.rows.min(), values.rows.max())
    ends = [int(values.low), int(values.high)]
    return np.array(ends, object).reshape(1, 1, 1, 2)


def integer_values(low: int, high: int, kind: np.dtype) -> Values:
    """The integers low..high of an integer type: listed where they are few, all that it holds where
    some of them wrap around."""
    least, most = limits(kind)
    if low < least or high > most:
        return Interval(least, most)
    if high - low <= FARTHEST:
        return Levels(np.arange(low, high + 1, dtype=kind)[None])
    return Interval(low, high)


def elementwise_values(node: Node, graph: Graph, known: dict[str, Values]) -> Values:
    """Values of an elementwise operator's result from those of its operands."""
    variables = graph.variables(node)
    kind = graph.types.get(node.output)
    source = known[variables[0]] if len(variables) == 1 else Interval()
    if isinstance(source, Levels):
        rows = source.rows.astype(graph.types.get(variables[0], np.float64))
        operands = [
            rows[None, :, None, :] if tensor == variables[0] else graph.constants.get(tensor)
            for tensor in node.inputs
        ]
        result = apply(node, operands)
        return Levels(result.reshape(result.shape[1], -1))
    if kind is not None:
        ends = {tensor: integer_limits(known[tensor]) for tensor in variables}
        ends = integer_ends(node, graph, ends)
        return integer_values(int(ends.min()), int(ends.max()), kind)
    result = Interval()
    if directions(node, graph) is not None:
        ends = np.array([source.low, source.high], np.float64).reshape(1, 1, 1, 2)
        operands = [
            ends if tensor == variables[0] else graph.constants.get(tensor)
            for tensor in node.inputs
        ]
        ends = apply(node, operands)
        result = Interval(float(ends.min()), float(ends.max()))
    rows = candidates(node, graph)
    if rows is None:
        return result
    inside = ((rows >= result.low) & (rows <= result.high)).any(axis=0)
    return Levels(rows[:, inside]) if inside.any() else result


def join(parts: list[Values]) -> Values:
    """Values of a tensor that takes its elements from several."""
    if all(isinstance(part, Levels) for part in parts):
        return Levels(np.unique(np.concatenate([part.rows.ravel() for part in parts]))[None])
    ends = [
        (part.rows.min().item(), part.rows.max().item())
        if isinstance(part, Levels)
        else (part.low, part.high)
        for part in parts
    ]
    return Interval(min(low for low, _ in ends), max(high for _, high in ends))


def node_values(node: Node, graph: Graph, known: dict[str, Values]) -> Values:
    """Values of a node's first result."""
    kind = graph.types.get(node.output)
    if node.op == "Quantise":
        return Levels(node.attributes["encoding"].values[None])
    if node.op in ELEMENTWISE:
        return elementwise_values(node, graph, known)
    if node.op in ("MaxPool", "Enlarge"):
        return known[node.inputs[0]]
    if node.op == "Slice":
        source = known[node.inputs[0]]
        if isinstance(source, Levels) and len(source.rows) > 1:
            return Levels(source.rows[node.attributes["start"] : node.attributes["stop"]])
        return source
    if node.op == "Concat":
        return join([known[tensor] for tensor in node.inputs])
    if node.op == "Pad":
        return join([known[node.inputs[0]], Levels(np.array([[node.attributes["value"]]]))])
    return anything(kind)


def graph_values(graph: Graph, picture: Levels) -> dict[str, Values]:
    """Values of every tensor that is not constant."""
    known: dict[str, Values] = {graph.input: picture}
    for node in graph.nodes:
        known[node.output] = node_values(node, graph, known)
    return known


def encodings(graph: Graph, picture: Encoding | None) -> dict[str, Encoding]:
    """Encoding of every tensor that exists as codes: quantised, or moved codes.

    ``picture``: the encoding of the graph's input, if that is used as it is.
    """
    result = {} if picture is None else {graph.input: picture}
    for node in graph.nodes:
        if node.op == "Quantise":
            result[node.output] = node.attributes["encoding"]
        elif node.op in ("MaxPool", "Enlarge", "Slice", "Concat"):
            sources = [result.get(tensor) for tensor in node.inputs]
            if all(sources) and all(sources[0].same_grid(other) for other in sources):
                result[node.output] = max(sources, key=lambda encoding: encoding.count)
    return result
