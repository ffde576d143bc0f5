"""What leaves a COMPUTE, at its edges."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from arch.isa import Planes, PostMode
from arch.machine import ECP5_25F, ECP5_85F, TINY
from golden.compute import outgoing, passes_of, plane_pairs
from golden.program import MachineError


class Named(SimpleNamespace):
    """An instruction as messages name it."""

    def __init__(self, fields):
        super().__init__(fields=fields)

    def __str__(self):
        return "COMPUTE"


def test_positions_outside_of_the_map_write_nothing():
    fields = {
        "raw": 1, "code_bits": 0, "row_length": 4, "width": 0, "height": 0, "pair": 0, "on_chip": 0,
        "address": 64, "row_bytes": 64, "position_bytes": 24, "sum_pieces": 5,
    }  # fmt: skip
    chip, compute = SimpleNamespace(machine=TINY), SimpleNamespace(fields=fields)
    sums = np.ones((TINY.rows, TINY.columns), np.int64)
    writes = outgoing(chip, compute, [], 0, [sums])
    assert writes.addresses.shape == writes.values.shape
    assert writes.addresses.size == 0


@pytest.mark.parametrize("name", ["address", "position_bytes", "row_bytes"])
def test_raw_sums_lie_where_they_can_be_written(name):
    """Two pieces of the 85F are a transfer of 16 bytes, an odd one is 8 bytes."""
    fields = {"post_mode": PostMode.THRESHOLDS, "raw": 1, "on_chip": 0, "code_bits": 0, "pair": 0,
              "planes": Planes.FOUR, "address": 64, "position_bytes": 32, "row_bytes": 320,
              "table_start": 0, "table_last": 0}  # fmt: skip
    chip = SimpleNamespace(machine=ECP5_85F, table=np.zeros(1, [("loaded", bool)]))
    for pieces, size in ((4, 16), (5, 8)):
        for step in (size // 2, size):
            compute = Named(fields | {"sum_pieces": pieces - 1, name: fields[name] + step})
            text = f"{name} .* {pieces} pieces must be a multiple of {size}"
            with pytest.raises(MachineError, match="not all loaded" if step == size else text):
                passes_of(chip, compute)


@pytest.mark.parametrize("pieces", range(1, 7))
def test_a_raw_sum_leaves_in_its_pieces(rng, pieces):
    """Low planes first; planes beyond the last piece leave no trace."""
    fields = {
        "raw": 1, "code_bits": 0, "row_length": 4, "width": 3, "height": 1, "pair": 0, "on_chip": 0,
        "address": 64, "row_bytes": 0, "position_bytes": 24,
        "sum_pieces": pieces - 1,
    }  # fmt: skip
    chip, compute = SimpleNamespace(machine=TINY), SimpleNamespace(fields=fields)
    sums = rng.integers(0, 1 << TINY.sum_bits, (TINY.rows, TINY.columns))
    memory = np.zeros(256, np.uint8)
    outgoing(chip, compute, [], 0, [sums]).apply(memory)
    expected = np.zeros(256, np.uint8)
    for x in range(3):
        for plane in range(min(4 * pieces, TINY.sum_bits)):
            byte = sum((int(sums[row, x]) >> plane & 1) << row for row in range(TINY.rows))
            expected[64 + 24 * x + plane] = byte
    assert memory.tolist() == expected.tolist()


def test_more_pieces_than_a_sum_has():
    fields = {
        "raw": 1, "post_mode": PostMode.THRESHOLDS, "pair": 0, "on_chip": 0,
        "sum_pieces": TINY.raw_chunks, "planes": Planes.FOUR,
    }  # fmt: skip
    chip, compute = SimpleNamespace(machine=TINY), Named(fields)
    most = TINY.raw_chunks
    message = f"COMPUTE: sums in {most + 1} pieces; machine 'tiny' has at most {most}"
    with pytest.raises(MachineError, match=message):
        passes_of(chip, compute)


@pytest.mark.parametrize(
    ("machine", "changes", "message"),
    [
        (ECP5_25F, {}, "machine 'ecp5_25f' has no post_mode LOOKUP_1: no wide codes"),
        (TINY, {"raw": 1}, "raw, pair or code_bits with post_mode LOOKUP_1 is not defined"),
        (TINY, {"pair": 1}, "raw, pair or code_bits with post_mode LOOKUP_1"),
        (TINY, {"code_bits": 4}, "raw, pair or code_bits with post_mode LOOKUP_1"),
        (TINY, {"post_mode": PostMode.THRESHOLDS}, "thresholds do not make codes of 8 planes"),
    ],
)
def test_what_post_modes_go_with(machine, changes, message):
    fields = {"raw": 0, "pair": 0, "code_bits": 0, "planes": Planes.EIGHT}
    fields |= {"post_mode": PostMode.LOOKUP_1} | changes
    with pytest.raises(MachineError, match=f"COMPUTE: {message}"):
        passes_of(SimpleNamespace(machine=machine), Named(fields))


@pytest.mark.parametrize("planes", range(1, 9))
@pytest.mark.parametrize("weight_planes", range(1, 9))
def test_pairs_of_planes_go_down_level_by_level(planes, weight_planes):
    pairs = plane_pairs(planes, weight_planes)
    everyone = {(i, j) for i in range(planes) for j in range(weight_planes)}
    assert {(pair.activation, pair.weight) for pair in pairs} == everyone
    assert len(pairs) == len(everyone)
    level = 0
    for before, pair in pairwise(pairs):
        now = pair.activation + pair.weight
        assert pair.doubles == (now != level)
        assert now - level in (0, 1)
        if now == level:  # odd levels from few activation planes below the highest to many
            assert pair.activation - before.activation == (1 if level % 2 else -1)
        level = now
    assert not pairs[0].doubles


def test_pairs_of_two_planes_and_three():
    found = [(pair.activation, pair.weight, pair.doubles) for pair in plane_pairs(2, 3)]
    assert found == [
        (0, 0, False), (0, 1, True), (1, 0, False), (1, 1, True), (0, 2, False), (1, 2, True),
    ]  # fmt: skip
