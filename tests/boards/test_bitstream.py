"""A board design but for its accelerator, to a bitstream: clocks met, and packed again the same."""

import json
from pathlib import Path

import pytest

from arch.machine import TINY
from boards import bitstream
from boards.bitstream import REPORT, build_bitstream, make_bitstream, repacked
from boards.design import Design
from boards.devices import LFE5U_25F
from boards.platforms.registry import BOARDS
from boards.toolchain import Placement, PlacementError, ToolError

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


@pytest.fixture
def rates(monkeypatch):
    """What the seeds reach, in MHz, in the place of the tools; None: no way was found."""
    found = {}

    def placed(*, seed, **others):
        if found[seed] is None:
            raise PlacementError("no way")
        return Placement(seed=seed, clock_mhz=found[seed], seconds=1.0, used={})

    monkeypatch.setattr(bitstream, "place_and_route", placed)
    monkeypatch.setattr(bitstream, "synthesise", lambda *sources, **others: {})
    for name in ("edit_netlist", "check_agreement", "pack_and_check"):
        monkeypatch.setattr(bitstream, name, lambda *arguments: None)
    return found


def made(folder, seeds):
    return make_bitstream(
        ["a.v"], top="a", device=LFE5U_25F, clock_mhz=80.0, constraints="", folder=folder,
        seeds=seeds, label="a board",
    )  # fmt: skip


def test_the_first_seed_that_will_do_is_taken(rates, tmp_path, capsys):
    rates |= {1: None, 2: 75.0, 3: 81.0, 4: 99.0}
    assert made(tmp_path, [1, 2, 3, 4]).seed == 3
    told = capsys.readouterr().out.splitlines()
    assert told[:2] == ["a board: no way", "a board: seed 2 is tried now"]
    assert "a board: the design reaches 75.00 MHz with seed 2" in told[2]
    assert told[3:] == ["a board: seed 3 is tried now"]
    with pytest.raises(PlacementError, match="75.00 MHz with seed 2"):
        made(tmp_path, [1, 2])


def test_a_clock_far_off_is_told_at_once(rates, tmp_path):
    rates |= {1: 71.0, 2: 99.0}
    with pytest.raises(ToolError, match=r"71.00 MHz with seed 1, .*; try --clock 70"):
        made(tmp_path, [1, 2])
