"""Thresholds where float64 is not sure: ties decided in exact arithmetic.

A quotient such as sum / 49 * 36.75 may lie on a tie and be rounded off it. Thresholds from float64
are therefore at most one sum away from the exact ones, and are compared with exact codes on both
sides of every level.
"""

import numpy as np

from compiler.exact.operators import ON_REALS
from compiler.exact.picture import simple_fraction
from compiler.exact.quantising import round_by
from compiler.exact.reals import Reals, maximum, minimum
from compiler.frontend.encoding import Encoding
from compiler.frontend.expressions import Expression
from compiler.frontend.ir import Node
from golden.network import Thresholds


def fractions(values: np.ndarray, shape: tuple) -> Reals:
    """Scales as what they stand for: 1/255 and 1/9 are those fractions."""
    return Reals.fractions([simple_fraction(float(v)) for v in np.ravel(values)], shape)


def apply(node: Node, operands: list[Reals | None]) -> Reals:
    """One operator, in the form that the passes give it."""
    match node.op:
        case "QuantizeLinear":
            x, scale, zero = operands
            low, high = node.attributes["low"], node.attributes["high"]
            return minimum(maximum(round_by("ROUND", x / scale) + zero, low), high)
        case "DequantizeLinear":
            x, scale, zero = operands
            return (x - zero) * scale
        case "Not":
            return 1.0 - operands[0]
    while operands[-1] is None:
        operands = operands[:-1]
    return Reals.of(ON_REALS[node.op](node.attributes, *operands))


def exact_values(expression: Expression, leaves: dict[str, Reals]) -> np.ndarray | None:
    """The expression's float64 values for leaves [1, C, ...], every step of it decided exactly.

    None where it computes in integers, which is exact anyway, or with an operator unknown here.
    """
    graph = expression.graph
    if any(t in graph.types for node in expression.nodes for t in (*node.inputs, node.output)):
        return None
    if any(node.op not in ON_REALS and node.op != "Not" for node in expression.nodes):
        return None
    results = dict(leaves)
    for node in expression.nodes:
        for tensor in node.inputs:
            if tensor and tensor not in results:
                results[tensor] = Reals.exactly(graph.constants[tensor].astype(np.float64))
        operands = [results[tensor] if tensor else None for tensor in node.inputs]
        results[node.output] = apply(node, operands)
    return results[expression.tensor].values


def values_of_codes(expression: Expression, encodings: list[Encoding]) -> np.ndarray:
    """The expression for every combination of the codes of its one or two leaves.

    float64 [1, C or 1, counts of the first or 1, counts of the last].
    """
    counts = [1, *(encoding.count for encoding in encodings)][-2:]
    exact, floats = {}, {}
    for axis, (leaf, encoding) in enumerate(zip(expression.leaves, encodings, strict=True)):
        shape = [1, 1, 1, 1]
        shape[axis - len(encodings)] = encoding.count
        integers = encoding.integers.astype(np.float64).reshape(shape)
        exact[leaf] = Reals.exactly(integers) * fractions(np.array(encoding.scale), ())
        floats[leaf] = encoding.values.reshape(shape)
    found = exact_values(expression, exact)
    found = expression.evaluate(floats) if found is None else found
    return np.broadcast_to(found, (*found.shape[:2], *counts))


def settle(
    thresholds: Thresholds,
    expression: Expression,
    encoding: Encoding,
    factors: tuple[np.ndarray, float, np.ndarray],
    ends: tuple[np.ndarray, np.ndarray],
) -> Thresholds:
    """The same thresholds, each moved by one sum where exact arithmetic wants it.

    A sum v of channel c is v * scales[c] * scale + bias[c], ``factors`` being scales, scale and
    bias; ``ends``: smallest and largest sum of each channel.
    """
    scales, scale, bias = factors
    sign = thresholds.sign[:, None].astype(np.int64)
    low = np.minimum(sign[:, 0] * ends[0], sign[:, 0] * ends[1])[:, None]
    high = np.maximum(sign[:, 0] * ends[0], sign[:, 0] * ends[1])[:, None]
    level = np.clip(thresholds.levels, low, high + 1)
    wanted = np.arange(1, level.shape[1] + 1)
    column = (1, scales.size, 1, 1)
    places = np.concatenate([np.maximum(level - 1, low), np.minimum(level, high)], axis=1)
    sums = (sign * places).reshape(1, scales.size, 1, -1).astype(np.float64)
    leaf = Reals.exactly(sums) * fractions(scales, column) * fractions(np.array(scale), ())
    values = exact_values(expression, {expression.leaves[0]: leaf + bias.reshape(column)})
    if values is None:
        return thresholds
    codes = encoding.codes(np.broadcast_to(values, sums.shape)[0, :, 0, :])
    before, after = np.split(codes, 2, axis=1)
    moved = level - ((before >= wanted) & (level > low)) + ((after < wanted) & (level <= high))
    far = np.full_like(moved, Thresholds.FAR)
    levels = np.where(moved > high, far, np.where(moved <= low, -far, moved))
    return Thresholds(levels=levels, sign=thresholds.sign)
