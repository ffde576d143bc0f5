"""Places as constraints: what nextpnr needs to know of cells before it puts them there."""

import json

from boards.place_route.fixed_places import MULTIPLIER, fix_places
from boards.toolchain import PLACE


def test_places_become_constraints(tmp_path):
    carry = {"type": "TRELLIS_COMB", "connections": {"F": [7]},
             "port_directions": {"F": "output"},
             "attributes": {PLACE: "X1/Y2/SLICEA.K0", "BEL_STRENGTH": "3", "n": "1"}}  # fmt: skip
    product = {"type": MULTIPLIER, "connections": {"CLK0": [3], "CLK1": []},
               "port_directions": {"CLK0": "input", "CLK1": "input"},
               "attributes": {PLACE: "X4/Y9/MULT18_0"}}  # fmt: skip
    ram = {"type": "DP16KD", "connections": {"ADB0": [], "ADB5": [4], "DOA0": []},
           "port_directions": {"ADB0": "input", "ADB5": "input", "DOA0": "output"},
           "attributes": {PLACE: "X9/Y9/EBR0"}}  # fmt: skip
    loose = {"type": "VCC", "connections": {}, "port_directions": {}, "attributes": {}}
    top = {"settings": {"placer": "static", "seed": "1"},
           "cells": {"carry": carry, "product": product, "ram": ram, "loose": loose}}  # fmt: skip
    path = tmp_path / "annealed.json"
    path.write_text(json.dumps({"modules": {"top": top}}))
    fix_places(path)
    top = json.loads(path.read_text())["modules"]["top"]
    assert top["settings"] == {"placer": "heap", "seed": "1"}
    cells = top["cells"]
    assert cells["carry"] == carry | {"attributes": {"BEL": "X1/Y2/SLICEA.K0", "n": "1"}}
    assert cells["loose"] == loose
    assert cells["ram"]["connections"] == {"ADB0": ["x"], "ADB5": [4], "DOA0": []}
    pins = cells["product"]["connections"]
    assert pins.pop("CLK0") == [3]
    assert pins == {f"{pin}{number}": ["x"] for pin in ("CLK", "CE", "RST") for number in range(4)
                    if (pin, number) != ("CLK", 0)}  # fmt: skip
    assert set(cells["product"]["port_directions"].values()) == {"input"}
