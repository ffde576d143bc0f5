"""A line to a board that is plugged in: a serial port of the computer, found by its USB chip."""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from arch.errors import OnefourError
from arch.link import SILENCE_SECONDS
from arch.packages import need

LATENCY_SECONDS = 0.2
"""Of an answer: an FT231X keeps its last bytes for 16 ms, and programs wait for their turn."""


class LineError(OnefourError):
    """There is no board to talk to, or no right to."""


@dataclass(frozen=True)
class Found:
    """A serial port that may be a board's."""

    device: str
    description: str


def serial_ports(usb: tuple[int, int]) -> list[Found]:
    """The serial ports of chips of that USB vendor and product."""
    need("serial")
    from serial.tools.list_ports import comports

    return [
        Found(port.device, port.description or "")
        for port in sorted(comports(), key=lambda port: port.device)
        if (port.vid, port.pid) == usb
    ]


def the_port(usb: tuple[int, int], title: str) -> str:
    """The only serial port of a board; LineError says what to do where there is not one."""
    found = serial_ports(usb)
    if not found:
        raise LineError(
            f"no {title} is plugged in: there is no serial port of USB {usb[0]:04x}:{usb[1]:04x}; "
            "use a cable with data wires and the board's USB socket for programming, or name a "
            "port with --port /dev/ttyUSB0; without a board: --simulate"
        )
    if len(found) > 1:
        names = ", ".join(port.device for port in found)
        raise LineError(f"several boards are plugged in: {names}; choose one with --port")
    return found[0].device


def port_advice(device: str, error: Exception) -> str:
    """What a user can do where a port cannot be opened."""
    if not Path(device).exists():
        return f"{device}: there is no such port; is the board plugged in?"
    if isinstance(error, PermissionError) or "ermission" in str(error):
        return (
            f"{device}: you may not open it; run: sudo usermod -a -G dialout $USER, then log out "
            "and in again (on Arch and Fedora derivatives the group may be uucp)"
        )
    if "usy" in str(error):
        return f"{device}: another program uses it; end that one first"
    return f"{device}: cannot be opened ({error})"


class SerialLine:
    """A transport (see :mod:`host.link`) over a serial port. Raises :class:`LineError`."""

    latency = LATENCY_SECONDS
    silence = SILENCE_SECONDS

    def __init__(self, device: str, baud: float):
        need("serial")
        import serial

        self.device, self.baud = device, baud
        try:
            self._port = serial.Serial(device, round(baud), timeout=0, exclusive=True)
        except (OSError, ValueError) as error:  # SerialException is an OSError
            raise LineError(port_advice(device, error)) from None
        with suppress(AttributeError, NotImplementedError, OSError, ValueError):
            # Where there is such a mode (Linux), an FT231X waits for 1 ms then, not 16, before it
            # passes on the last bytes; without it everything works, and takes longer.
            self._port.set_low_latency_mode(True)
        self._lost = (OSError, serial.SerialException)
        self._port.reset_input_buffer()

    def write(self, content: bytes) -> None:
        try:
            self._port.write(content)
        except self._lost as error:
            raise self._unplugged(error) from None

    def read(self, count: int, seconds: float) -> bytes:
        self._port.timeout = seconds
        try:
            return self._port.read(count)
        except self._lost as error:
            raise self._unplugged(error) from None

    def now(self) -> float:
        return time.monotonic()

    def close(self) -> None:
        self._port.close()

    def _unplugged(self, error: Exception) -> LineError:
        return LineError(f"{self.device}: the board is gone ({error}); was it unplugged?")
