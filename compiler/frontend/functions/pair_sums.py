"""Functions of the codes of two tensors: what a quantiser behind their sum makes of them.

Every pair of codes is computed as the file does, and looked for as factors and thresholds, or as a
table for each.
"""

from dataclasses import dataclass

import numpy as np

from compiler.errors import QuantisationError
from compiler.frontend.encoding import NARROW, Encoding
from compiler.frontend.expressions import Expression
from compiler.frontend.functions.table_sums import find_tables, shares
from compiler.frontend.sums import View
from compiler.frontend.thresholds import find_factors
from compiler.frontend.ties import values_of_integers
from golden.network import Thresholds


@dataclass(frozen=True, eq=False)
class Part:
    """A leaf of a function of two tensors: ``codes`` int64 [1 or C, codes] of its own ``encoding``
    for those of the tensor ``root``, 0 or 1, which may be the leaf itself."""

    encoding: Encoding
    root: int
    codes: np.ndarray

    @property
    def integers(self) -> np.ndarray:
        """[1, C or 1, codes or 1, codes or 1]: the last axis is that of the second tensor."""
        found = self.encoding.integers[self.codes]
        return found[None, :, None, :] if self.root else found[None, :, :, None]


@dataclass(frozen=True, eq=False)
class Factors:
    """What a WeightedSum holds."""

    factors: tuple[int, int]
    thresholds: Thresholds


@dataclass(frozen=True, eq=False)
class Tables:
    """What a TableSum holds."""

    tables: tuple[np.ndarray, np.ndarray]
    fraction: int
    low: int
    high: int


def table_of_pairs(expression: Expression, parts: list[Part], encoding: Encoding) -> np.ndarray:
    """Codes int64 [1 or C, codes of the first tensor, codes of the second] for its leaves."""
    found = values_of_integers(
        expression,
        [part.encoding for part in parts],
        [part.integers for part in parts],
        single=encoding.bits > NARROW,
    )
    return encoding.codes(found.reshape(-1, *found.shape[2:]))


def sum_of_parts(
    expression: Expression,
    parts: list[Part],
    views: tuple[View, View],
    channels: int,
    encoding: Encoding,
) -> Factors | Tables:
    """The sum of the tensors ``views``, of which the leaves are ``parts``, exact for all codes.

    Factors where all have up to 4 bits and there are some, otherwise tables. QuantisationError
    where it is neither.
    """
    table = table_of_pairs(expression, parts, encoding)
    narrow = max(each.bits for each in (views[0].encoding, views[1].encoding, encoding)) <= NARROW
    if narrow:
        integers = [view.encoding.integers for view in views]
        rows = np.broadcast_to(table, (channels, *table.shape[1:]))
        found = find_factors(*integers, rows, encoding.count)
        if found is not None:
            return Factors(*found)
        if find_factors(*integers, rows[:1], encoding.count):
            raise QuantisationError(
                f"{between(expression, views)}: the factors of its two inputs differ from channel "
                "to channel; supported is one factor per input. Give both inputs one scale for all "
                "channels."
            )
    found = tables_of(expression, parts, table, encoding)
    if found is None:
        raise QuantisationError(
            f"{between(expression, views)}: its codes are not those of a sum of a function of the "
            "one and a function of the other, rounded; supported are Add and Sub of two quantised "
            "tensors, alike in all channels. Put a quantiser behind the Add, and before products "
            "and other functions of it."
        )
    return Tables(*found, low=int(table.min()), high=int(table.max()))


def between(expression: Expression, views: tuple[View, View]) -> str:
    """The quantiser in messages: what it quantises, and what that is made of."""
    joins = [node for node in expression.nodes if len(expression.graph.variables(node)) > 1]
    return (
        f"quantiser of {expression.tensor!r}, computed by {joins[-1]} from {views[0].name!r} and "
        f"{views[1].name!r}"
    )


def tables_of(
    expression: Expression, parts: list[Part], table: np.ndarray, encoding: Encoding
) -> tuple[tuple[np.ndarray, np.ndarray], int] | None:
    """(tables, fraction) of a TableSum with the codes ``table`` int64 [1 or C, a, b], if it is
    one."""
    if (table != table[:1]).any() or any(len(part.codes) > 1 for part in parts):
        return None
    known = dict(zip(expression.leaves, parts, strict=True))
    values = {leaf: part.encoding.values[part.codes[0]] for leaf, part in known.items()}
    both = shares(expression, values, {leaf: part.root for leaf, part in known.items()})
    if both is None:
        return None
    step = encoding.scale * encoding.step
    return find_tables(*both, table[0], step, float(encoding.values[0]))
