"""Icepi Zero 1.3: 16-bit SDRAM, USB by an FT231X. Pins are those of amaranth-boards."""

from dataclasses import replace

from amaranth_boards.icepi_zero import IcepiZero1_3Platform

from boards.devices import LFE5U_25F
from boards.platforms.board import FT231X, Board
from boards.sdram.part import ANY_16

BOARDS = (
    Board(
        name="icepi-zero",
        title="Icepi Zero 1.3",
        number=5,
        platform=IcepiZero1_3Platform,
        device=replace(LFE5U_25F, package="CABGA256", clock_site="M1"),
        memory=ANY_16,
        baud=3e6,
        usb=FT231X,
        loader=("-b", "icepi-zero"),
        led=("led", 0),
        reset=("button", 0),
    ),
)
