"""Boards by name, in every list that names them."""

import pytest

import arch.boards
from arch.errors import ConfigurationError
from arch.machine import ECP5_85F, MACHINES, TINY
from boards.design import TOP, Design, design_files
from boards.platforms.registry import BOARDS, board_named, usual_board


def test_every_board_is_known_to_the_compiler():
    for name in BOARDS:
        board = arch.boards.board_named(name)
        assert board.machine in MACHINES.values()
        assert board.memory.name == "sdr16_100"


def test_numbers_and_machines():
    assert len({board.number for board in BOARDS.values()}) == len(BOARDS)
    assert usual_board(TINY).name == "ulx3s-25f"
    assert usual_board(ECP5_85F).name == "ulx3s-85f"
    with pytest.raises(ConfigurationError, match=r"known: ulx3s-12f, ulx3s-25f"):
        board_named("ulx3s")


@pytest.mark.parametrize("name", BOARDS)
def test_pins_of_a_design(name):
    """Every pin of the design is in a place of its own, and the clock's rate is known."""
    design = Design(board=board_named(name), machine=TINY, clock_mhz=75.0)
    constraints = design_files(design)[f"{TOP}.lpf"]
    places = [line for line in constraints.splitlines() if line.startswith("LOCATE")]
    sites = [line.split("SITE")[1] for line in places]
    assert len(set(sites)) == len(sites)
    # SDRAM: 13 + 2 address, 16 data, 2 mask, 6 more; clock, line, LED.
    assert len([place for place in places if "sdram" in place]) == 39
    assert f"{design.input_mhz * 1e6:.1f} HZ" in constraints
