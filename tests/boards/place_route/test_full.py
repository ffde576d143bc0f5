"""The command lines with which a nearly full device is placed and routed."""

import json
import re

import pytest

from boards.devices import LFE5U_25F, LFE5U_85F
from boards.place_route import full
from boards.place_route.full import needs_full_flow
from boards.synth import measure
from boards.toolchain import PLACE, ToolError
from tests.boards.reports import ACCUMULATOR, REPORT

CELLS = {"LUT4": 6_000, "CCU2C": 5_400, "TRELLIS_DPR16X4": 300, "TRELLIS_FF": 20_000}


def test_what_is_full():
    assert needs_full_flow(CELLS, LFE5U_25F)
    assert not needs_full_flow(CELLS | {"CCU2C": 3_500}, LFE5U_25F)
    assert not needs_full_flow({"TRELLIS_FF": 24_000}, LFE5U_25F)
    assert not needs_full_flow(CELLS | {"CCU2C": 3_500}, LFE5U_85F)
    assert needs_full_flow(CELLS, LFE5U_85F), "not full, but large"


PIN = {"type": "TRELLIS_IO", "attributes": {PLACE: "X0/Y9/PIOA"}, "connections": {}}


def test_four_steps(tool, tmp_path):
    settings = {"seed": "1", "router": "router2"}
    top = {"cells": {"pin": PIN}, "netnames": {}, "settings": settings}
    placed = {"modules": {"top": top}}
    tool(
        'echo "$@" >> calls\n'
        f"""echo '{json.dumps({"design": {"num_cells_by_type": CELLS}})}' > yosys_stat.json\n"""
        """echo '{"modules": {}}' > netlist.json\n"""
        f"echo '{json.dumps(placed)}' > seed4.placed.json\n"
        "echo 0 9 0 > anneal.out\n"
        f"echo '{json.dumps(placed)}' > seed4.routed.json\n"
        "echo .device LFE5U-25F > seed4.config\n"
        f"echo '{json.dumps(REPORT)}' > seed4.json"
    )
    report = measure(ACCUMULATOR, top="accumulator", name="accumulator", title="one",
                     device=LFE5U_25F, folder=tmp_path, seeds=[4], clock_mhz=90.0, config={},
                     options="-nowidelut")  # fmt: skip
    synthesis, place, anneal, route = (tmp_path / "calls").read_text().splitlines()
    common = "--25k --package CABGA381 --speed 6 --lpf pins.lpf"
    assert "synth_ecp5 -top pinless -nowidelut -json netlist.json" in synthesis
    assert f"{common} --json netlist.json --seed 4 --freq 90" in place
    assert "--placer static --no-route --write seed4.placed.json" in place
    assert anneal.startswith("anneal.in anneal.out ")
    assert f"{common} --json seed4.annealed.json --seed 4 --freq 90" in route
    assert "--report seed4.json --router router1 --no-pack --textcfg seed4.config" in route
    assert "--write seed4.routed.json" in route
    annealed = json.loads((tmp_path / "seed4.annealed.json").read_text())
    settings |= {"router": "router1", "placer": "heap"}
    assert annealed["modules"]["top"]["settings"] == settings
    assert "--no-place" not in route
    assert annealed["modules"]["top"]["cells"]["pin"]["attributes"] == {"BEL": "X0/Y9/PIOA"}
    assert 'LOCATE COMP "clk" SITE "G2";' in (tmp_path / "pins.lpf").read_text()
    assert report.records()[0]["config"]["flow"] == "full"


@pytest.mark.synth
def test_all_steps_on_a_small_design(tmp_path, monkeypatch):
    """nextpnr takes the ways over, has little left to lead, and agrees; so does the comparison."""
    monkeypatch.setattr(full, "SHARE", 0)
    report = measure(ACCUMULATOR, top="accumulator", name="accumulator", title="one",
                     device=LFE5U_25F, folder=tmp_path, seeds=[1], clock_mhz=100.0,
                     config={})  # fmt: skip
    assert report.records()[0]["config"]["flow"] == "full"
    led = int(re.search(r"round 1: (\d+) conn", (tmp_path / "seed1.route.log").read_text())[1])
    left = int(re.search(r"Routing (\d+) arcs", (tmp_path / "seed1.log").read_text())[1])
    assert led > 50
    assert left < led
    assert 80 < report.clock_mhz < 600


def test_another_circuit_is_refused(tool, tmp_path):
    """A multiplier that reads a flip-flop, and a configuration in which nothing is connected."""
    register = {"type": "TRELLIS_FF", "attributes": {PLACE: "X10/Y10/SLICEB.FF0"},
                "port_directions": {"Q": "output"}, "connections": {"Q": [5]}}  # fmt: skip
    product = {"type": "MULT18X18D", "attributes": {PLACE: "X12/Y10/MULT18_0"},
               "port_directions": {"A3": "input"}, "connections": {"A3": [5]}}  # fmt: skip
    made = {"modules": {"top": {"cells": {"product": product, "register": register}}}}
    placed = {"modules": {"top": {"cells": {"pin": PIN}, "netnames": {}, "settings": {}}}}
    tool(
        f"echo '{json.dumps(placed)}' > seed4.placed.json\n"
        "echo 0 9 0 > anneal.out\n"
        f"echo '{json.dumps(made)}' > seed4.routed.json\n"
        "echo .device LFE5U-25F > seed4.config\n"
        f"echo '{json.dumps(REPORT)}' > seed4.json"
    )
    with pytest.raises(ToolError, match=r"1 of 2 cells .*something else comes in at JA3_MULT18"):
        full.place_and_route_full(device=LFE5U_25F, folder=tmp_path, seed=4, clock_mhz=90.0)


def test_a_router_that_finds_no_way_is_stopped(tool, tmp_path, monkeypatch):
    monkeypatch.setattr(full, "ROUTING_SECONDS", 1.0)
    placed = {"modules": {"top": {"cells": {"pin": PIN}, "netnames": {}, "settings": {}}}}
    tool(
        f"echo '{json.dumps(placed)}' > seed4.placed.json\n"
        "echo 0 9 0 > anneal.out\n"
        'case "$*" in *no-pack*) echo "Info:  1000 |  82  917 |  82  917 |  95657|  0.72  0.7|"; '
        'echo "Info:  9000 |  82  917 |  82  917 |   1066|  0.72  0.7|"; exec sleep 60;; esac'
    )
    message = r"not ended after 1 s.*1,066 connections.*LFE5U-25F is too"
    with pytest.raises(ToolError, match=message):
        full.place_and_route_full(device=LFE5U_25F, folder=tmp_path, seed=4, clock_mhz=90.0)
    assert full.connections_left("") == "unknown"
