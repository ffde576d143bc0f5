"""Operators as what a machine with wide codes does: products, code tables, shares of a sum."""

from collections.abc import Iterable

import numpy as np

from arch.formats import CODE_BITS
from arch.wide import CODE_ENTRY_BITS, SHARE_FRACTION, TABLE_CODES
from compiler.backend.job import ChannelSpan, WideCodes
from compiler.backend.storage import Storage
from compiler.errors import UnsupportedError
from golden.network import Convolution, Lookup, Operator, Product, TableSum, Thresholds

HIGHEST = TABLE_CODES - 1


def needs_split(operator: Convolution) -> bool:
    """Whether thresholds and table are two jobs: few levels are thresholds' work."""
    return operator.table is not None and operator.thresholds.levels.shape[1] < 1 << CODE_BITS


def is_wide(operator: Operator) -> bool:
    """Whether an operator's codes are made by anything else than thresholds."""
    if isinstance(operator, Convolution):
        levels = operator.thresholds
        return levels is not None and levels.levels.shape[1] >= 1 << CODE_BITS
    return isinstance(operator, Lookup | TableSum)


def identity(channels: int, low: int = 0, high: int = HIGHEST) -> Product:
    """The product that gives v itself."""
    return Product(
        factor=np.ones(channels, np.int64),
        bias=np.zeros(channels, np.int64),
        multiplier=np.ones(channels, np.float32),
        zero=0,
        low=low,
        high=high,
    )


def wide_convolution(operator: Convolution, target: Storage) -> WideCodes:
    """A convolution with more levels than thresholds have, and its table.

    Codes that no sum gives, where a table of few codes stands behind a quantiser of few, are left
    out: the others are looked up.
    """
    levels, table = operator.thresholds, operator.table
    table = None if table is None else _stored(_one_row(operator, table), target)
    if operator.product is None:
        codes = codes_that_occur(levels)
        if len(codes) <= levels.levels.shape[1]:
            table = _stored(codes, target) if table is None else table[codes]
            levels = Thresholds(levels=levels.levels[:, codes[1:] - 1], sign=levels.sign)
    return WideCodes(operator.product, levels, table)


def codes_that_occur(thresholds: Thresholds) -> np.ndarray:
    """The codes int64, rising, that sums of any channel have between its levels."""
    levels = thresholds.levels
    far = np.full((len(levels), 1), Thresholds.FAR)
    ends = np.concatenate([-far, levels], axis=1), np.concatenate([levels, far], axis=1)
    return np.flatnonzero((ends[0] < ends[1]).any(axis=0))


def looked_up(operator: Lookup, sources: Iterable[Storage], target: Storage) -> WideCodes:
    """A table of the codes of one tensor."""
    table = _stored(_one_row(operator, operator.table), target)
    (entries,) = _by_stored_code(operator, [table], [sources])
    return WideCodes(identity(target.channels), table=entries)


def summed(operator: TableSum, sources: list[Iterable[Storage]], target: Storage) -> WideCodes:
    """The tables of a sum in the machine's units; ``sources``: of each of its inputs.

    UnsupportedError where a sum of shares is beyond the machine's numbers.
    """
    finer = SHARE_FRACTION - operator.fraction
    tables = [table.astype(np.int64) << finer for table in operator.tables]
    tables[0] += target.shift << SHARE_FRACTION
    half = 1 << CODE_ENTRY_BITS - 1
    ends = [np.array([table.min(), table.max()]) for table in tables]
    if max(np.abs(end).max() for end in (*ends, ends[0] + ends[1])) >= half:
        raise UnsupportedError(
            f"layer {operator.name!r}: shares of the sum of up to {CODE_ENTRY_BITS} bits are "
            "supported; quantise its inputs with scales nearer that of the result"
        )
    shares = tuple(_by_stored_code(operator, tables, sources))
    limits = operator.low + target.shift, operator.high + target.shift
    return WideCodes(identity(target.channels, *limits), shares=shares)


def rows_of(wide: WideCodes | None, span: ChannelSpan) -> WideCodes | None:
    """Those of a span's channels."""
    if wide is None:
        return None
    rows = slice(span.first, span.stop)
    product, levels = wide.product, wide.levels
    if product is not None:
        product = Product(
            factor=product.factor[rows],
            bias=product.bias[rows],
            multiplier=product.multiplier[rows],
            zero=product.zero,
            low=product.low,
            high=product.high,
        )
    if levels is not None:
        levels = Thresholds(levels=levels.levels[rows], sign=levels.sign[rows])
    return WideCodes(product, levels, wide.table, wide.shares)


def _one_row(operator: Operator, table: np.ndarray) -> np.ndarray:
    """The table of all channels, int64 [codes]."""
    if (table != table[:1]).any():
        channel = int((table != table[:1]).any(axis=1).argmax())
        raise UnsupportedError(
            f"layer {operator.name!r}: the table of codes of channel {channel} is not that of "
            "channel 0; supported is one table for all channels of a layer. Give the function "
            "behind the quantiser one parameter for all channels (LeakyRelu instead of PRelu)"
        )
    return table[0].astype(np.int64)


def _stored(table: np.ndarray, target: Storage) -> np.ndarray:
    """A table whose results are stored codes."""
    return table * target.multiplier + target.shift


def _by_stored_code(
    operator: Operator, tables: list[np.ndarray], sources: list[Iterable[Storage]]
) -> list[np.ndarray]:
    """Tables whose places are the stored codes of their inputs."""
    moved = []
    for table, storages in zip(tables, sources, strict=True):
        forms = {(storage.multiplier, storage.shift) for storage in storages}
        if len(forms) > 1:
            raise UnsupportedError(
                f"layer {operator.name!r}: its input is a Concat of tensors that are padded in "
                "different ways elsewhere; pad them alike, with a value of their quantisers"
            )
        multiplier, shift = forms.pop()
        codes = (np.arange(multiplier * (len(table) - 1) + shift + 1) - shift) // multiplier
        moved.append(table[np.maximum(codes, 0)])
    return moved
