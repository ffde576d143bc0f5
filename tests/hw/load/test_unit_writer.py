"""Both fabrics' unit writers write alike; what they write is tested with the loader."""

import re

import pytest
from amaranth.back import verilog
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.machine import ECP5_25F, ECP5_85F
from hw.fabric import FABRICS
from hw.load.unit_writer import UnitWriter
from hw.verilog import find_yosys
from tests.hw.cell_models import cell_models
from tests.hw.self_checking import run_bench


class WriterMiter(wiring.Component):
    """Both fabrics' writers see the same steps; the accumulators of both begin with a table."""

    def __init__(self, machine):
        self.pair = [UnitWriter(machine, fabric) for fabric in FABRICS]
        members = self.pair[0].signature.members
        self.inputs = [name for name, member in members.items() if member.flow == In]
        super().__init__({name: members[name] for name in self.inputs} | {"differ": Out(1)})

    def elaborate(self, platform):
        m = Module()
        for fabric, writer in zip(FABRICS, self.pair, strict=True):
            m.submodules[fabric] = writer
            m.d.comb += [getattr(writer, name).eq(getattr(self, name)) for name in self.inputs]
        left, right = (writer.thresholds.as_value() for writer in self.pair)
        m.d.comb += self.differ.eq(left != right)
        return m


BENCH = """
module bench(input clk);
    reg [BEAT-1:0] beat = 0;
    reg [3:0] part = 0, opcode = 4;
    reg [2:0] phase = 0;
    reg [CURSOR-1:0] cursor = 0;
    reg step = 1, makes = 0, threshold_set = 0;
    wire differ;
    integer cycle = 0, k;
    miter dut(.clk(clk), .rst(1'b0), .beat(beat), .part(part), .opcode(opcode), .phase(phase),
              .cursor(cursor), .step(step), .makes(makes), .threshold_set(threshold_set),
              .differ(differ));
    always @(posedge clk) begin
        for (k = 0; k < BEAT; k = k + 1) beat[k] <= $urandom & 1;
        {phase, cursor, threshold_set} <= $urandom;
        part <= $urandom & ($urandom & 1 ? 15 : 0);
        step <= cycle < 4 || $urandom % 4 != 0;
        makes <= cycle >= 4 && $urandom & 1;
        if (cycle > 4 && differ) begin $display("differ in cycle %0d", cycle); $finish; end
        cycle = cycle + 1;
        if (cycle == 20000) begin $display("agree"); $finish; end
    end
endmodule
"""


@pytest.mark.cosim
@pytest.mark.parametrize("machine", [ECP5_25F, ECP5_85F], ids=lambda m: m.name)
def test_fabrics_agree(machine, tmp_path):
    find_yosys()
    miter = WriterMiter(machine)
    names = {"BEAT": machine.axi_data_bits, "CURSOR": machine.position_bits}
    bench = re.sub(r"\b[A-Z]+\b", lambda name: str(names[name[0]]), BENCH)
    text = verilog.convert(miter, name="miter", emit_src=False)
    assert "CCU2C" in text
    assert "agree" in run_bench(text + cell_models() + bench, tmp_path)
