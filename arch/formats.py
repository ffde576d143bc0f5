"""The numbers of the memory formats in docs/machine.md, section 2, each stated once.

What memory looks like is said there. ``golden/`` and ``hw/`` read it independently of each other;
the numbers that both need, and the compiler and a host too, are these.
"""

ADDRESS_BITS = 32
"""Byte addresses of memory."""
WRITTEN_ADDRESS_BITS = 29
"""Byte addresses of what the machine writes: results lie in the lower 512 MiB."""
PAGE_BYTES = 4096
"""No burst crosses a multiple of this (AXI4, A3.4.1); programs start at one."""

GROUP_LANES = 16
"""Lanes (channels of a map) per lane group: one word of a bit-plane."""
LANE_GROUPS = 4
"""Lane groups, each at an offset of its own."""
HALVES = 2
"""Halves of a lane group, which can be written apart."""
BOTH_HALVES = (1 << HALVES) - 1
PLANE_BYTES = GROUP_LANES // 8
"""Bytes of one bit-plane of one position on chip, in one lane group."""

CODE_BITS = 4
"""Most bits of a code that thresholds make: 2**bits of them per row."""
MOST_THRESHOLDS = 1 << CODE_BITS
"""Thresholds per row of a set."""
WIDE_BITS = 8
"""Most bits of a code where the machine has wide codes: made by a product, or by a table."""
RAW_CHUNK_PLANES = 4
"""Bit-planes of each piece in which a raw sum leaves."""
LEAST_SIGN_CYCLES = 4
"""In which the signs of a block leave: no fewer than those of the smallest block of codes."""

PICTURE_CHANNELS = 3
PICTURE_BITS = 8
"""Bits of a channel, and so bit-planes of a picture on chip."""
PICTURE_BYTES = 4
"""Bytes of a pixel in memory: one per channel, and one that is ignored."""
LONGEST_WINDOW = GROUP_LANES // PICTURE_CHANNELS
"""Neighbouring pixels that fit the lanes of a group."""
PICTURE_STEPS = PICTURE_BITS * PLANE_BYTES // PICTURE_BYTES
"""A picture is that many times as large on chip: steps in which a beat of it is written."""

BLOCK = 2
"""Rows and columns of the blocks of pixels that a picture can be stored in, as a map."""

THRESHOLD_BITS = 32
THRESHOLD_BYTES = THRESHOLD_BITS // 8
"""A threshold; threshold 0 of a row has its direction instead."""


def images_of(channels: int, image_channels: int) -> int:
    """How many images of ``image_channels`` channels hold so many channels."""
    return -(-channels // image_channels)
