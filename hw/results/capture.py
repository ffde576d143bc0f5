"""What travels beside the sums: a tag per capture, a placement per compute."""

from amaranth.lib import data

from arch.isa import Compute, Entry, shapes, subset

TAG_FIELDS = ("threshold_set", "add_ones", "raw", "code_bits")
"""What a capture's tag has of its compute as it is; and ``sum_pieces``, 0 unless ``raw``."""
CaptureTag = data.StructLayout({
    **shapes(Entry, "pool_first", "pool_last"),
    "last": 1,
    **shapes(Compute, *TAG_FIELDS, "sum_pieces"),
})  # fmt: skip
"""How the C columns of one capture are treated. ``last``: it is its compute's last capture."""

Placement = subset(
    Compute,
    "pair", "row_length", "width", "height", "address", "row_bytes", "position_bytes", "planes",
    "on_chip",
)  # fmt: skip
"""Where the positions of one compute go, as its fields say.

With ``on_chip`` they have a :class:`arch.isa.ChipPlace` in the place of an address.
``planes`` is FOUR and ``pair`` is 0 where sums leave raw.
"""

TAG_DEPTH = 16
"""Captures and computes that may be between the sequencer and the output buffer: one LUT RAM."""
