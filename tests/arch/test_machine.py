"""Sizes of machines: what follows from them, and which are refused."""

from dataclasses import replace

import pytest

from arch import isa
from arch.errors import ConfigurationError
from arch.machine import (
    ADDRESS_FIELDS,
    ECP5_25F,
    ECP5_45F,
    ECP5_85F,
    MACHINES,
    TINY,
    Machine,
    machine_named,
)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=lambda machine: machine.name)
def test_raw_sums_leave_in_whole_transfers_or_piece_by_piece(machine):
    two = machine.transfer_bytes == 2 * machine.piece_bytes
    assert [machine.raw_cycles(pieces) for pieces in range(1, 7)] == (
        [1, 1, 3, 2, 5, 3] if two else [1, 2, 3, 4, 5, 6]
    )


def test_promised_sizes():
    assert ECP5_25F.binary_macs == 4096
    assert ECP5_85F.binary_macs == 16384
    assert ECP5_45F.binary_macs == 8192


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_derived_widths(machine):
    assert machine.lanes == 64
    assert machine.positions == machine.columns * machine.activation_words
    assert 1 << machine.position_bits == machine.positions
    assert 1 << machine.column_bits == machine.columns
    assert 1 << machine.weight_bits == machine.weight_words
    assert 1 << machine.table_bits == machine.table_entries
    assert machine.slots * machine.group_lanes == machine.axi_data_bits
    assert machine.beat_bytes * 8 == machine.axi_data_bits
    assert 4 * machine.raw_chunks >= machine.sum_bits


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_accumulator_holds_the_largest_sum(machine):
    """A 4-bit by 4-bit layer that fills the pass table: every lane adds up to 15 * 15."""
    taps = machine.table_entries // 16  # sixteen plane pairs each
    assert machine.lanes * taps * 15 * 15 < 1 << machine.accumulator_bits


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"rows": 12}, "rows must be 8 or 16, not 12"),
        ({"rows": 0}, "rows must be a positive integer, not 0"),
        ({"columns": "8"}, "columns must be a positive integer, not '8'"),
        ({"columns": 12}, "columns must be a power of two, not 12"),
        ({"lane_groups": 2}, "lanes must be 4 groups of 16, not 2 of 16"),
        ({"weight_words": 500}, "weight_words must be a power of two, not 500"),
        ({"axi_data_bits": 32}, "axi_data_bits must be 64 or 128"),
        ({"axi_data_bits": 128, "columns": 4}, "at most 16 \\* columns, not 128"),
        ({"columns": 2, "axi_data_bits": 64}, "axi_data_bits must be"),
        ({"cluster": 3}, "multiples of cluster 3"),
        ({"multipliers": -1}, "multipliers must be a positive integer or 0, not -1"),
        ({"columns": 32}, "multipliers turn 8 or 16 columns, not 32; take multipliers 0"),
        ({"output_beats": 64}, "output_beats must be at least four raw blocks"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(sizes, message):
    with pytest.raises(ConfigurationError, match=message):
        replace(ECP5_25F, name="odd", **sizes)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"weight_words": 2048}, "weight_words 2048 needs addresses of 11 bits, and the field "
         "Compute.weight_base has 10; the most that fits is 1024"),
        ({"table_entries": 4096}, "table_entries 4096 needs addresses of 12 bits, and the field "
         "Compute.table_start has 10; the most that fits is 1024"),
        ({"activation_words": 16384}, "activation_words 16384 needs addresses of 17 bits, and the "
         "field Load.destination has 16; the most that fits is 8192"),
        ({"columns": 16, "activation_words": 8192}, "the most that fits is 4096"),
        ({"accumulator_bits": 30, "output_beats": 1024}, "accumulator_bits 30 makes sums of 31 "
         "bits, and there is room for 30; the most that fits is 29"),
        ({"wide_rows": 1}, "wide_rows must be 0, or 2 as a memory beat has that many numbers"),
    ],
)  # fmt: skip
def test_sizes_that_no_instruction_encodes_are_refused(sizes, message):
    with pytest.raises(ConfigurationError, match=message):
        replace(ECP5_25F, name="odd", **sizes)


def test_the_largest_sizes_that_fit():
    largest = {"activation_words": 8192, "weight_words": 1024, "table_entries": 1024}
    machine = replace(ECP5_25F, name="large", accumulator_bits=29, wide_rows=2, **largest)
    assert machine.positions == 1 << isa.width(isa.Compute, "source")


FIELDS = [
    (size, bits, struct, name)
    for (size, bits), structs in ADDRESS_FIELDS.items()
    for struct, names in structs.items()
    for name in names
]


@pytest.mark.parametrize(
    ("size", "bits", "struct", "name"),
    FIELDS,
    ids=[f"{struct.__name__}.{name}-{size}" for size, _, struct, name in FIELDS],
)
def test_each_field_limits_its_size(size, bits, struct, name, monkeypatch):
    """A field one bit too narrow for the machine is the one that the message names."""
    sizes = {"activation_words": 2, "weight_words": 2, "table_entries": 2, size: 512}
    machine = replace(ECP5_25F, **sizes)
    true_width, narrow = isa.width, getattr(machine, bits) - 1
    monkeypatch.setattr(
        isa, "width", lambda *field: narrow if field == (struct, name) else true_width(*field)
    )
    message = f"{size} 512 needs .* {struct.__name__}.{name} has {narrow}; .* fits is 256$"
    with pytest.raises(ConfigurationError, match=message):
        replace(machine, name="odd")


def test_the_message_names_the_machine():
    with pytest.raises(ConfigurationError, match="machine 'mine'"):
        Machine(name="mine", rows=3, columns=8)


def test_machines_by_name():
    assert machine_named("tiny") is TINY
    with pytest.raises(ConfigurationError, match="'huge' is not known; known: tiny, ecp5_25f"):
        machine_named("huge")
