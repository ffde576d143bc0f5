"""What a board design must know of a board."""

from dataclasses import dataclass

from amaranth.vendor import LatticeECP5Platform

from boards.devices import Device
from boards.sdram.part import Part

FT231X = (0x0403, 0x6015)
"""USB vendor and product of a serial chip that several boards have."""


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board: its pins (as an Amaranth platform), memory and link.

    Resources of the platform that a design uses: its clock, ``uart`` 0, ``sdram`` 0 (with DQM), and
    those named here.
    """

    name: str
    #: For people.
    title: str
    #: Read by the host: register VERSION.
    number: int
    platform: type[LatticeECP5Platform]
    device: Device
    memory: Part
    #: Bits a second that the chip between USB and FPGA can do.
    baud: float
    #: USB vendor and product of that chip, which is how the driver finds the board.
    usb: tuple[int, int]
    #: openFPGALoader's arguments that choose the board.
    loader: tuple[str, ...]
    #: Resources: an LED that shows that memory is ready, a button that resets, outputs kept at 1.
    led: tuple[str, int]
    reset: tuple[str, int] | None = None
    kept_high: tuple[str, ...] = ()
