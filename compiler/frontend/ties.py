"""Thresholds where float64 is not sure: ties decided in exact arithmetic.

A quotient such as sum / 49 * 36.75 may lie on a tie and be rounded off it. Thresholds from float64
are therefore compared with exact codes on both sides of every level, and found anew from exact
codes where they differ.
"""

import numpy as np

from compiler.exact.reals import Reals
from compiler.frontend.encoding import Encoding
from compiler.frontend.expressions import Expression
from compiler.frontend.operators.exactly import apply, fractions, is_known
from compiler.frontend.operators.single import apply_single, rounded
from compiler.frontend.thresholds import bisect
from golden.network import Thresholds


def exact_values(expression: Expression, leaves: dict[str, Reals]) -> np.ndarray | None:
    """The expression's float64 values for leaves [1, C, ...], every step of it decided exactly.

    None where it computes in integers, which is exact anyway, or with an operator unknown here.
    """
    graph = expression.graph
    if any(t in graph.types for node in expression.nodes for t in (*node.inputs, node.output)):
        return None
    if not all(map(is_known, expression.nodes)):
        return None
    results = dict(leaves)
    for node in expression.nodes:
        for tensor in node.inputs:
            if tensor and tensor not in results:
                results[tensor] = Reals.exactly(graph.constants[tensor].astype(np.float64))
        operands = [results[tensor] if tensor else None for tensor in node.inputs]
        results[node.output] = apply(node, operands)
    return results[expression.tensor].values


def values_of_codes(
    expression: Expression, encodings: list[Encoding], *, single: bool = False
) -> np.ndarray:
    """The expression for every combination of the codes of its one or two leaves.

    float64 [1, C or 1, counts of the first or 1, counts of the last]. ``single``: in float32,
    operator by operator; otherwise exactly.
    """
    counts = [1, *(encoding.count for encoding in encodings)][-2:]
    integers = []
    for axis, encoding in enumerate(encodings):
        shape = [1, 1, 1, 1]
        shape[axis - len(encodings)] = encoding.count
        integers.append(encoding.integers.reshape(shape))
    found = values_of_integers(expression, encodings, integers, single=single)
    return np.broadcast_to(found, (*found.shape[:2], *counts))


def values_of_integers(
    expression: Expression, encodings: list[Encoding], integers: list[np.ndarray], *, single: bool
) -> np.ndarray:
    """The expression for integers [1, C or 1, ...] of each of its leaves, float64."""
    exact, floats = {}, {}
    for leaf, encoding, each in zip(expression.leaves, encodings, integers, strict=True):
        whole = Reals.exactly(each.astype(np.float64))
        exact[leaf] = whole * fractions(np.array(encoding.scale), ())
        floats[leaf] = encoding.scale * each
    if single and not any(leaf in expression.graph.types for leaf in expression.leaves):
        floats = {leaf: rounded(values) for leaf, values in floats.items()}
        found = expression.evaluate(floats, compute=apply_single)
    else:
        found = exact_values(expression, exact)
        found = expression.evaluate(floats) if found is None else found
    return found


def settle(
    thresholds: Thresholds,
    expression: Expression,
    encoding: Encoding,
    factors: tuple[np.ndarray, float, np.ndarray],
    ends: tuple[np.ndarray, np.ndarray],
    where: str,
) -> Thresholds:
    """The same thresholds where exact arithmetic agrees with them, otherwise its own.

    A sum v of channel c is v * scales[c] * scale + bias[c], ``factors`` being scales, scale and
    bias; ``ends``: smallest and largest sum of each channel. ``where`` names the layer in messages.
    """
    scales, scale, bias = factors
    column = (1, scales.size, 1, 1)
    factor = fractions(scales, column) * fractions(np.array(scale), ())

    def codes(sums: np.ndarray) -> np.ndarray | None:
        """Codes int64 [C, n] of sums [C, n]; None where they are not known exactly."""
        leaf = Reals.exactly(sums.astype(np.float64)[None, :, None, :]) * factor
        values = exact_values(expression, {expression.leaves[0]: leaf + bias.reshape(column)})
        if values is None:
            return None
        return encoding.codes(np.broadcast_to(values, leaf.shape)[0, :, 0, :])

    sign = thresholds.sign[:, None].astype(np.int64)
    low = np.minimum(sign[:, 0] * ends[0], sign[:, 0] * ends[1])[:, None]
    high = np.maximum(sign[:, 0] * ends[0], sign[:, 0] * ends[1])[:, None]
    level = np.clip(thresholds.levels, low, high + 1)
    wanted = np.arange(1, level.shape[1] + 1)
    places = np.concatenate([np.maximum(level - 1, low), np.minimum(level, high)], axis=1)
    found = codes(sign * places)
    if found is None:
        return thresholds
    before, after = np.split(found, 2, axis=1)
    wrong = ((before >= wanted) & (level > low)) | ((after < wanted) & (level <= high))
    # Behind a second quantiser a tie is a whole plateau of sums, not one.
    return bisect(codes, *ends, encoding.count, where) if wrong.any() else thresholds
