"""A small design for Gowin through synthesis, placement, routing and packing."""

import json
from dataclasses import replace

import pytest

from arch.machine import GW2A_18 as MACHINE
from boards import gowin
from boards.__main__ import main
from boards.devices import GW2A_18, GW5AST_138
from boards.synth import Trial
from boards.toolchain import ToolError
from tests.boards.reports import ACCUMULATOR, STATISTICS

COUNTER = ACCUMULATOR.replace("module accumulator", "module accelerator")
REPORT = {
    "fmax": {"clk": {"achieved": 61.234, "constraint": 50}},
    "utilization": {"LUT4": {"used": 15}, "ALU": {"used": 7}, "BSRAM": {"used": 2}},
}


@pytest.fixture
def trial(monkeypatch):
    monkeypatch.setattr(gowin, "machine_verilog", lambda machine, fabric: COUNTER)
    return Trial(machine=MACHINE, device=GW2A_18, seeds=(3,), clock_mhz=50.0)


def test_tools_run_in_turn(tool, trial, tmp_path):
    """The whole of a measurement, with a script as every tool."""
    tool(
        'echo "$@" >> calls\n'
        f"echo '{json.dumps(STATISTICS)}' > yosys_stat.json\n"
        f"echo '{json.dumps(REPORT)}' > seed3.json"
    )
    report = gowin.synthesise_machine(trial, tmp_path)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == 3
    assert "synth_gowin -family gw2a -top pinless" in calls[0]
    assert "--device GW2A-LV18PG256C8/I7 --vopt family=GW2A-18C --vopt cst=pins.cst" in calls[1]
    assert "--seed 3 --freq 50" in calls[1]
    assert calls[2] == "-d GW2A-18C -o seed3.fs seed3.routed.json"
    assert report.clock_mhz == 61.23
    assert (report.used("slots"), report.used("block_rams")) == (22, 2)
    records = {record["name"]: record for record in report.records()}
    assert records["gw2a_18.block_rams"]["unit"] == "BSRAM"
    assert records["gw2a_18.flip_flops"]["available"] == 15_552
    assert records["gw2a_18.clock"]["config"]["device"] == "GW2A-18"
    assert 'IO_LOC "clk" H11;' in (tmp_path / "pins.cst").read_text()


def test_block_ram_with_one_reset_takes_the_place_of_one_with_two(tool, trial, tmp_path):
    tool(
        'echo "$@" >> calls\n'
        f"echo '{json.dumps(STATISTICS)}' > yosys_stat.json\n"
        f"echo '{json.dumps(REPORT)}' > seed3.json"
    )
    report = gowin.synthesise_machine(replace(trial, device=GW5AST_138), tmp_path)
    calls = (tmp_path / "calls").read_text().splitlines()
    change = "chtype -set two_resets t:SDPX9B; read_verilog -sv one_reset.v"
    assert f"pinless.v; {change}; synth_gowin -family gw5a" in calls[0]
    assert "--vopt family=GW5AST-138C" in calls[1]
    assert 'IO_LOC "clk" V22;' in (tmp_path / "pins.cst").read_text()
    assert report.records()[-1]["unit"] == "MULTALU27X18"


def test_a_report_without_a_clock_is_told(tool, trial, tmp_path):
    tool(
        f"echo '{json.dumps(STATISTICS)}' > yosys_stat.json\n"
        """echo '{"fmax": {}, "utilization": {}}' > seed3.json"""
    )
    with pytest.raises(ToolError, match="is there a clock"):
        gowin.synthesise_machine(trial, tmp_path)


def test_the_router_is_nextpnrs_choice(capsys):
    assert main(["synth", "--machine", "gw2a_18", "--router", "router2"]) == 2
    assert "--router is for ECP5" in capsys.readouterr().err


@pytest.mark.synth
def test_a_small_design(trial, tmp_path):
    pytest.importorskip("apycula", reason="Gowin's tools: pip install '.[gowin]'")
    report = gowin.synthesise_machine(trial, tmp_path)
    assert 50 < report.clock_mhz < 800
    assert report.used("flip_flops") - report.wrapper["flip_flops"] == pytest.approx(24, abs=2)
    # A line of ones and zeros for each of the device's frames.
    assert (tmp_path / "seed3.fs").stat().st_size > 4_000_000
