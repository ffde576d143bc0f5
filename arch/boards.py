"""Board names of the command line: the machine and the memory that each stands for.

What a board's device offers is in ``boards/``; the compiler needs only these two.
"""

from dataclasses import dataclass

from arch.errors import ConfigurationError
from arch.machine import ECP5_25F, ECP5_45F, ECP5_85F, ECP5_85F_4BIT, ECP5_85F_16X8, TINY, Machine
from arch.memory import IDEAL, SDR16_100, SDR16_133, Memory


@dataclass(frozen=True)
class Board:
    """A machine and the memory at its port; ``line``: pictures come over a serial line, which takes
    longer than the machine does."""

    machine: Machine
    memory: Memory
    line: bool = False


BOARDS: dict[str, Board] = {
    "ecp5": Board(ECP5_85F, SDR16_133),
    "ecp5-85f": Board(ECP5_85F, SDR16_133),
    "ecp5-45f": Board(ECP5_45F, SDR16_133),
    "ecp5-25f": Board(ECP5_25F, SDR16_133),
    "ulx3s-12f": Board(ECP5_25F, SDR16_100, line=True),
    "ulx3s-25f": Board(ECP5_25F, SDR16_100, line=True),
    "ulx3s-45f": Board(ECP5_45F, SDR16_100, line=True),
    "ulx3s-85f": Board(ECP5_85F_16X8, SDR16_100, line=True),
    "ulx3s-85f-full": Board(ECP5_85F, SDR16_100, line=True),
    "ulx3s-85f-4bit": Board(ECP5_85F_4BIT, SDR16_100, line=True),
    "icepi-zero": Board(ECP5_25F, SDR16_100, line=True),
    "icesugar-pro": Board(ECP5_25F, SDR16_100, line=True),
    "tiny": Board(TINY, IDEAL),
}
"""ECP5 boards that people have carry 16-bit SDRAM: those named after their device stand for any of
them, with a memory clock of its own; those named after themselves are what ``python -m boards``
builds, with memory at the core's clock. An LFE5U-12F is the die of a 25F. Of the machines for an
85F ``ecp5_85f_16x8`` is the one that place and route has finished, and on such a memory it takes
1.4 times the cycles of ``ecp5_85f`` for a YOLOv8n, not twice as many. ``tiny`` is no board: it
serves tests and quick simulations."""

DEFAULT_BOARD = "ecp5"


def board_named(name: str) -> Board:
    """Return a board; :class:`ConfigurationError` names the boards there are."""
    if name not in BOARDS:
        raise ConfigurationError(f"board {name!r} is not known; known: {', '.join(BOARDS)}")
    return BOARDS[name]
