"""A board design but for its accelerator, to a bitstream: clocks met, and packed again the same."""

import json
from pathlib import Path

import pytest

from arch.machine import TINY
from boards.bitstream import REPORT, build_bitstream, repacked
from boards.design import Design
from boards.platforms.registry import BOARDS
from boards.toolchain import ToolError

EMPTY = Path(__file__).with_name("no_accelerator.v").read_text()


@pytest.mark.synth
@pytest.mark.parametrize("name", ["ulx3s-25f", "icepi-zero"])
def test_a_bitstream(name, tmp_path):
    design = Design(board=BOARDS[name], machine=TINY, clock_mhz=75.0)
    built = build_bitstream(design, tmp_path, accelerator=EMPTY)
    print(built.table())
    assert built.met
    assert built.placement.used["block_rams"] == 0
    assert repacked(tmp_path) == built.bitstream.read_bytes()
    report = json.loads((tmp_path / REPORT).read_text())
    assert report["clock_mhz"] == 75 <= report["possible_mhz"]


@pytest.mark.synth
def test_a_clock_that_is_not_met(tmp_path):
    """No bitstream is left: it would make mistakes."""
    design = Design(board=BOARDS["ulx3s-25f"], machine=TINY, clock_mhz=142.0)
    with pytest.raises(ToolError, match=r"not the 14\d.\d+ MHz of its PLL .*; try --clock"):
        build_bitstream(design, tmp_path, accelerator=EMPTY)
    assert not list(tmp_path.glob("board.bit"))
