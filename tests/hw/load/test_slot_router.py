"""Every word reaches its bank, in every step, and nothing else is written."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.lib.wiring import In

from arch.machine import ECP5_25F, ECP5_85F, TINY
from hw.fabric import FABRICS
from hw.load.slot_router import SlotRouter
from hw.load.wide_multiplexer import multiplexer
from sim.cells import logic_cells
from tests.hw.cycles import run_benches
from tests.hw.fabric_miter import check_forms
from tests.long_runs import slow


@pytest.mark.parametrize("machine", [TINY, ECP5_25F, ECP5_85F], ids=lambda m: m.name)
def test_routes(machine, seed):
    chance = random.Random(seed)
    dut = SlotRouter(machine)
    steps = []
    for _ in range(200):
        banks = chance.sample(range(machine.columns), machine.slots)
        addresses = [chance.randrange(machine.activation_words) for _ in banks]
        words = [chance.getrandbits(16) for _ in banks]
        written = chance.choice([(1 << machine.slots) - 1, chance.getrandbits(machine.slots)])
        groups, halves = chance.choice([0, *range(1, 16)]), chance.randrange(1, 4)
        steps.append((banks, addresses, words, groups, halves, written))

    async def bench(ctx):
        for cycle in range(len(steps) + dut.latency):
            if cycle < len(steps):
                banks, addresses, words, groups, halves, written = steps[cycle]
                for w in range(machine.slots):
                    ctx.set(dut.positions[w], addresses[w] * machine.columns + banks[w])
                    ctx.set(dut.words[w], words[w])
                ctx.set(dut.groups, groups)
                ctx.set(dut.halves, halves)
                ctx.set(dut.written, written)
            if cycle >= dut.latency:
                banks, addresses, words, groups, halves, written = steps[cycle - dut.latency]
                banks = [b if written >> w & 1 else None for w, b in enumerate(banks)]
                for b in range(machine.columns):
                    write = ctx.get(dut.banks[b])
                    if b not in banks or not groups:
                        assert write.enables == 0
                        continue
                    w = banks.index(b)
                    assert write.address == addresses[w]
                    assert write.data == words[w] * 0x0001000100010001
                    lanes = halves if machine.rows == 8 else 3
                    assert write.enables == sum(lanes << 2 * g for g in range(4) if groups >> g & 1)
            await ctx.tick()

    run_benches(dut, bench)


BENCH = """
module bench(input clk);
    reg [POSITIONS-1:0] positions = 0;
    reg [WORDS-1:0] words = 0;
    reg [3:0] groups = 0;
    reg [1:0] halves = 0;
    reg [WRITTEN-1:0] written = 0;
    wire differ;
    integer cycle = 0, k;
    miter dut(.clk(clk), .rst(1'b0), .positions(positions), .words(words), .groups(groups),
              .halves(halves), .written(written), .differ(differ));
    always @(posedge clk) begin
        for (k = 0; k < POSITIONS; k = k + 1) positions[k] <= $urandom & 1;
        for (k = 0; k < WORDS; k = k + 1) words[k] <= $urandom & 1;
        groups <= $urandom;
        halves <= $urandom;
        for (k = 0; k < WRITTEN; k = k + 1) written[k] <= $urandom & 1;
        if (differ) begin $display("differ in cycle %0d", cycle); $finish; end
        cycle = cycle + 1;
        if (cycle == 5000) begin $display("agree"); $finish; end
    end
endmodule
"""


@pytest.mark.cosim
@pytest.mark.parametrize("machine", [ECP5_25F, *slow(ECP5_85F)], ids=lambda m: m.name)
def test_fabrics_agree(machine, tmp_path):
    """Whatever the positions are, also several words for one bank."""
    forms = [SlotRouter(machine, fabric) for fabric in FABRICS]
    sizes = {
        "POSITIONS": forms[0].positions.shape().size,
        "WORDS": forms[0].words.shape().size,
        "WRITTEN": machine.slots,
    }
    assert "PFUMX" in check_forms(forms, "banks", BENCH, sizes, logic_cells(), tmp_path)


def test_ways_are_checked():
    with pytest.raises(ValueError, match="2 choices, not 4 or 8"):
        multiplexer(Module(), "two", [In(1), In(1)], In(1))
