"""Sizes of machines: what follows from them, and which are refused."""

from dataclasses import replace

import pytest

from arch.errors import ConfigurationError
from arch.machine import ECP5_25F, ECP5_85F, MACHINES, TINY, Machine, machine_named


def test_promised_sizes():
    assert ECP5_25F.binary_macs == 4096
    assert ECP5_85F.binary_macs == 16384


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
        ({"output_beats": 64}, "output_beats must be at least four raw blocks"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(sizes, message):
    with pytest.raises(ConfigurationError, match=message):
        replace(ECP5_25F, name="odd", **sizes)


def test_the_message_names_the_machine():
    with pytest.raises(ConfigurationError, match="machine 'mine'"):
        Machine(name="mine", rows=3, columns=8)


def test_machines_by_name():
    assert machine_named("tiny") is TINY
    with pytest.raises(ConfigurationError, match="'huge' is not known; known: tiny, ecp5_25f"):
        machine_named("huge")
