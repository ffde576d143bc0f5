"""What a router may do with the inputs of a LUT, and what it may not with those of others."""

import json

import pytest

from boards.readback.agreement import check_agreement
from boards.toolchain import PLACE, ToolError

OF_INPUT = {"A": "10" * 8, "B": "1100" * 4, "C": "11110000" * 2, "D": "1" * 8 + "0" * 8}
"""The contents of a LUT whose output is an input of it, highest bit first."""
CONFIGURATION = f"""\
.device LFE5U-25F

.comment Part: LFE5U-25F-6CABGA381

.tile R10C10:PLC2
arc: E1_H02E0001 Q2
arc: H00L0000 W1_H02E0001

.tile R10C12:PLC2
arc: H00L0000 W1_H02E0001
arc: C0 H00L0000
word: SLICEA.K0.INIT {OF_INPUT["C"]}
arc: DI1 F1
"""
"""A flip-flop's output goes to a LUT's third input."""
REGISTER = {
    "type": "TRELLIS_FF", "parameters": {}, "attributes": {PLACE: "X10/Y10/SLICEB.FF0"},
    "connections": {"Q": [5], "CE": [], "CLK": [9]},
}  # fmt: skip


def check(tmp_path, reader: dict, text: str = CONFIGURATION) -> int:
    reader = {"attributes": {PLACE: "X12/Y10/SLICEA.K0"}, "type": "TRELLIS_COMB"} | reader
    cells = {"register": REGISTER, "reader": reader, "loose": {"attributes": {}}}
    placed, configuration = tmp_path / "placed.json", tmp_path / "board.config"
    placed.write_text(json.dumps({"modules": {"top": {"cells": cells}}}))
    configuration.write_text(text)
    return check_agreement(placed, configuration)


def lut(mode: str, pin: str) -> dict:
    return {
        "parameters": {"MODE": mode, "INITVAL": OF_INPUT[pin]},
        "connections": {pin: [5], "F": [6]},
    }


@pytest.mark.parametrize(("mode", "pins"), [("LOGIC", "ABCD"), ("CCU2", "CD"), ("DPRAM", "C")])
def test_inputs_that_may_be_exchanged(tmp_path, mode, pins):
    for pin in "ABCD":
        if pin in pins:
            assert check(tmp_path, lut(mode, pin)) == 2
        else:
            with pytest.raises(ToolError, match=r"board.config: 1 of 2 cells .*reader: .*seed"):
                check(tmp_path, lut(mode, pin))


def test_another_function(tmp_path):
    inverted = OF_INPUT["C"].replace("1", "x").replace("0", "1").replace("x", "0")
    wrong = lut("LOGIC", "C") | {"parameters": {"INITVAL": inverted}}
    with pytest.raises(ToolError, match=r"reader: another function of its inputs"):
        check(tmp_path, wrong)
    constant = lut("LOGIC", "C") | {"connections": {"C": [7], "F": [6]}}
    assert check(tmp_path, constant) == 2, "where it comes from is not known"


def test_what_makes_a_carry(tmp_path):
    """It is looked up with the last two inputs at 0; here the first two are idle, and so 1."""
    contents = list(OF_INPUT["C"])
    contents[-1 - 0b0011] = "1"
    other = lut("CCU2", "C") | {"parameters": {"MODE": "CCU2", "INITVAL": "".join(contents)}}
    with pytest.raises(ToolError, match=r"reader: another function of its inputs"):
        check(tmp_path, other)


@pytest.mark.parametrize(("kind", "place", "connections", "said"), [
    ("TRELLIS_FF", "SLICEA.FF1", {"DI": [5]}, "something else comes in at DI1_SLICE"),
    ("MULT18X18D", "MULT18_0", {"A3": [5], "P0": [8]}, "something else comes in at JA3_MULT18"),
    ("TRELLIS_COMB", "SLICEA.K0", {"M": [5], "OFX": [8]}, "something else comes in at M0"),
    ("TRELLIS_COMB", "SLICEA.K0", {"F1": [5], "OFX": [8]}, "chooses from another LUT than the one"),
    ("TRELLIS_COMB", "SLICEA.K1", {"FXA": [5], "OFX": [8]}, "something else comes in at FXAA_SL"),
    ("TRELLIS_RAMW", "SLICEC.RAMW", {"B1": [5]}, "something else comes in at B5"),
])  # fmt: skip
def test_inputs_of_other_cells(tmp_path, kind, place, connections, said):
    """A flip-flop and a multiplexer take from the LUTs beside them; a multiplier's inputs are wires
    of their names; what LUT RAM is written comes in at slice C."""
    reader = {
        "type": kind, "parameters": {"INITVAL": "1" * 16}, "connections": connections,
        "attributes": {PLACE: f"X12/Y10/{place}"},
    }  # fmt: skip
    with pytest.raises(ToolError, match=f"reader: {said}"):
        check(tmp_path, reader)
