"""Boards that soc.py knows: their targets in litex-boards, and what a host looks for."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Target:
    """A board; ``devices``: what litex-boards calls each."""

    title: str
    module: str
    devices: dict[str, str]
    #: Hz.
    clock: float
    baud: float
    #: Vendor and product of the USB chip of its serial line.
    usb: tuple[int, int]


TARGETS = {
    "ulx3s": Target(
        title="ULX3S",
        module="radiona_ulx3s",
        devices={name: name for name in ("LFE5U-12F", "LFE5U-25F", "LFE5U-45F", "LFE5U-85F")},
        clock=50e6,
        baud=3e6,
        usb=(0x0403, 0x6015),  # FT231X
    ),
    "ecpix5": Target(
        title="ECPIX-5",
        module="lambdaconcept_ecpix5",
        devices={"LFE5UM5G-45F": "45F", "LFE5UM5G-85F": "85F"},
        clock=75e6,
        baud=3e6,
        usb=(0x0403, 0x6010),  # FT2232H
    ),
}
