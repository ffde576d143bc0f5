"""The behavioural memory keeps the timing of docs/memory.md."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from arch.memory import DDR3_16, IDEAL, MEMORIES, SDR16_100
from sim import tb_memory
from sim.frame import memory_plusargs
from sim.verilator import REWRITTEN, Model

ROOT = Path(__file__).resolve().parents[2]
WRAPPER = """
`timescale 1ns / 1ps
module clocked (
    output reg clk, input rst, input [7:0] stall, input [31:0] seed, input load, input dump,
    input [31:0] dump_first, input [31:0] dump_last, input flush,
    input [31:0] araddr, input [7:0] arlen, input arvalid, output arready,
    output [63:0] rdata, output [1:0] rresp, output rlast, output rvalid, input rready,
    input [31:0] awaddr, input [7:0] awlen, input [2:0] awsize, input awvalid, output awready,
    input [63:0] wdata, input [7:0] wstrb, input wlast, input wvalid, output wready,
    output [1:0] bresp, output bvalid, input bready
);
    parameter QUEUE = 1;
    initial clk = 0;
    always #5 clk = !clk;
    memory #(.QUEUE(QUEUE)) memory (.*);
endmodule
"""


KEPT = [
    *MEMORIES.values(),
    replace(IDEAL, name="fast", read_latency=1, write_latency=1),
    replace(IDEAL, name="two slow ports", burst_cycles=3, rate_bytes=5, rate_cycles=2),
    replace(DDR3_16, name="odd", burst_cycles=0, rate_bytes=7, rate_cycles=3, read_latency=1),
    replace(SDR16_100, name="slow", rate_bytes=1, rate_cycles=3, write_latency=33),
]


@pytest.fixture(scope="module")
def model():
    sources = {"memory.v": (ROOT / "sim" / "memory.v").read_text(), "clocked.sv": WRAPPER}
    return Model("clocked", sources, {"QUEUE": tb_memory.QUEUE}, visible=["*"]).build()


@pytest.mark.cosim
@pytest.mark.parametrize("memory", KEPT, ids=lambda memory: memory.name)
def test_memory_keeps_time(model, memory, tmp_path):
    """One model is all memories, by plusargs."""
    model.run(
        "sim.tb_memory",
        tmp_path,
        plusargs=memory_plusargs(memory),
        environment={tb_memory.MEMORY: json.dumps(asdict(memory)), REWRITTEN: "tb_*.py"},
    )
