"""Radiona ULX3S: 16-bit SDRAM, USB by an FT231X.

Pins are those of amaranth-boards, and one more: what keeps the ESP32 out of its boot loader is a
part of a larger resource there.
"""

from amaranth.build import Attrs, Pins, Resource
from amaranth_boards import ulx3s

from boards.devices import LFE5U_12F, LFE5U_25F, LFE5U_45F, LFE5U_85F, Device
from boards.platforms.board import FT231X, Board
from boards.sdram.part import ANY_16

ESP32_GPIO0 = Resource(
    "esp32_gpio0", 0, Pins("L2", dir="o"), Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP")
)


def _board(size: str, number: int, device: Device, platform: type) -> Board:
    resources = [*platform.resources, ESP32_GPIO0]
    pins = type(platform.__name__, (platform,), {"resources": resources})
    return Board(
        name=f"ulx3s-{size.lower()}",
        title=f"ULX3S {size}",
        number=number,
        platform=pins,
        device=device,
        memory=ANY_16,
        baud=3e6,
        usb=FT231X,
        loader=("-b", "ulx3s"),
        led=("led", 0),
        reset=("button_fire", 0),
        kept_high=("esp32_gpio0",),
    )


BOARDS = (
    _board("12F", 1, LFE5U_12F, ulx3s.ULX3S_12F_Platform),
    _board("25F", 2, LFE5U_25F, ulx3s.ULX3S_25F_Platform),
    _board("45F", 3, LFE5U_45F, ulx3s.ULX3S_45F_Platform),
    _board("85F", 4, LFE5U_85F, ulx3s.ULX3S_85F_Platform),
)
