"""The instruction-level machine on small programs made by hand, against direct convolution."""

import numpy as np
import pytest

from arch.formats import BOTH_HALVES
from arch.isa import Opcode, PostMode
from arch.machine import ECP5_85F, TINY
from golden.formats import unpack_map
from golden.machine import GoldenMachine, MachineError, check_races
from tests.samples.sample import Sample
from tests.samples.sample_layer import LayerShape

PICTURE_LAYER = LayerShape(channels=16, kernel=3, weight_bits=4, bits=4, halo=1)
SHAPES = {
    "even grid": LayerShape(channels=16, kernel=3, weight_bits=4, bits=4),
    "odd grid": LayerShape(channels=16, kernel=3, weight_bits=1, bits=4, even_grid=False),
    "odd grid of 2 bits": LayerShape(channels=8, kernel=3, weight_bits=2, bits=2, even_grid=False),
    "ternary": LayerShape(channels=8, kernel=3, weight_bits=2, bits=3),
    "pooled pairs": LayerShape(channels=16, kernel=3, weight_bits=2, bits=2, pool=True),
    "stride 2": LayerShape(channels=24, kernel=3, weight_bits=1, bits=1, even_grid=False, stride=2),
    "1x1 raw": LayerShape(channels=20, kernel=1, weight_bits=4),
    "raw, odd grid": LayerShape(channels=8, kernel=3, weight_bits=1, even_grid=False),
}


def run_and_compare(sample: Sample):
    """Run a sample; every layer is compared as soon as its last compute is done."""
    compared = []

    def compare(index, statistics):
        for layer in sample.expected:
            if layer.last_compute == index:
                np.testing.assert_array_equal(
                    unpack_map(memory, layer.form), layer.codes, err_msg=layer.name
                )
                compared.append(layer.name)

    memory = sample.memory.copy()
    machine = GoldenMachine(sample.machine, after_compute=compare)
    statistics = machine.run(memory, sample.program_address)
    assert compared == [layer.name for layer in sample.expected]
    check_races(sample.machine, sample.memory, sample.program_address)
    return statistics


@pytest.mark.parametrize("machine", [TINY, ECP5_85F], ids=lambda machine: machine.name)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_layer_on_a_picture(machine, shape, seed):
    sample = Sample(machine, seed)
    sample.convolution("only", sample.picture(9, 12), shape)
    run_and_compare(sample.finish())


@pytest.mark.parametrize("machine", [TINY, ECP5_85F], ids=lambda machine: machine.name)
@pytest.mark.parametrize("bits", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_layer_on_codes(machine, shape, bits, seed):
    sample = Sample(machine, seed)
    first = LayerShape(channels=24, kernel=3, weight_bits=4, bits=bits, halo=1)
    source = sample.convolution("first", sample.picture(8, 12), first)
    sample.convolution("second", source, shape)
    run_and_compare(sample.finish())


def test_long_program_fetches_its_chunks(seed):
    sample = Sample(TINY, seed, size=1 << 20)
    source = sample.convolution("0", sample.picture(8, 8), PICTURE_LAYER)
    shape = LayerShape(channels=16, kernel=3, weight_bits=1, bits=4, even_grid=False, halo=1)
    for number in range(12):
        source = sample.convolution(str(number + 1), source, shape)
    statistics = run_and_compare(sample.finish())
    assert len(sample.listing.words) > 64
    assert statistics.loads == sample.listing.loads
    assert statistics.computed == 26
    # 6 x 6 outputs in 2 x 6 blocks, for both row blocks: 3 spans of taps, 4 planes.
    assert statistics.passes == 2 * 12 * 32 + 12 * 2 * 12 * 3 * 4


def one_layer(**changes) -> Sample:
    """A one-layer sample whose last COMPUTE's fields are changed."""
    sample = Sample(TINY)
    shape = LayerShape(channels=8, kernel=3, weight_bits=1, bits=2, even_grid=False)
    original = sample.listing.compute
    sample.listing.compute = lambda **fields: original(**fields | changes)
    sample.convolution("only", sample.picture(8, 8), shape)
    return sample


def failure(sample: Sample) -> str:
    with pytest.raises(MachineError) as error:
        GoldenMachine(TINY).run(sample.memory.copy(), sample.program_address)
    return str(error.value)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"after_load": 9}, "instruction 4 waits for 9 loads, but only 4 come before it"),
        ({"table_last": 400}, "entries 0..400 are not all loaded"),
        ({"code_bits": 3, "planes": 2}, "needs 64 thresholds; set 0 was loaded with 32"),
        ({"address": 1 << 31}, "writes 0x80000000.."),
        ({"row_length": 0}, "row_length must be at least 1"),
        ({"post_mode": PostMode.PRODUCT}, "with post_mode PRODUCT is not defined"),
    ],
)
def test_broken_computes_are_named(changes, text):
    assert text in failure(one_layer(**changes).finish())


def test_missing_end():
    sample = one_layer()
    sample.listing.write(sample.memory)
    assert "instruction 5 at 0xa0 is illegal" in failure(sample)


def test_falling_thresholds():
    sample = Sample(TINY)
    units = np.zeros((4, 8), "<u4")
    units[1:, 5] = 3, 2, 1
    original = sample.load
    sample.load = lambda opcode, image, **fields: original(
        opcode, units.tobytes() if opcode is Opcode.LOAD_THRESHOLDS else image, **fields
    )
    shape = LayerShape(channels=8, kernel=3, weight_bits=1, bits=2, even_grid=False)
    sample.convolution("only", sample.picture(8, 8), shape)
    assert "thresholds of row 5 in set 0 fall" in failure(sample.finish())


@pytest.mark.parametrize(("size", "bits"), [(56, 4), (72, 4), (64, 5)])
def test_a_base_and_a_step_for_each_row(size, bits):
    sample = Sample(TINY)
    sample.load(Opcode.LOAD_THRESHOLDS, bytes(size), code_bits=bits)
    rows = size // 8
    assert f"bases and steps for {rows} rows, and codes of {bits} bits" in failure(sample.finish())


def test_bank_conflict():
    sample = Sample(TINY)
    sample.listing.load(
        Opcode.LOAD_PICTURE, address=0, rows=1, beats=2, plane_stride=4, window=1, groups=1,
        halves=BOTH_HALVES,
    )
    assert "two words to one activation bank" in failure(sample.finish())


@pytest.mark.parametrize("broken", ["after_compute", "after_stored", "after_load", "never loaded"])
def test_races_are_found(broken, seed):
    sample = Sample(TINY, seed)
    load, compute = sample.listing.load, sample.listing.compute

    def changed_load(opcode, size=0, **fields):
        if broken == "after_compute":
            fields["after_compute"] = 0
        if broken in ("after_compute", "after_stored"):  # to be stored is to be computed
            fields["after_stored"] = 0
        if broken == "never loaded" and opcode is Opcode.LOAD_WEIGHTS:
            fields["destination"] += 1
        load(opcode, size, **fields)

    def changed_compute(**fields):
        if broken == "after_load" and sample.listing.computes:
            fields["after_load"] = sample.listing.loads - 1
        compute(**fields)

    sample.listing.load, sample.listing.compute = changed_load, changed_compute
    source = sample.picture(8, 8)
    shape = LayerShape(channels=8, kernel=1, weight_bits=4, bits=2, halo=1)
    for number in range(3):
        source = sample.convolution(str(number), source, shape)
    with pytest.raises(MachineError, match=r"depend on the timing|needs 32 thresholds"):
        check_races(TINY, sample.finish().memory, 0)
