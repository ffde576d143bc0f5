"""Functions of codes, as tables: what a quantiser behind one or two code tensors makes of them.

Results of up to 4 bits are those of real numbers; wider ones those of float32 (docs/numerics.md,
3).
"""

import numpy as np

from compiler.errors import QuantisationError
from compiler.frontend.encoding import NARROW, Encoding
from compiler.frontend.expressions import Expression
from compiler.frontend.functions.table_sums import find_tables, shares
from compiler.frontend.sums import View
from compiler.frontend.thresholds import find_factors
from compiler.frontend.ties import values_of_codes, values_of_integers
from golden.network import Thresholds


def table_of_one(expression: Expression, source: Encoding, encoding: Encoding) -> np.ndarray:
    """Codes int64 [1 or C, codes of the one leaf]."""
    values = values_of_codes(expression, [source], single=encoding.bits > NARROW)
    return encoding.codes(values.reshape(-1, source.count))


def table_of_several(
    expression: Expression, sources: list[Encoding], codes: list[np.ndarray], encoding: Encoding
) -> np.ndarray:
    """The same for leaves that all are functions of one tensor, such as x * Sigmoid(x).

    ``codes`` int64 [1 or C, codes of that tensor] of each leaf.
    """
    integers = [
        source.integers[each][None, :, None, :] for source, each in zip(sources, codes, strict=True)
    ]
    values = values_of_integers(expression, sources, integers, single=encoding.bits > NARROW)
    return encoding.codes(values.reshape(-1, values.shape[-1]))


def table_of_pairs(
    expression: Expression, sources: list[Encoding], encoding: Encoding
) -> np.ndarray:
    """Codes int64 [1 or C, codes of the first leaf, codes of the second]."""
    values = values_of_codes(expression, sources, single=encoding.bits > NARROW)
    return encoding.codes(values.reshape(-1, *(source.count for source in sources)))


def composed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The table ``second`` [1 or C, n] behind the table ``first`` [1 or C, m] of codes below n."""
    rows = max(len(first), len(second))
    first, second = (np.broadcast_to(each, (rows, each.shape[1])) for each in (first, second))
    return np.take_along_axis(second, first, axis=1)


def sum_tables(
    expression: Expression, views: tuple[View, View], table: np.ndarray, encoding: Encoding
) -> tuple[tuple[np.ndarray, np.ndarray], int]:
    """(tables, fraction) of a TableSum with the codes ``table`` int64 [1 or C, a, b].

    QuantisationError where the codes are not a sum that is rounded.
    """
    found = None
    if (table == table[:1]).all():
        values = {
            leaf: view.encoding.values for leaf, view in zip(expression.leaves, views, strict=True)
        }
        parts = shares(expression, values)
        if parts is not None:
            step = encoding.scale * encoding.step
            found = find_tables(*parts, table[0], step, float(encoding.values[0]))
    if found is None:
        raise QuantisationError(
            f"quantiser of {expression.tensor!r}: its codes are not those of a sum of a function "
            f"of {views[0].name!r} and one of {views[1].name!r}, rounded; supported with more "
            "than 4 bits are Add and Sub of two quantised tensors, alike in all channels. Put "
            "a quantiser behind the Add, and before products and other functions of it."
        )
    return found


def sum_factors(
    views: tuple[View, View], table: np.ndarray, count: int, where: str
) -> tuple[tuple[int, int], Thresholds]:
    """(factors, thresholds) of a WeightedSum with the codes ``table`` int64 [C, a, b].

    QuantisationError where there are none.
    """
    first, second = (view.encoding for view in views)
    found = find_factors(first.integers, second.integers, table, count)
    if found is None and find_factors(first.integers, second.integers, table[:1], count):
        raise QuantisationError(
            f"{where}: the factors of its two inputs differ from channel to channel; supported "
            "is one factor per input. Give both inputs one scale for all channels."
        )
    if found is None:
        raise QuantisationError(
            f"{where}: the codes are not a step function of p * a + q * b with factors up to "
            f"127 (scales {first.scale:.6g} and {second.scale:.6g}); supported are sums through "
            "monotone functions. Train both inputs with one scale, or scales in a simple ratio."
        )
    return found
