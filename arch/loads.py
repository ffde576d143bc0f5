"""What a LOAD takes beside its beats: lines that thresholds are computed from, and cycles."""

from amaranth.hdl import unsigned
from amaranth.lib import data

from arch.formats import PICTURE_STEPS, THRESHOLD_BITS
from arch.isa import Opcode

LINE_BITS = 64
"""A line as stored in memory: the struct below."""
LINE_BYTES = LINE_BITS // 8
FRACTION_BITS = 8
"""Of base and step. Thresholds of trained networks need up to 6."""


class Line(data.Struct):
    """One row's thresholds at even distances: threshold k is base + k * step, rounded down.

    Both have a fraction; the base's whole part wraps, so that it may lie below 0.
    """

    whole: unsigned(THRESHOLD_BITS)
    flip: unsigned(1)
    fraction: unsigned(FRACTION_BITS)
    step: unsigned(LINE_BITS - THRESHOLD_BITS - 1 - FRACTION_BITS)


LINE_NOTES = {
    "whole": "whole part of the base",
    "flip": "the row's `flip`",
    "fraction": f"fraction of the base, in 1/{1 << FRACTION_BITS}",
    "step": f"from one threshold to the next, in 1/{1 << FRACTION_BITS}",
}


def steps_of(load: dict) -> int:
    """Return the cycles that the loader takes for each beat of a LOAD (its fields)."""
    if load["opcode"] is Opcode.LOAD_PICTURE:
        return PICTURE_STEPS
    if load["opcode"] is Opcode.LOAD_THRESHOLDS and load.get("code_bits"):
        return 1 << load["code_bits"]
    return 1
