"""Post modes of wide codes: products, code tables, shares of a sum (docs/machine.md, section 5)."""

import numpy as np
from amaranth.lib import data

from arch.formats import WIDE_BITS
from arch.isa import PostMode
from arch.wide import (
    MANTISSA_BITS,
    OFFSET_BITS,
    PRODUCT_UNITS,
    SHARE_FRACTION,
    TABLE_CODES,
    TABLE_HALVES,
    Range,
    Scale,
)
from golden.loader import ChipMemories
from golden.operators import leading_bits, shifted
from golden.program import Instruction, MachineError

MOST_PLACES = 62
"""Shifts of an int64; products of 56 bits are 0 after fewer."""


class Products:
    """The products of a row block's rows, int64 [rows, 1] each, as a COMPUTE finds them."""

    def __init__(self, chip: ChipMemories, compute: Instruction):
        chosen = compute.fields["threshold_set"]
        rows = chip.machine.rows
        if chip.threshold_units[chosen] < PRODUCT_UNITS * rows:
            raise MachineError(
                f"{compute} needs {PRODUCT_UNITS * rows} units of products; set {chosen} was "
                f"loaded with {chip.threshold_units[chosen]}"
            )
        units = chip.thresholds[chosen, :PRODUCT_UNITS].astype(np.int64)[..., None]
        #: For the captures with pool_first, and for the others.
        self.offsets = [(units[k] ^ 1 << OFFSET_BITS - 1) - (1 << OFFSET_BITS - 1) for k in (0, 3)]
        scale = _fields(Scale, units[1])
        self.mantissa, self.zero = scale["mantissa"], scale["zero"]
        ranges = _fields(Range, units[2])
        self.places, self.doublings = ranges["places"], ranges["doublings"]
        self.low, self.high, self.negative = ranges["low"], ranges["high"], ranges["negative"]
        self.absent = ranges["absent"]
        small = (self.mantissa > 0) & (self.mantissa < 1 << MANTISSA_BITS - 1)
        if small.any():
            raise MachineError(
                f"{compute}: the mantissa of row {int(small.argmax())} in set {chosen} is neither "
                f"0 nor of {MANTISSA_BITS} bits"
            )

    def whole(self, sums: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """Products rounded to whole numbers, with the zero added: int64 [rows, n]."""
        # Beyond 32 bits and a sign it wraps, as positions do that are not written.
        whole = offset - (sums << self.doublings)
        whole = (whole + (1 << OFFSET_BITS)) % (2 << OFFSET_BITS) - (1 << OFFSET_BITS)
        whole[whole == -1 << OFFSET_BITS] = 0
        scaled = leading_bits(leading_bits(whole, MANTISSA_BITS) * self.mantissa, MANTISSA_BITS)
        rounded = shifted(scaled, np.minimum(self.places, MOST_PLACES))
        return np.where(self.negative, -rounded, rounded) + self.zero

    def limited(self, codes: np.ndarray) -> np.ndarray:
        """At least low, and then at most high."""
        return np.minimum(np.maximum(codes, self.low), self.high)


def _fields(layout: type[data.Struct], units: np.ndarray) -> dict[str, np.ndarray]:
    return {
        name: units >> field.offset & (1 << field.width) - 1
        for name, field in data.Layout.cast(layout)
    }


def wide_codes(
    chip: ChipMemories, compute: Instruction, firsts: list[bool], captures: list[np.ndarray]
) -> list[np.ndarray]:
    """Codes (or, with shares, sums so far) of each capture, int64 [rows, n].

    ``captures``: their sums; ``firsts``: whether they start a running maximum or sum.
    """
    mode = compute.fields["post_mode"]
    products = Products(chip, compute)
    if mode.adds_shares:
        return _sums_of_shares(chip, products, mode, firsts, captures)
    codes = [products.limited(products.whole(sums, products.offsets[0])) for sums in captures]
    if mode.looks_up:
        codes = [_entries(chip, mode.table, 0, each) for each in codes]
        codes = [each & (1 << WIDE_BITS) - 1 for each in codes]
    return [np.where(products.absent, 0, each) for each in codes]


def _sums_of_shares(
    chip: ChipMemories,
    products: Products,
    mode: PostMode,
    firsts: list[bool],
    captures: list[np.ndarray],
) -> list[np.ndarray]:
    results = []
    before = np.zeros(0)
    for first, sums in zip(firsts, captures, strict=True):
        codes = products.whole(sums, products.offsets[0 if first else 1])
        codes = np.clip(codes, 0, TABLE_CODES - 1)
        share = _entries(chip, mode.table, 0 if first else 1, codes)
        before = share if first else before + share
        before = before.astype(np.uint32).astype(np.int32).astype(np.int64)
        codes = products.limited(before >> SHARE_FRACTION)
        results.append(np.where(products.absent, 0, codes))
    return results


def _entries(chip: ChipMemories, table: int, half: int, codes: np.ndarray) -> np.ndarray:
    """What a code table holds for codes, int64 of 32 bits without a sign."""
    return chip.codes[(table * TABLE_HALVES + half) * TABLE_CODES + codes].astype(np.int64)
