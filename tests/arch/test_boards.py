"""Boards by name."""

import pytest

from arch.boards import BOARDS, DEFAULT_BOARD, board_named
from arch.errors import ConfigurationError
from arch.machine import ECP5_25F, ECP5_45F, ECP5_85F, MACHINES
from arch.memory import MEMORIES


def test_boards_by_name():
    assert board_named(DEFAULT_BOARD).machine is ECP5_85F
    assert board_named("ecp5-25f").machine is ECP5_25F
    assert board_named("ecp5-45f").machine is ECP5_45F
    for board in BOARDS.values():
        assert board.machine in MACHINES.values()
        assert board.memory in MEMORIES.values()
    with pytest.raises(ConfigurationError, match="board 'ice40' is not known; known: ecp5"):
        board_named("ice40")


def test_boards_that_people_have_do_not_promise_ideal_memory():
    for name, board in BOARDS.items():
        if name != "tiny":
            assert board.memory.name == ("sdr16_133" if name.startswith("ecp5") else "sdr16_100")
