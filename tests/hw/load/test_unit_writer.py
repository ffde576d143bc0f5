"""Both fabrics' unit writers write alike; what they write is tested with the loader."""

import pytest

from arch.machine import ECP5_25F, ECP5_85F
from hw.fabric import FABRICS
from hw.load.unit_writer import UnitWriter
from sim.cells import logic_cells
from tests.hw.fabric_miter import check_forms
from tests.long_runs import slow

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
@pytest.mark.parametrize("machine", [ECP5_25F, *slow(ECP5_85F)], ids=lambda m: m.name)
def test_fabrics_agree(machine, tmp_path):
    """The accumulators of both begin with a table."""
    forms = [UnitWriter(machine, fabric) for fabric in FABRICS]
    sizes = {"BEAT": machine.axi_data_bits, "CURSOR": machine.position_bits}
    assert "CCU2C" in check_forms(forms, "thresholds", BENCH, sizes, logic_cells(), tmp_path)
