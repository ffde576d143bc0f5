"""Boards by name, in every list that names them."""

import pytest

import arch.boards
from arch.errors import ConfigurationError
from arch.machine import ECP5_85F, ECP5_85F_4BIT, ECP5_85F_16X8, MACHINES, TINY
from boards.platforms.registry import BOARDS, UNROUTED, about_routes, board_named, usual_board


def test_every_board_is_known_to_the_compiler():
    for name in BOARDS:
        board = arch.boards.board_named(name)
        assert board.machine in MACHINES.values()
        assert board.memory.name == "sdr16_100"


def test_numbers_and_machines():
    assert len({board.number for board in BOARDS.values()}) == len(BOARDS)
    assert usual_board(TINY).name == "ulx3s-25f"
    for machine in (ECP5_85F, ECP5_85F_16X8, ECP5_85F_4BIT):
        assert usual_board(machine).name == "ulx3s-85f"
    with pytest.raises(ConfigurationError, match=r"known: ulx3s-12f, ulx3s-25f"):
        board_named("ulx3s")


def test_machines_without_a_route():
    for name in UNROUTED:
        instead = usual_board(MACHINES[name]).name
        assert f"compiler build MODEL --board {instead}`" in about_routes(MACHINES[name])
        assert not about_routes(arch.boards.board_named(instead).machine)
