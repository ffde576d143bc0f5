"""The bench wrapper: ports are found, all of them are connected."""

import pytest

from boards.pinless import Port, module_ports, wrap, wrapper_cost
from boards.toolchain import ToolError

YOSYS_STYLE = """\
(* generator = "Amaranth" *)
module \\top.inner (clk, x);
  input clk;
  wire clk;
  input [1:0] x;
endmodule

(* generator = "Amaranth" *)
(* top =  1  *)
module top(clk, rst, axi__r__payload, ready, o);
  reg \\$auto$verilog_backend.cc ;
  (* src = "top.py:1" *)
  input clk;
  wire clk;
  (* src = "top.py:1" *)
  input rst;
  wire rst;
  input [63:0] axi__r__payload;
  wire [63:0] axi__r__payload;
  output ready;
  reg ready;
  output [7:0] o;
  wire [7:0] o;
endmodule
"""
ANSI_STYLE = """\
module top (
    input wire clk,
    input wire rst,
    input wire [63:0] axi__r__payload,
    output reg ready,
    output wire [7:0] o
);
endmodule
"""
PORTS = [
    Port(name="clk", direction="input", width=1),
    Port(name="rst", direction="input", width=1),
    Port(name="axi__r__payload", direction="input", width=64),
    Port(name="ready", direction="output", width=1),
    Port(name="o", direction="output", width=8),
]


@pytest.mark.parametrize("verilog", [YOSYS_STYLE, ANSI_STYLE], ids=["yosys", "ansi"])
def test_ports_are_found(verilog):
    assert module_ports(verilog, "top") == PORTS


def test_every_port_is_connected():
    text = wrap("top", PORTS)
    assert ".clk(clk)" in text
    assert ".rst(reset)" in text
    assert ".axi__r__payload (stimulus[63:0])" in text
    assert ".ready (result[0:0])" in text
    assert ".o (result[8:1])" in text
    assert wrapper_cost(PORTS) == {"slots": 3, "flip_flops": 64 + 9 + 3 + 1}


@pytest.mark.parametrize(
    ("verilog", "message"),
    [
        ("module a(clk);\n  input clk;\nendmodule\n", "module a has no port rst"),
        ("module a(p);\n  inout p;\nendmodule\n", "module a has inout ports"),
    ],
)
def test_what_cannot_be_wrapped(verilog, message):
    with pytest.raises(ToolError, match=message):
        module_ports(verilog, "a")
    with pytest.raises(ToolError, match="no module other"):
        module_ports(verilog, "other")
