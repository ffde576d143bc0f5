"""Rotator: the definition in plain logic, and the multipliers of ECP5 against plain logic."""

import random
from dataclasses import replace

import pytest
from amaranth.back import verilog

from arch.machine import ECP5_25F, ECP5_85F, TINY
from hw.compute.aligned_read import AlignedRead
from hw.compute.rotator import Rotator
from hw.yosys import find_yosys
from sim.cells import multiplier
from tests.hw.cycles import play
from tests.hw.fabric_miter import check_forms
from tests.long_runs import slow


@pytest.mark.parametrize("machine", [TINY, ECP5_25F, ECP5_85F], ids=lambda machine: machine.name)
def test_columns_take_their_banks(machine, seed):
    """Another turn in every cycle."""
    chance = random.Random(seed)
    columns, count = machine.columns, 200
    dut = Rotator(machine)
    turns = [chance.randrange(columns) for _ in range(count)]
    enables = [int(chance.random() < 0.8) for _ in range(count)]
    words = [[chance.getrandbits(16) for _ in range(columns)] for _ in range(count)]
    inputs = [{} for _ in range(count + dut.LEAD + dut.latency)]
    for cycle in range(count):
        inputs[cycle] |= {"turn": turns[cycle], "enable": enables[cycle]}
        inputs[cycle + dut.LEAD] |= {"words": words[cycle]}
    seen = play(dut, inputs, ("rotated",))
    for cycle in range(count):
        expected = [
            words[cycle][(turns[cycle] + column) % columns] if enables[cycle] else 0
            for column in range(columns)
        ]
        assert list(seen[cycle + dut.LEAD + dut.latency]["rotated"]) == expected


BENCH = """
module bench(input clk);
    reg [TURN-1:0] turn = 0;
    reg enable = 0;
    reg [WORDS-1:0] words = 0;
    wire differ;
    integer cycle = 0, k;
    miter dut(.clk(clk), .rst(1'b0), .turn(turn), .enable(enable), .words(words), .differ(differ));
    always @(posedge clk) begin
        turn <= $urandom;
        enable <= $urandom % 4 != 0;
        for (k = 0; k < WORDS; k = k + 1) words[k] <= $urandom & 1;
        // The first cycles are those of registers that nothing has been written to.
        if (differ && cycle > 8) begin $display("differ in cycle %0d", cycle); $finish; end
        cycle = cycle + 1;
        if (cycle == 5000) begin $display("agree"); $finish; end
    end
endmodule
"""


@pytest.mark.cosim
@pytest.mark.parametrize(
    ("machine", "multipliers"),
    [(ECP5_25F, 7), *slow((ECP5_85F, 16), (ECP5_25F, 8), (ECP5_85F, 5))],
    ids=["25f-most", "85f-all", "25f-all", "85f-some"],
)
def test_multipliers_rotate(machine, multipliers, tmp_path):
    pair = [Rotator(machine, count) for count in (0, multipliers)]
    sizes = {"TURN": machine.column_bits, "WORDS": machine.columns * machine.group_lanes}
    cell = multiplier()
    text = check_forms(pair, "rotated", BENCH, sizes, cell, tmp_path)
    assert text.count("MULT18X18D") == multipliers


@pytest.mark.parametrize("machine", [ECP5_25F, ECP5_85F], ids=lambda machine: machine.name)
def test_fabrics_take_equally_long(machine):
    assert AlignedRead(machine, "generic").latency == AlignedRead(machine, "ecp5").latency


def test_a_core_has_the_multipliers_of_its_machine():
    find_yosys()
    text = verilog.convert(AlignedRead(ECP5_25F, "ecp5"), name="read", emit_src=False)
    assert text.count("MULT18X18D") == ECP5_25F.multipliers


def test_few_columns_are_left_to_plain_logic():
    with pytest.raises(ValueError, match="cannot rotate 4 columns in time"):
        Rotator(TINY, 1)
    with pytest.raises(ValueError, match="cannot rotate 32 columns in time"):
        Rotator(replace(TINY, columns=32, output_beats=1024), 1)
