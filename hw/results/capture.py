"""What travels beside the sums: a tag per capture, a placement per compute."""

from amaranth.hdl import unsigned
from amaranth.lib import data

from arch.isa import Planes


class CaptureTag(data.Struct):
    """How the C columns of one capture are treated. ``last``: it is its compute's last capture."""

    pool_first: unsigned(1)
    pool_last: unsigned(1)
    last: unsigned(1)
    threshold_set: unsigned(1)
    add_ones: unsigned(1)
    raw: unsigned(1)
    code_bits: unsigned(3)


class Placement(data.Struct):
    """Where the positions of one compute go; the fields are those of :class:`arch.isa.Compute`.

    ``planes`` is FOUR and ``pair`` is 0 where sums leave raw.
    """

    pair: unsigned(1)
    row_length: unsigned(12)
    width: unsigned(12)
    height: unsigned(12)
    address: unsigned(32)
    row_bytes: unsigned(24)
    position_bytes: unsigned(8)
    planes: Planes
    upper_half: unsigned(1)


TAG_DEPTH = 16
"""Captures and computes that may be between the sequencer and the output buffer: one LUT RAM."""
