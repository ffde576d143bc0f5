"""Row blocks of thresholds: lines where all rows have one, with the codes that a table gives."""

import numpy as np
import pytest

from arch.isa import Opcode
from arch.machine import ECP5_25F, ECP5_85F, TINY
from arch.memory import SDR16_133
from compiler.backend.requantising.array_thresholds import ArrayThresholds
from compiler.backend.requantising.threshold_forms import lines_of, threshold_blocks
from compiler.flow import compile_file, compile_network
from golden.loader import ChipMemories
from golden.program import Instruction
from tests.samples.even_thresholds import even_thresholds
from tests.samples.programs import differing_codes
from tests.sim.test_run import EXAMPLE

MACHINES = pytest.mark.parametrize("machine", [TINY, ECP5_85F], ids=lambda machine: machine.name)


def wanted(rng, machine, bits, outputs, spacing=1):
    """Thresholds at even distances within the sums of each row, or beyond them."""
    count = (1 << bits) - 1
    low = rng.integers(0, 4000, outputs)
    high = low + spacing * rng.integers(1, 3000, outputs)
    start = rng.uniform(low - 200 / count, high)
    distances = rng.uniform(0, 400 / count, outputs)
    levels = np.ceil(start[:, None] + distances[:, None] * np.arange(count)).astype(np.int64)
    never = (1 << machine.sum_bits) - 1
    levels[rng.random(levels.shape) < 0.02] = never
    levels = np.sort(np.clip(levels, 0, never), axis=1)
    flip = rng.integers(0, 2, outputs)
    return ArrayThresholds(bits, levels, flip, low, high, spacing)


def loaded(machine, block):
    """(thresholds int64 [2^code_bits - 1, rows], flip [rows]) on chip after a block's LOAD."""
    chip = ChipMemories(machine)
    fields = block.load_fields(machine) | {"address": 0, "row_bytes": 0, "destination": 1}
    chip.load(np.frombuffer(block.content, np.uint8), Instruction(0, 0, 0, fields))
    units = chip.threshold_units[1] // machine.rows
    return chip.thresholds[1, 1:units].astype(np.int64), chip.thresholds[1, 0]


@MACHINES
@pytest.mark.parametrize("bits", [1, 2, 3, 4])
@pytest.mark.parametrize("spacing", [1, 2])
def test_every_sum_gets_its_code(machine, bits, spacing):
    rng = np.random.default_rng(bits + 10 * spacing)
    outputs = 5 * machine.rows - 3
    thresholds = wanted(rng, machine, bits, outputs, spacing)
    blocks = threshold_blocks(thresholds, machine)
    assert len(blocks) == 5
    assert {block.code_bits for block in blocks} <= {0, bits}
    for first, block in zip(range(0, outputs, machine.rows), blocks, strict=True):
        levels, flip = loaded(machine, block)
        assert levels.shape == ((1 << bits) - 1, machine.rows)
        assert (levels[1:] >= levels[:-1]).all()
        assert not (levels >> machine.sum_bits).any()
        for row in range(machine.rows):
            output = first + row
            if output >= outputs:
                sums = np.array([0, 1 << 20, (1 << machine.sum_bits) - 2])
                top = (1 << bits) - 1
                codes = (levels[:, row] <= sums[:, None]).sum(1) ^ (top if flip[row] & 1 else 0)
                assert not codes.any()
                continue
            sums = np.arange(thresholds.low[output], thresholds.high[output] + 1, spacing)
            found = (levels[:, row] <= sums[:, None]).sum(1)
            assert (found == (thresholds.levels[output] <= sums[:, None]).sum(1)).all()
            assert flip[row] == thresholds.flip[output]


def even(machine, bits=4):
    """A block's thresholds at distances of 10.5, from 100 up."""
    rows, count = machine.rows, (1 << bits) - 1
    levels = np.ceil(100 + 10.5 * np.arange(count)).astype(np.int64)
    levels = np.tile(levels, (rows, 1))
    low, high = np.zeros(rows, np.int64), np.full(rows, 1000)
    return ArrayThresholds(bits, levels, np.zeros(rows, np.int64), low, high, 1)


@MACHINES
def test_lines_are_smaller(machine):
    (block,) = threshold_blocks(even(machine), machine)
    assert block.code_bits == 4
    assert len(block.content) == 8 * machine.rows


def test_codes_of_one_bit_are_as_small_in_a_table():
    (block,) = threshold_blocks(even(TINY, bits=1), TINY)
    assert block.code_bits == 0


def test_one_kink_makes_a_block_a_table():
    thresholds = even(TINY)
    thresholds.levels[3, 10:] += 7
    assert lines_of(thresholds, TINY).there[:4].tolist() == [True] * 3 + [False]
    (block,) = threshold_blocks(thresholds, TINY)
    assert block.code_bits == 0
    levels, _ = loaded(TINY, block)
    np.testing.assert_array_equal(levels.T, thresholds.levels)


def test_a_kink_that_no_sum_sees_does_not_matter():
    thresholds = even(TINY)
    thresholds.levels[3, 10:] += 7
    thresholds.high[3] = thresholds.levels[3, 9]
    (block,) = threshold_blocks(thresholds, TINY)
    assert block.code_bits == 4


def test_lines_beyond_the_sums_of_the_machine_are_none():
    thresholds = even(TINY)
    most = (1 << TINY.sum_bits) - 1
    thresholds.levels[0] = np.minimum(most, most - 5 + 3 * np.arange(15))
    thresholds.low[0], thresholds.high[0] = most - 100, most - 1
    assert not lines_of(thresholds, TINY).there[0]


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_every_code_of_a_network_with_both(bits, seed):
    network, picture = even_thresholds(seed, bits)
    blocks = [
        block.code_bits
        for job in compile_network(network, TINY).plan.jobs
        for block in job.encoded.thresholds
    ]
    assert set(blocks) == {0, bits}
    result = differing_codes(network, picture, TINY, races=True)
    assert not any(result.values()), result


def test_a_trained_network_has_both():
    compiled = compile_file(EXAMPLE / "shapes.onnx", ECP5_25F, SDR16_133)
    loads = [
        fields["code_bits"]
        for fields in compiled.program.instructions
        if fields["opcode"] is Opcode.LOAD_THRESHOLDS
    ]
    assert {0, 4} == set(loads)
    blocks = [block for job in compiled.plan.jobs for block in job.encoded.thresholds]
    lines = [block for block in blocks if block.code_bits]
    assert len(lines) > len(blocks) // 3
