"""The behavioural memory keeps the timing written at its head."""

from pathlib import Path

import pytest

from sim import tb_memory
from sim.verilator import Model

ROOT = Path(__file__).resolve().parents[2]
WRAPPER = """
`timescale 1ns / 1ps
module clocked (
    output reg clk, input rst, input [7:0] stall, input [31:0] seed, input load, input dump,
    input [31:0] dump_first, input [31:0] dump_last, input flush,
    input [31:0] araddr, input [7:0] arlen, input arvalid, output arready,
    output [63:0] rdata, output [1:0] rresp, output rlast, output rvalid, input rready,
    input [31:0] awaddr, input [7:0] awlen, input awvalid, output awready,
    input [63:0] wdata, input [7:0] wstrb, input wlast, input wvalid, output wready,
    output [1:0] bresp, output bvalid, input bready
);
    parameter READ_LATENCY = 1, WRITE_LATENCY = 1, QUEUE = 1;
    initial clk = 0;
    always #5 clk = !clk;
    memory #(.READ_LATENCY(READ_LATENCY), .WRITE_LATENCY(WRITE_LATENCY), .QUEUE(QUEUE)) memory (.*);
endmodule
"""


@pytest.mark.cosim
def test_memory_keeps_time(tmp_path):
    parameters = {
        name: getattr(tb_memory, name) for name in ("READ_LATENCY", "WRITE_LATENCY", "QUEUE")
    }
    sources = {"memory.v": (ROOT / "sim" / "memory.v").read_text(), "clocked.sv": WRAPPER}
    model = Model("clocked", sources, parameters, visible=["*"])
    model.run("sim.tb_memory", tmp_path)
