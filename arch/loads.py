"""What a LOAD takes beside its beats: lines that thresholds are made of, and cycles."""

from amaranth.hdl import unsigned
from amaranth.lib import data

from arch.formats import PICTURE_STEPS, THRESHOLD_BITS
from arch.isa import Opcode

FRACTION_BITS = 7
"""Of base and step. Thresholds of trained networks need up to 6."""
SHARED_STEPS = 2
"""Cycles that a beat of a map takes which leaves every other one to results."""
LINE_BYTES = 2 * THRESHOLD_BITS // 8
"""A base and a step."""


class LineNumber(data.Struct):
    """Base or step of thresholds at even distances: threshold k is base + k * step, rounded down.

    Both are sums of a whole part and a fraction. All bits above the fraction's weigh more than it,
    though they stand below it: whole parts lie where a table has its thresholds.
    """

    whole: unsigned(THRESHOLD_BITS - 1 - FRACTION_BITS)
    fraction: unsigned(FRACTION_BITS)
    flip: unsigned(1)


LINE_NOTES = {
    "whole": "whole part; it wraps, so that a base may lie below 0",
    "fraction": f"in 1/{1 << FRACTION_BITS}",
    "flip": "of a base: the row's `flip`",
}


def steps_of(load: dict, map_steps: int) -> tuple[int, int]:
    """Return the cycles that the loader takes for the beats of a LOAD (its fields): for the first,
    third, ... and for the second, fourth, ...; ``map_steps`` is the machine's."""
    if load["opcode"] is Opcode.LOAD_PICTURE:
        return PICTURE_STEPS, PICTURE_STEPS
    if load["opcode"] is Opcode.LOAD_THRESHOLDS and load.get("code_bits"):
        return 1, (1 << load["code_bits"]) - 1
    if load["opcode"] is Opcode.LOAD_MAP:
        steps = SHARED_STEPS if load.get("shares") else map_steps
        return steps, steps
    return 1, 1


def loader_cycles(load: dict, map_steps: int) -> int:
    """Return the cycles that the loader takes for all beats of a LOAD."""
    return load["rows"] * load["beats"] * sum(steps_of(load, map_steps)) // 2
