"""Cycles of LOADs in the loader, and the numbers that thresholds are made of."""

import pytest
from amaranth.lib import data

from arch.formats import THRESHOLD_BITS
from arch.isa import Opcode
from arch.loads import LineNumber, loader_cycles, steps_of


def test_a_number_takes_the_place_of_a_threshold():
    layout = data.Layout.cast(LineNumber)
    assert layout.size == THRESHOLD_BITS
    assert layout["whole"].offset == 0


@pytest.mark.parametrize(
    ("fields", "steps"),
    [
        ({"opcode": Opcode.LOAD_MAP}, (2, 2)),
        ({"opcode": Opcode.LOAD_PICTURE}, (4, 4)),
        ({"opcode": Opcode.LOAD_THRESHOLDS, "code_bits": 0}, (1, 1)),
        ({"opcode": Opcode.LOAD_THRESHOLDS, "code_bits": 1}, (1, 1)),
        ({"opcode": Opcode.LOAD_THRESHOLDS, "code_bits": 4}, (1, 15)),
    ],
)
def test_steps(fields, steps):
    assert steps_of(fields, map_steps=2) == steps
    assert loader_cycles(fields | {"rows": 3, "beats": 2}, map_steps=2) == 3 * sum(steps)


def test_made_thresholds_take_the_loader_as_long_as_a_table():
    for bits in range(1, 5):
        table = {"opcode": Opcode.LOAD_THRESHOLDS, "rows": 1, "beats": 4 << bits}
        made = table | {"beats": 8, "code_bits": bits}
        assert loader_cycles(made, 1) == loader_cycles(table, 1)
