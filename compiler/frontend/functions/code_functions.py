"""Functions of codes, as tables: what a quantiser behind one code tensor makes of them.

Results of up to 4 bits are those of real numbers; wider ones those of float32 (docs/numerics.md,
3).
"""

import numpy as np

from compiler.frontend.encoding import NARROW, Encoding
from compiler.frontend.expressions import Expression
from compiler.frontend.ties import values_of_codes, values_of_integers


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


def composed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The table ``second`` [1 or C, n] behind the table ``first`` [1 or C, m] of codes below n."""
    rows = max(len(first), len(second))
    first, second = (np.broadcast_to(each, (rows, each.shape[1])) for each in (first, second))
    return np.take_along_axis(second, first, axis=1)
