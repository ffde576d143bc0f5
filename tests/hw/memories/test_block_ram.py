"""The on-chip memories against dictionaries, and the cells of ECP5 and Gowin against that."""

import pytest

from arch.machine import TINY
from hw.fabric import FABRICS
from hw.memories.activation_memory import ActivationMemory
from hw.memories.block_ram import LATENCY, BlockRam
from hw.memories.weight_memory import WeightMemory
from sim.cells import block_ram, gowin_cells
from tests.hw.cycles import run_benches
from tests.hw.fabric_miter import check_forms
from tests.long_runs import slow


def run(dut, bench):
    run_benches(dut, bench)


def test_reads_answer_after_two_cycles(rng):
    depth, width, granularity = 64, 36, 9
    dut = BlockRam(depth, width, "generic", granularity)
    words = dict.fromkeys(range(depth), 0)

    async def bench(ctx):
        due = []
        for _ in range(600):
            write, read = (int(address) for address in rng.choice(depth, 2, replace=False))
            value, enable = int(rng.integers(1 << width)), int(rng.integers(16))
            ctx.set(dut.write_address, write)
            ctx.set(dut.write_data, value)
            ctx.set(dut.write_enable, enable)
            ctx.set(dut.read_address, read)
            due.append(words[read])
            mask = sum(0x1FF << 9 * byte for byte in range(4) if enable >> byte & 1)
            words[write] = words[write] & ~mask | value & mask
            if len(due) > LATENCY:
                assert ctx.get(dut.read_data) == due[-1 - LATENCY]
            await ctx.tick()

    run(dut, bench)


def test_activation_memory(rng):
    dut = ActivationMemory(TINY, "generic")
    groups, columns, lanes = TINY.lane_groups, TINY.columns, TINY.group_lanes
    words = {}

    async def bench(ctx):
        for address in range(32):
            for column in range(columns):
                value = int(rng.integers(1 << 63)) * 2 + int(rng.integers(2))
                enables = 0xFF if address < 16 else int(rng.integers(1 << 8))
                ctx.set(dut.writes[column],
                        {"address": address % 16, "data": value, "enables": enables})  # fmt: skip
                mask = sum(0xFF << 8 * byte for byte in range(8) if enables >> byte & 1)
                key = column, address % 16
                words[key] = words.get(key, 0) & ~mask | value & mask
            await ctx.tick()
        for column in range(columns):
            ctx.set(dut.writes[column].enables, 0)
        for _ in range(20):
            addresses = rng.integers(0, 16, (columns, groups)).tolist()
            ctx.set(dut.addresses, addresses)
            await ctx.tick().repeat(LATENCY)
            for column in range(columns):
                for group in range(groups):
                    word = words[column, addresses[column][group]] >> lanes * group
                    assert ctx.get(dut.words[column][group]) == word & 0xFFFF

    run(dut, bench)


def test_weight_memory(rng):
    dut = WeightMemory(TINY, "generic")
    words = {}

    async def bench(ctx):
        for word in range(16):
            for row in range(TINY.rows):
                value = int(rng.integers(1 << 63)) * 2 + int(rng.integers(2))
                ctx.set(dut.write, {"valid": 1, "word": word, "row": row, "data": [value]})
                words[row, word] = value
                await ctx.tick()
        ctx.set(dut.write.valid, 0)
        for _ in range(20):
            addresses = rng.integers(0, 16, TINY.lane_groups).tolist()
            ctx.set(dut.addresses, addresses)
            await ctx.tick().repeat(LATENCY)
            for row in range(TINY.rows):
                expected = sum(
                    words[row, address] & 0xFFFF << 16 * group
                    for group, address in enumerate(addresses)
                )
                assert ctx.get(dut.rows[row]) == expected

    run(dut, bench)


BENCH = """
module bench(input clk);
    reg [ADDRESS-1:0] written = 0, read = 0;
    reg [WIDTH-1:0] data = 0;
    reg [ENABLES-1:0] enables = 0, next;
    wire differ;
    integer cycle = 0, k;
    miter dut(.clk(clk), .rst(1'b0), .write_address(written), .write_data(data),
              .write_enable(enables), .read_address(read), .differ(differ));
    always @(posedge clk) begin
        // Few words, so that most reads find something; never one that is being written.
        written <= {cycle[3] ? 3'd7 : 3'd0, {ADDRESS-6{cycle[4]}}, 3'(cycle)};
        read <= {$urandom & 1 ? 3'd7 : 3'd0, {ADDRESS-6{cycle[5]}}, 3'(cycle + 1 + $urandom % 7)};
        for (k = 0; k < WIDTH; k = k + 1) data[k] <= $urandom & 1;
        enables <= $urandom;
        if (differ) begin $display("differ in cycle %0d", cycle); $finish; end
        cycle = cycle + 1;
        if (cycle == 5000) begin $display("agree"); $finish; end
    end
endmodule
"""


@pytest.mark.cosim
@pytest.mark.parametrize(
    ("depth", "width", "granularity"),
    [(512, 128, None), (1024, 16, 8), *slow((256, 32, 16), (512, 32, 16), (2048, 16, 8))],
)
def test_cells(depth, width, granularity, tmp_path):
    forms = [BlockRam(depth, width, fabric, granularity) for fabric in FABRICS]
    sizes = {
        "ADDRESS": len(forms[0].write_address),
        "WIDTH": width,
        "ENABLES": len(forms[0].write_enable),
    }
    cells = block_ram() + gowin_cells()
    check_forms(forms, "read_data", BENCH, sizes, cells, tmp_path)
