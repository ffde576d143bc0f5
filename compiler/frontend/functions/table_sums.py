"""Sums of two code tensors whose scales have no small ratio: a table of fractions for each.

The tables are found by rounding each input's share of the sum, and moved by single units where that
gives a wrong code. Every pair of codes is checked.
"""

import numpy as np

from compiler.frontend import spec
from compiler.frontend.expressions import Expression, trace
from compiler.frontend.ir import Node

#: Fraction bits below the result's code: what is tried first, and the most.
FIRST, MOST = 6, 14
#: Rounds of moving units to and fro.
ROUNDS = 60


def joining(expression: Expression, roots: dict[str, int]) -> Node | None:
    """The Add or Sub whose two operands depend on one tensor each, if there is one.

    ``roots``: the tensor, 0 or 1, that each leaf is a function of.
    """
    depends = {leaf: {root} for leaf, root in roots.items()}
    for node in expression.nodes:
        parts = [depends[tensor] for tensor in node.inputs if tensor in depends]
        depends[node.output] = set().union(*parts)
        if len(depends[node.output]) == 2:
            single = len(parts) == 2 and all(len(part) == 1 for part in parts)
            return node if single and node.op in spec.ADDING else None
    return None


def shares(
    expression: Expression, values: dict[str, np.ndarray], roots: dict[str, int]
) -> tuple[np.ndarray, np.ndarray] | None:
    """What each of two tensors adds, float64 [its codes]; None where the function is no sum.

    ``values`` of each leaf [codes of the tensor], 0 or 1, that ``roots`` says it is a function of.
    Only for functions that are the same in every channel.
    """
    node = joining(expression, roots)
    if node is None:
        return None
    found: dict[int, np.ndarray] = {}
    for tensor, sign in zip(node.inputs, (1, -1 if node.op == "Sub" else 1), strict=True):
        part = trace(expression.graph, tensor)
        share = part.evaluate({leaf: values[leaf].reshape(1, 1, 1, -1) for leaf in part.leaves})
        if share.shape[1] > 1:
            return None
        found[roots[part.leaves[0]]] = sign * share.reshape(-1)
    return found[0], found[1]


def find_tables(
    first: np.ndarray, second: np.ndarray, table: np.ndarray, step: float, offset: float
) -> tuple[tuple[np.ndarray, np.ndarray], int] | None:
    """(tables int32, fraction) with clip((tables[0][a] + tables[1][b]) >> fraction) = table[a, b].

    ``first`` [a] and ``second`` [b]: shares of a sum of which ``step`` is one code of the result
    and ``offset`` the value of code 0; ``table`` int64 [a, b]. The fewest fraction bits that do;
    None where none do, because the result is not the sum rounded.
    """
    for fraction in range(FIRST, MOST + 1):
        unit = step / (1 << fraction)
        rows = np.rint(first / unit).astype(np.int64)
        columns = np.rint((second - offset + step / 2) / unit).astype(np.int64)
        least = np.where(table > table.min(), table << fraction, -(1 << 40))
        most = np.where(table < table.max(), ((table + 1) << fraction) - 1, 1 << 40)
        for _ in range(ROUNDS):
            rows = between(rows, (least - columns).max(axis=1), (most - columns).min(axis=1))
            other = rows[:, None]
            columns = between(columns, (least - other).max(axis=0), (most - other).min(axis=0))
            total = rows[:, None] + columns
            if ((total >= least) & (total <= most)).all():
                return (rows.astype(np.int32), columns.astype(np.int32)), fraction
    return None


def between(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The nearest value from ``low`` to ``high``; half-way where these have crossed."""
    middle = (low + high) >> 1
    return np.where(low > high, middle, np.clip(values, low, high))
