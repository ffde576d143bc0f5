"""What travels beside the sums: a tag per capture, a placement per compute."""

from amaranth.lib import data

from arch.isa import Compute, Entry, shapes
from arch.machine import Machine

TAG_FIELDS = ("threshold_set", "add_ones", "raw", "code_bits")
"""What a capture's tag has of its compute as it is."""
WIDE_FIELDS = ("wide", "looks_up", "adds", "table", "eight")
"""What a tag has beside that on machines with wide codes: whether its post mode is none of
thresholds, looks up, adds shares; the code table; whether its codes travel as 8 planes."""


def capture_tag(machine: Machine) -> data.StructLayout:
    """Return how the C columns of one capture are treated.

    ``last``: it is its compute's last capture. ``sum_pieces``: for how many cycles more than one
    each column stays. ``together``, where two pieces are a transfer: those of its
    raw sums leave by twos. ``signs``, on machines that have them: its signs leave, as a raw sum of
    one piece for each turn.
    """
    return data.StructLayout({
        **shapes(Entry, "pool_first", "pool_last"),
        "last": 1,
        **shapes(Compute, *TAG_FIELDS, "sum_pieces"),
        **dict.fromkeys(("together",) if machine.pieces_together > 1 else (), 1),
        **dict.fromkeys(WIDE_FIELDS if machine.wide_rows else (), 1),
        **dict.fromkeys(("signs",) if machine.signs else (), 1),
    })  # fmt: skip


PLACEMENT_FIELDS = (
    "pair", "row_length", "width", "height", "address", "row_bytes", "position_bytes", "planes",
    "on_chip",
)  # fmt: skip
"""What a placement has of its compute as it is, but for ``pair`` and ``planes``."""


def placement_layout(machine: Machine) -> data.StructLayout:
    """Return where the positions of one compute go, as its fields say.

    With ``on_chip`` they have a :class:`arch.isa.ChipPlace` in the place of an address. ``planes``
    is FOUR where pieces of four planes leave, of raw sums or codes of 8, and EIGHT where two pieces
    of raw sums leave together; ``pair`` is 0 where sums leave raw. ``signs``, on machines that have
    them: a piece is a transfer of positions.
    """
    return data.StructLayout({
        **shapes(Compute, *PLACEMENT_FIELDS),
        **dict.fromkeys(("signs",) if machine.signs else (), 1),
    })  # fmt: skip


TAG_DEPTH = 16
"""Captures and computes that may be between the sequencer and the output buffer: one LUT RAM."""
