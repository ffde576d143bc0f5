"""Every machine becomes Verilog, always the same text, with the customary port names."""

import os
import re
import subprocess
import sys

import pytest

from arch.machine import MACHINES, TINY
from hw.verilog import generate, main

PINS = {
    "input": "clk rst m_axi_arready m_axi_rdata m_axi_rresp m_axi_rlast m_axi_rvalid m_axi_awready "
    "m_axi_wready m_axi_bresp m_axi_bvalid s_axil_awaddr s_axil_awvalid s_axil_wdata s_axil_wstrb "
    "s_axil_wvalid s_axil_bready s_axil_araddr s_axil_arvalid s_axil_rready",
    "output": "irq m_axi_araddr m_axi_arlen m_axi_arsize m_axi_arburst m_axi_arvalid m_axi_rready "
    "m_axi_awaddr m_axi_awlen m_axi_awsize m_axi_awburst m_axi_awvalid m_axi_wdata m_axi_wstrb "
    "m_axi_wlast m_axi_wvalid m_axi_bready s_axil_awready s_axil_wready s_axil_bresp "
    "s_axil_bvalid s_axil_arready s_axil_rdata s_axil_rresp s_axil_rvalid",
}


@pytest.mark.parametrize("machine", MACHINES.values(), ids=lambda m: m.name)
def test_pins(machine):
    text = generate(machine)
    top = text[text.index("module accelerator(") :]
    top = top[: top.index("endmodule")]
    for direction, names in PINS.items():
        found = re.findall(rf"^  {direction} (?:\[(\d+):0\] )?(\w+);", top, re.MULTILINE)
        assert sorted(name for _, name in found) == sorted(names.split())
        widths = {name: int(high or 0) + 1 for high, name in found}
        for name in ("m_axi_rdata", "m_axi_wdata"):
            if name in widths:
                assert widths[name] == machine.axi_data_bits
    assert "(* src" not in text


@pytest.mark.slow
def test_same_text_in_another_process(tmp_path):
    texts = []
    for name in ("a.v", "b.v"):
        command = [sys.executable, "-m", "hw.verilog", "--machine", "tiny", "-o", tmp_path / name]
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        subprocess.run(command, check=True, env=environment)
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1]
    assert texts[0].startswith(f"// onefour: machine {TINY.name}, fabric generic\n")


def test_unknown_machine(capsys):
    assert main(["--machine", "huge"]) == 2
    assert "machine 'huge' is not known" in capsys.readouterr().err
