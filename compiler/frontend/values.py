"""Which values a tensor can take: an interval, or a finite list of levels.

A quantised tensor is recognised by its values, not by the operators around it: after QONNX Quant,
QuantizeLinear -> Clip -> DequantizeLinear, or Div -> Round -> Clip -> Mul alike, a tensor has a few
evenly spaced levels. ``encode`` numbers them.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from compiler.exact.reals import Reals
from compiler.frontend import spec
from compiler.frontend.encoding import NARROW, TOLERANCE, Encoding
from compiler.frontend.integers import limits
from compiler.frontend.ir import Graph, Node
from compiler.frontend.operators import quantisers
from compiler.frontend.operators.elementwise import (
    ELEMENTWISE,
    apply,
    directions,
    integer_ends,
    setting,
)
from compiler.frontend.operators.exactly import STEPS, fractions, is_known
from compiler.frontend.operators.exactly import apply as apply_exactly
from compiler.frontend.operators.intervals import image
from golden.network import WIDEST_CODE

#: Integers beyond this stand together as +-infinity, until a Clip makes one level of them.
FARTHEST = 4096
#: Quantisers with more bits have too many levels to list; they may still lead to one that has few.
LARGEST_LISTED = 12
MOST_ERRORS = 4
"""Values that one level may have by rounding errors."""


@dataclass(frozen=True)
class Interval:
    """Any value from ``low`` to ``high``; Python integers where the tensor is of integers."""

    low: float = -np.inf
    high: float = np.inf


ANYTHING = Interval()


@dataclass(frozen=True, eq=False)
class Levels:
    """Values [channels or 1, n], in no particular order, repeats allowed.

    float64, or whole numbers of the tensor's integer type. ``exact`` [1, channels or 1, 1, n]: the
    numbers that ``rows`` are rounded from, where they are known.
    """

    rows: np.ndarray
    exact: Reals | None = None


Values = Interval | Levels


def encode(levels: Levels, most: int = 1 << WIDEST_CODE) -> Encoding | None:
    """The encoding of levels on an even grid through (half) zero with at most ``most`` places.

    Places between levels may stay unused, but on a grid of more than 4 bits only every other one:
    such a grid is one quantiser's, and not what several happen to have in common. None where there
    is no such grid.
    """
    values = np.unique(levels.rows).astype(np.float64)
    if not np.isfinite(values).all():
        return None
    size = np.abs(values).max(initial=0.0)
    apart = np.diff(values, prepend=-np.inf) > TOLERANCE * size
    if not apart.all() and merges_levels(levels.rows, size):
        return None
    firsts, own = values[apart], np.cumsum(apart) - 1
    # Each a hair's breadth from the next, and yet far apart, or too many for rounding errors of one
    # level: a function that hardly rises.
    if (values - firsts[own] > TOLERANCE * size).any():
        return None
    if np.bincount(own).max(initial=0) > MOST_ERRORS:
        return None
    values = firsts
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
        if places[-1] >= 1 << NARROW and places[-1] > 2 * values.size:
            return None
        step = span / places[-1]
        if np.abs(values - values[0] - step * places).max() <= TOLERANCE * size:
            return through_zero(values, places, step)
    return None


def quantiser_encoding(
    node: Node, graph: Graph, levels: Levels, most: int = 1 << WIDEST_CODE
) -> Encoding | None:
    """The encoding of levels in steps of the quantiser that makes them, whichever it leaves out.

    None for other operators, for one that has a scale per channel, and for more than ``most``.
    """
    if node.op not in spec.LEAVING | spec.UNIFORM_QUANTISERS or len(levels.rows) > 1:
        return None
    scale = graph.constants[node.inputs[1]]
    if scale.size > 1 or not np.isfinite(levels.rows).all():
        return None
    places = np.rint(levels.rows / scale.reshape(())).astype(np.int64)
    low, count = int(places.min()), int(np.ptp(places)) + 1
    if count > most:
        return None
    return Encoding(scale=float(scale.reshape(())), step=1, offset=low, count=count)


def merges_levels(rows: np.ndarray, size: float) -> bool:
    """Whether what are rounding errors beside ``size`` are levels of a channel of its own size."""
    sizes = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
    steps = np.diff(np.sort(rows, axis=1), axis=1)
    return bool(((steps > TOLERANCE * sizes) & (steps <= TOLERANCE * size)).any())


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
        favoured = scales[votes == votes.max()]
        span = (values[-1] - values[0]) / (integers[-1] - integers[0])
        return Encoding(
            scale=float(favoured[np.abs(favoured - span).argmin()]),
            step=factor,
            offset=int(np.rint(offset)),
            count=int(places[-1]) + 1,
        )
    return None


def whole_numbers(within: Interval) -> np.ndarray:
    """The whole numbers of an interval, +-infinity in place of those beyond FARTHEST."""
    low, high = max(within.low, -FARTHEST), min(within.high, FARTHEST)
    rows = np.arange(np.ceil(low), np.floor(high) + 1.0)
    below = [-np.inf] if within.low < -FARTHEST else []
    above = [np.inf] if within.high > FARTHEST else []
    return np.concatenate([below, rows, above])


def quantiser_bits(node: Node, graph: Graph) -> int:
    """Bits of a quantiser's integers; 0 for other operators."""
    if node.op in spec.UNIFORM_QUANTISERS:
        return int(graph.constants[node.inputs[3]].reshape(-1)[0])
    if node.op == "QuantizeLinear":
        return int(node.attributes["high"] - node.attributes["low"]).bit_length()
    return 0


