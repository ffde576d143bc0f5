"""The pass table: how many entries, what they say, how long a block takes, and who is refused."""

import pytest

from arch.isa import Entry, decode
from arch.machine import ECP5_25F, TINY
from compiler.backend.pass_table import (
    ENTRY_BYTES,
    PackedPass,
    PassTable,
    PlaneLoop,
    Product,
)
from compiler.errors import CapacityError

FLAGS = ("clear", "double", "capture", "pool_first", "pool_last")


def table(passes, captures=((0, 0),)):
    """The first pass has a product and an idle group, the others are idle."""
    product = Product(tap=3, activation_plane=1, weight_plane=2)
    idle = PackedPass((None,) * 4, double=True)
    return PassTable((PackedPass((product, None, None, None), False), *[idle] * (passes - 1)),
                     captures)  # fmt: skip


def entries(code):
    return [
        decode(Entry, int.from_bytes(code[at : at + ENTRY_BYTES], "little"))
        for at in range(0, len(code), ENTRY_BYTES)
    ]


def test_passes_of_every_capture_one_capture_after_another():
    made = table(3, ((0, 0), (2, 0), (0, 5)))
    asked = []

    def group(_, product, capture):
        asked.append((product.tap, capture))
        return {"offset": 10 * capture[0] + capture[1], "weight": 7, "enable": 1, "ones": 1}

    found = entries(made.encode(group))
    assert len(found) == made.size == 9
    assert asked == [(3, (0, 0)), (3, (2, 0)), (3, (0, 5))]
    assert [entry["group"][0]["offset"] for entry in found] == [0, 0, 0, 20, 0, 0, 5, 0, 0]
    assert not any(entry["group"][1]["enable"] for entry in found)
    flags = ["".join(str(entry[name]) for name in FLAGS) for entry in found]
    first, middle, last = flags[:3], flags[3:6], flags[6:]
    assert first == ["10000", "01000", "01110"]
    assert middle == ["10000", "01000", "01100"]
    assert last == ["10000", "01000", "01101"]


def test_one_pass_is_first_and_last():
    (entry,) = entries(table(1).encode(lambda number, product, capture: {}))
    assert [entry[name] for name in FLAGS] == [1, 0, 1, 1, 1]


def test_a_block_takes_its_passes_or_its_results():
    narrow, wide = table(2), table(100)
    assert narrow.block_cycles(ECP5_25F, column=1) == 8
    assert narrow.block_cycles(ECP5_25F, column=5) == 8 * 5
    assert wide.block_cycles(ECP5_25F, column=5) == 100
    assert table(2, ((0, 0), (1, 0))).block_cycles(ECP5_25F, column=1) == 16


@pytest.mark.parametrize(("passes", "captures"), [(512, 1), (256, 2)])
def test_a_full_table(passes, captures):
    made = table(passes, ((0, 0),) * captures)
    assert made.fits(TINY)
    made.check("full", TINY)


def test_one_pass_too_many():
    made = table(257, ((0, 0), (1, 0)))
    assert not made.fits(TINY)
    message = "layer 'wide': 514 pass-table entries; .*'tiny' holds 512"
    with pytest.raises(CapacityError, match=message):
        made.check("wide", TINY)


def test_a_looped_table_is_run_for_every_pair_of_planes():
    idle = PackedPass((None,) * 4, double=False, idle_word=9)
    made = PassTable((idle,) * 5, ((0, 0),), PlaneLoop(3, 4, 5))
    assert (made.size, made.block_passes, made.loop.word_count) == (5, 60, 20)
    assert made.block_cycles(ECP5_25F, column=1) == 60
    assert made.compute_fields(7, 100) == {
        "table_start": 7, "table_last": 11, "activation_planes": 2, "weight_planes": 3,
        "plane_stride": 100, "weight_stride": 5,
    }  # fmt: skip
    found = entries(made.encode(None))
    flags = ["".join(str(entry[name]) for name in FLAGS) for entry in found]
    assert flags == ["10000", "00000", "00000", "00000", "00111"]
    assert {group["weight"] for entry in found for group in entry["group"]} == {9}


def test_a_table_that_is_not_looped_leaves_the_planes_alone():
    assert table(3).compute_fields(1, 100) == {"table_start": 1, "table_last": 3}
