"""Muse Lab iCESugar-Pro: 16-bit SDRAM; USB by an iCELink, whose serial line is slower.

Pins are those of amaranth-boards, where LVCMOS33 pins of the memory have no word on pulls.
"""

from dataclasses import replace

from amaranth_boards.icesugar_pro import ICESugarProPlatform

from boards.devices import LFE5U_25F
from boards.platforms.board import Board
from boards.sdram.part import ANY_16

ICELINK = (0x1D50, 0x602B)

BOARDS = (
    Board(
        name="icesugar-pro",
        title="iCESugar-Pro",
        number=6,
        platform=ICESugarProPlatform,
        device=replace(LFE5U_25F, package="CABGA256", clock_site="P6"),
        memory=ANY_16,
        baud=115_200,
        usb=ICELINK,
        loader=("-c", "cmsisdap"),
        led=("rgb_led", 0),
    ),
)
