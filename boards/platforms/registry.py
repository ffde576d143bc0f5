"""The boards by name, and which one a machine goes onto unless another is named."""

from arch.errors import ConfigurationError
from arch.machine import Machine
from boards.platforms import icepi_zero, icesugar_pro, ulx3s
from boards.platforms.board import Board

BOARDS: dict[str, Board] = {
    board.name: board for file in (ulx3s, icepi_zero, icesugar_pro) for board in file.BOARDS
}
USUAL = {
    "tiny": "ulx3s-25f",
    "ecp5_25f": "ulx3s-25f",
    "ecp5_45f": "ulx3s-45f",
    "ecp5_85f": "ulx3s-85f",
    "ecp5_85f_16x8": "ulx3s-85f",
    "ecp5_85f_4bit": "ulx3s-85f",
}

UNROUTED = ("ecp5_85f",)
"""Machines that no place-and-route has finished; the one that their board's name stands for has a
route."""


def board_named(name: str) -> Board:
    """Return a board; :class:`ConfigurationError` names the boards there are."""
    if name not in BOARDS:
        raise ConfigurationError(f"board {name!r} is not known; known: {', '.join(BOARDS)}")
    return BOARDS[name]


def usual_board(machine: Machine) -> Board:
    """The board that a machine is meant for."""
    if machine.name not in USUAL:
        raise ConfigurationError(
            f"machine {machine.name!r} is meant for no board; name one with --board: "
            f"{', '.join(BOARDS)}"
        )
    return BOARDS[USUAL[machine.name]]


def about_routes(machine: Machine) -> str:
    """What to know before hours are spent on a machine's bitstream; "" where there is nothing."""
    if machine.name not in UNROUTED:
        return ""
    return (
        f"{machine.name} has not been routed to the end yet, so this may take hours and make no "
        f"bitstream (docs/synthesis.md); `python -m compiler build MODEL --board "
        f"{USUAL[machine.name]}` is for a machine that has"
    )
