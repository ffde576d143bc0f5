"""Wide codes: what a row's product is, and the tables of codes (docs/machine.md, 5)."""

from amaranth.hdl import unsigned
from amaranth.lib import data

from arch.formats import THRESHOLD_BITS, WIDE_BITS

MANTISSA_BITS = 24
"""As many as float32 has."""
OFFSET_BITS = THRESHOLD_BITS
PRODUCT_UNITS = 4
"""Units of a row in place of thresholds: offset, :class:`Scale`, :class:`Range`, second offset."""
PRODUCT_BYTES = PRODUCT_UNITS * THRESHOLD_BITS // 8

TABLE_CODES = 1 << WIDE_BITS
TABLE_HALVES = 2
"""Of a code table. The second one has the shares of the second code."""
TABLES = 2
CODE_ENTRIES = TABLES * TABLE_HALVES * TABLE_CODES
CODE_ENTRY_BITS = 32
SHARE_FRACTION = 16
"""Shares are in units of 2^-16 code: whole numbers of CODE_ENTRY_BITS bits with a sign."""


class Scale(data.Struct):
    """Unit 1 of a product."""

    mantissa: unsigned(MANTISSA_BITS)
    zero: unsigned(WIDE_BITS)


class Range(data.Struct):
    """Unit 2 of a product."""

    places: unsigned(7)
    low: unsigned(WIDE_BITS)
    high: unsigned(WIDE_BITS)
    doublings: unsigned(4)
    negative: unsigned(1)
    absent: unsigned(1)


NOTES = {
    "Scale": {
        "mantissa": "what the sum is multiplied by: 0, or its highest bit is 1",
        "zero": "added to the product",
    },
    "Range": {
        "places": "by which the product is shifted right",
        "low": "the smallest code",
        "high": "the largest code, of a sum of shares too",
        "doublings": "of the sum, before it is taken from the offset",
        "negative": "1: the product is negated",
        "absent": "1: there is no such channel, its code is 0",
    },
}
