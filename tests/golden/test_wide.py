"""Products, code tables and shares as docs/machine.md, section 5, has them: by hand."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from arch.formats import BOTH_HALVES
from arch.isa import Opcode, Planes, PostMode, encode
from arch.machine import ECP5_25F, ECP5_85F, TINY
from arch.wide import Range, Scale
from golden.loader import ChipMemories
from golden.program import Instruction, MachineError
from golden.wide import wide_codes


def load(chip, opcode, words, **fields):
    """Carry out a LOAD of units of 32 bits."""
    content = np.array(words, "<u4").view(np.uint8)
    beats = content.size // chip.machine.beat_bytes
    fields = {"opcode": opcode, "address": 0, "rows": 1, "beats": beats, "row_bytes": 0} | fields
    fields = {"code_bits": 0, "destination": 0, "halves": BOTH_HALVES} | fields
    chip.load(content, Instruction(0, 0, 0, fields))


def chip_with(offset=0, second=0, mantissa=1 << 23, zero=0, places=24, **ranges):
    """A chip whose rows all have this product in set 0; code = rint((offset - sum) / 2)."""
    chip = ChipMemories(TINY)
    scale = encode(Scale, {"mantissa": mantissa, "zero": zero})
    limits = encode(Range, {"places": places, "low": 0, "high": 255} | ranges)
    units = [offset % (1 << 32), scale, limits, second % (1 << 32)]
    load(chip, Opcode.LOAD_THRESHOLDS, np.repeat(units, TINY.rows))
    return chip


def codes(chip, mode, *captures):
    compute = SimpleNamespace(fields={"post_mode": mode, "threshold_set": 0})
    sums = [np.tile(np.array(each, np.int64), (TINY.rows, 1)) for each in captures]
    firsts = [number == 0 for number in range(len(captures))]
    results = wide_codes(chip, compute, firsts, sums)
    assert all((each == each[0]).all() for each in results)
    return [each[0].tolist() for each in results]


def test_a_product_is_rounded_half_to_even_and_limited():
    chip = chip_with(offset=20, zero=3, low=4, high=11)
    assert codes(chip, PostMode.PRODUCT, [20, 19, 17, 15, 13, 0, 40]) == [[4, 4, 5, 5, 7, 11, 4]]


def test_a_product_may_be_negated():
    assert codes(chip_with(offset=20, negative=1), PostMode.PRODUCT, [30, 23, 10]) == [[5, 2, 0]]


def test_it_is_rounded_twice():
    """(2^24 + 1) / 2^25 is more than a half, and as float32 a half."""
    chip = chip_with(offset=(1 << 24) + 1, places=48)
    assert codes(chip, PostMode.PRODUCT, [0]) == [[0]]
    # The product of 24 by 24 bits likewise: 2^23 + 1 times 2^24 - 2, over 2^48, is below a half.
    chip = chip_with(offset=(1 << 23) + 1, mantissa=(1 << 24) - 2, places=48, zero=1)
    assert codes(chip, PostMode.PRODUCT, [0]) == [[1]]


def test_doublings_make_offsets_finer():
    chip = chip_with(offset=1, places=26, doublings=2, negative=1)
    assert codes(chip, PostMode.PRODUCT, [1, 2, 3]) == [[0, 1, 1]]


def test_codes_are_looked_up_and_absent_rows_have_none():
    table = [(7 * code) % 256 + 256 for code in range(256)]
    for absent in (0, 1):
        chip = chip_with(offset=20, absent=absent)
        beats = np.zeros((256, TINY.beat_bytes // 4), np.uint32)
        beats[:, 0] = table
        load(chip, Opcode.LOAD_CODES, beats.reshape(-1), destination=512)
        wanted = [0, 7, 70] if not absent else [0, 0, 0]
        assert codes(chip, PostMode.LOOKUP_1, [20, 18, 0]) == [wanted]


def test_shares_of_two_captures_are_added():
    chip = chip_with(offset=20, second=40, low=1, high=200)
    shares = np.zeros((512, TINY.beat_bytes // 4), np.uint32)
    shares[:256, 0] = np.arange(256) * 3 << 15
    shares[256:, 0] = (np.arange(256) * -1 << 14).astype(np.int64) % (1 << 32)
    load(chip, Opcode.LOAD_CODES, shares.reshape(-1))
    # c0 = 10, c1 = 3: 15 - 0.75, rounded down; c0 = 0, c1 = 20: -5, at least 1.
    assert codes(chip, PostMode.SHARES_0, [0, 20], [34, 0])[1] == [14, 1]


def test_machines_without_wide_codes_load_no_tables_of_codes():
    with pytest.raises(MachineError, match="LOAD.*machine 'ecp5_25f' has no wide codes"):
        load(ChipMemories(ECP5_25F), Opcode.LOAD_CODES, [0, 0])


def test_every_machine_loads_maps_of_eight_planes():
    chip = ChipMemories(ECP5_25F)
    fields = {"planes": Planes.EIGHT, "groups": 2} | dict.fromkeys(["row_step", "odd_offset"], 0)
    fields["plane_stride"] = 1
    load(chip, Opcode.LOAD_MAP, [0x04030201, 0x80706050], **fields)
    assert chip.activations[:8, 1].tolist() == [1, 2, 3, 4, 0x50, 0x60, 0x70, 0x80]


def test_what_a_product_must_keep_to():
    with pytest.raises(MachineError, match="mantissa of row 0 in set 0 is neither 0 nor of 24"):
        codes(chip_with(mantissa=5), PostMode.PRODUCT, [0])
    chip = ChipMemories(TINY)
    with pytest.raises(MachineError, match="needs 32 units of products; set 0 .* with 0"):
        codes(chip, PostMode.PRODUCT, [0])
    with pytest.raises(MachineError, match="beyond code-table entry 1023"):
        load(chip, Opcode.LOAD_CODES, [0] * 4, destination=1023)
    narrow = ChipMemories(replace(ECP5_85F, axi_data_bits=64, wide_rows=2))
    with pytest.raises(MachineError, match="end within a position of 8 planes"):
        load(narrow, Opcode.LOAD_MAP, [0, 0], planes=Planes.EIGHT)