def candidates(node: Node, graph: Graph, within: Interval = ANYTHING) -> np.ndarray | None:
    """All results [channels or 1, n] of an operator with few results, or None for the others.

    ``within``: limits of the results, of which more may be returned.
    """
    constants = [graph.constants.get(tensor) for tensor in node.inputs]
    if quantiser_bits(node, graph) > LARGEST_LISTED:
        return None
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
            scale, bias = (
                setting(node.op, node.attributes, name) for name in ("out_scale", "out_bias")
            )
            rows = np.arange(constants[1].shape[1] + 1.0) * scale + bias
        case "Sign":
            rows = np.array([-1.0, 0.0, 1.0])
        case "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Not":
            rows = np.array([0.0, 1.0])
        case "Round" | "Floor" | "Ceil" if within.low <= FARTHEST and within.high >= -FARTHEST:
            rows = whole_numbers(within)
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


def ends(values: Values) -> tuple[float, float]:
    """Smallest and largest value."""
    if isinstance(values, Levels):
        return values.rows.min().item(), values.rows.max().item()
    return values.low, values.high


def levels_of(encoding: Encoding) -> Levels:
    """What the codes of an encoding stand for."""
    integers = encoding.integers.astype(np.float64).reshape(1, 1, 1, -1)
    exact = Reals.exactly(integers) * fractions(np.array(encoding.scale), ())
    return Levels(encoding.values[None], exact)


def exact_results(node: Node, graph: Graph, tensor: str, source: Levels) -> Reals | None:
    """The results for every level without rounding errors; None for operators not known so.

    7 steps of a step that float64 does not hold, divided by it, are 7, and not 6.999... rounded
    down to 6.
    """
    finite = source.rows.dtype.kind == "f" and np.isfinite(source.rows).all()
    if not is_known(node) or not finite:
        return None
    x = Reals.exactly(source.rows[None, :, None, :]) if source.exact is None else source.exact
    constants = (graph.constants.get(name) for name in node.inputs)
    operands = [
        x if name == tensor else None if value is None else Reals.exactly(value.astype(np.float64))
        for name, value in zip(node.inputs, constants, strict=True)
    ]
    return apply_exactly(node, operands)


def levels_of_levels(node: Node, graph: Graph, tensor: str, source: Levels) -> Levels | None:
    """The results for every level of the node's one variable operand ``tensor``.

    None where the function is not defined at one of them, or takes different values for what
    stands together as infinity.
    """

    def results(values: np.ndarray) -> np.ndarray:
        operands = [
            values[None, :, None, :] if name == tensor else graph.constants.get(name)
            for name in node.inputs
        ]
        found = apply(node, operands)
        return found.reshape(found.shape[1], -1)

    rows = source.rows
    levels = results(rows)
    if levels.dtype.kind != "f":
        return Levels(levels)
    if np.isnan(levels).any():
        return None
    exact = exact_results(node, graph, tensor, source) if np.isfinite(levels).all() else None
    if exact is not None and node.op in STEPS:
        levels = exact.values.reshape(levels.shape)
    if rows.dtype.kind == "f" and np.isinf(rows).any():
        if directions(node, graph) is None:
            return None
        lowest = np.where(np.isinf(rows), np.inf, rows).min(axis=1)
        highest = np.where(np.isinf(rows), -np.inf, rows).max(axis=1)
        for end, edge in ((-np.inf, lowest), (np.inf, highest)):
            if not (rows == end).any():
                continue
            far = results(np.full((rows.shape[0], 1), end))
            if not (np.isinf(far) | (far == results(edge[:, None]))).all():
                return None
    return Levels(levels, exact)


