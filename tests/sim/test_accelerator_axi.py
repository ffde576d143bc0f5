"""The whole accelerator on AXI memory with random pauses: see tests/sim/tb_accelerator_axi.py."""

from pathlib import Path

import pytest

from arch.machine import TINY
from hw.verilog import generate
from sim.frame import MODULE
from sim.verilator import REWRITTEN, Model
from tests.sim.tb_accelerator_axi import MACHINE_VARIABLE

HARNESS = Path(__file__).resolve().parents[2] / "sim" / "axi_harness.sv"


@pytest.mark.cosim
def test_accelerator_on_axi(tmp_path):
    model = Model(
        "axi_harness",
        {"accelerator.v": generate(TINY), HARNESS.name: HARNESS.read_text()},
        {"DATA_BITS": TINY.axi_data_bits},
        {"ACCELERATOR": MODULE},
        visible=["*"],
    )
    environment = {MACHINE_VARIABLE: TINY.name, REWRITTEN: "tb_*.py"}
    model.run("tests.sim.tb_accelerator_axi", tmp_path, environment=environment)
