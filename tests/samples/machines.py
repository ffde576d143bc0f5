"""Machines that no board has: small ones with what only large ones have otherwise."""

from dataclasses import replace

from arch.machine import TINY, Machine

SMALL16 = Machine(
    name="small16",
    rows=16,
    columns=8,
    activation_words=512,
    weight_words=256,
    table_entries=512,
    axi_data_bits=128,
    signs=1,
)
"""Keeps results on chip; beats of two positions of four planes, or of two pieces of raw sums."""

TWO_TURNS = replace(TINY, name="two_turns", columns=8)
"""Four clusters, and signs of a block that leave in two turns."""
