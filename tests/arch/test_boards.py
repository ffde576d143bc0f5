"""Boards by name."""

import pytest

from arch.boards import BOARD_MACHINES, DEFAULT_BOARD, board_machine
from arch.errors import ConfigurationError
from arch.machine import ECP5_25F, ECP5_45F, ECP5_85F, MACHINES


def test_boards_by_name():
    assert board_machine(DEFAULT_BOARD) is ECP5_85F
    assert board_machine("ecp5-25f") is ECP5_25F
    assert board_machine("ecp5-45f") is ECP5_45F
    assert set(BOARD_MACHINES.values()) <= set(MACHINES.values())
    with pytest.raises(ConfigurationError, match="board 'ice40' is not known; known: ecp5"):
        board_machine("ice40")