def elementwise_values(node: Node, graph: Graph, known: dict[str, Values]) -> Values:
    """Values of an elementwise operator's result from those of its operands."""
    variables = graph.variables(node)
    kind = graph.types.get(node.output)
    source = known[variables[0]]
    if len(variables) == 1 and isinstance(source, Levels):
        kind_of_source = graph.types.get(variables[0], np.float64)
        typed = replace(source, rows=source.rows.astype(kind_of_source))
        levels = levels_of_levels(node, graph, variables[0], typed)
        if levels is not None:
            return levels
    if kind is not None:
        limits_of = {tensor: integer_limits(known[tensor]) for tensor in variables}
        found = integer_ends(node, graph, limits_of)
        return integer_values(int(found.min()), int(found.max()), kind)
    operands = []
    for tensor in node.inputs:
        if tensor in known:
            low, high = ends(known[tensor])
            operands.append((np.full((1,) * 4, low, float), np.full((1,) * 4, high, float)))
        else:
            value = graph.constants.get(tensor)
            operands.append(None if value is None else (value, value))
    low, high = image(node, operands)
    result = Interval(float(low.min()), float(high.max()))
    rows = candidates(node, graph, result)
    if rows is None:
        return result
    inside = np.isinf(rows) | ((rows >= result.low) & (rows <= result.high))
    inside = inside.any(axis=0)
    return Levels(rows[:, inside]) if inside.any() else result


def exact_numbers(levels: Levels) -> list:
    """The numbers of the levels, as fractions where they are known so; none for infinity."""
    if levels.rows.dtype.kind != "f" or not np.isfinite(levels.rows).all():
        return [None]
    if levels.exact is None:
        return [Fraction(float(value)) for value in np.unique(levels.rows)]
    return list(levels.exact.levels().numbers)


def join(parts: list[Values]) -> Values:
    """Values of a tensor that takes its elements from several."""
    if all(isinstance(part, Levels) for part in parts):
        numbers = {number for part in parts for number in exact_numbers(part)}
        if numbers and all(isinstance(number, Fraction) for number in numbers):
            exact = Reals.fractions(sorted(numbers), (1, 1, 1, len(numbers)))
            return Levels(exact.values[0, 0], exact)
        return Levels(np.unique(np.concatenate([part.rows.ravel() for part in parts]))[None])
    limits_of = [ends(part) for part in parts]
    return Interval(min(low for low, _ in limits_of), max(high for _, high in limits_of))


def node_values(node: Node, graph: Graph, known: dict[str, Values]) -> Values:
    """Values of a node's first result."""
    if node.op == "Quantise":
        return levels_of(node.attributes["encoding"])
    if node.op in ELEMENTWISE:
        return elementwise_values(node, graph, known)
    if node.op == "Slice":
        source = known[node.inputs[0]]
        if isinstance(source, Levels) and len(source.rows) > 1:
            return Levels(source.rows[node.attributes["start"] : node.attributes["stop"]])
        return source
    if node.op in spec.WITHIN_CHANNELS:
        source = known[node.inputs[0]]
        if node.op in spec.PADDING:
            return join([source, Levels(np.array([[node.attributes["value"]]]))])
        return source
    if node.op in spec.MOVING:
        return join([known[tensor] for tensor in node.inputs])
    return anything(graph.types.get(node.output))


def graph_values(graph: Graph) -> dict[str, Values]:
    """Values of every tensor that is not constant, from the picture's."""
    known: dict[str, Values] = {graph.input: levels_of(graph.picture)}
    for node in graph.nodes:
        known.update(dict.fromkeys(node.outputs, node_values(node, graph, known)))
    return known


def moved_encoding(node: Node, known: dict[str, Encoding]) -> Encoding | None:
    """Encoding of a node's result where it is codes: quantised, or moved codes."""
    if node.op == "Quantise":
        return node.attributes["encoding"]
    if node.op not in spec.MOVING_CODES:
        return None
    sources = [known.get(tensor) for tensor in node.inputs]
    if all(sources) and all(sources[0].same_grid(other) for other in sources):
        return max(sources, key=lambda encoding: encoding.count)
    return None


def encodings(graph: Graph) -> dict[str, Encoding]:
    """Encoding of every tensor that exists as codes; that of the picture is the graph's."""
    result = {graph.input: graph.picture}
    for node in graph.nodes:
        encoding = moved_encoding(node, result)
        if encoding is not None:
            result[node.output] = encoding
    return result
