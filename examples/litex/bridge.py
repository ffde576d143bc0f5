"""The host's end of LiteX's UARTBone: words of the SoC's bus over a serial line.

It has the methods of :class:`host.link.Link` that :class:`host.device.Device` uses, so the driver
is the same. UARTBone knows no checksums and answers no writes: what the line loses is lost.
"""

import random
import struct
from collections.abc import Callable, Iterable, Mapping

from host.device import DeviceError
from host.link import BITS, LinkError, Transport

WRITE, READ = 0x01, 0x02
WORD = 4
MOST_WORDS = 255
#: Of commands to the memory's pins (LiteDRAM's DFI injector), by LiteDRAM's names.
FLAGS = {
    "DFII_CONTROL_SEL": 1, "DFII_CONTROL_CKE": 2, "DFII_CONTROL_ODT": 4, "DFII_CONTROL_RESET_N": 8,
    "DFII_COMMAND_CS": 1, "DFII_COMMAND_WE": 2, "DFII_COMMAND_CAS": 4, "DFII_COMMAND_RAS": 8,
}  # fmt: skip
START_SECONDS = 300e-6
"""Of an SDRAM, from stable clocks to its first command."""
PATTERN = bytes(random.Random(5).randbytes(64))
"""Written and read again to find when reads of DDR3 are sampled."""


class Bridge:
    """The bus of a SoC. ``soc`` is soc.json, ``csr`` the registers in LiteX's csr.json.

    Addresses of memory are the accelerator's: bytes from the memory's start. Lengths and addresses
    are multiples of 4. Raises :class:`host.link.LinkError` where nothing is answered.
    """

    def __init__(self, transport: Transport, soc: Mapping, csr: Mapping):
        self.transport, self.soc, self.csr = transport, soc, csr
        self._under_way = 0  # bytes sent since the last answer

    # ---- Words of the bus.

    def _send(self, content: bytes) -> None:
        self.transport.write(content)
        self._under_way += len(content)

    def _write_words(self, address: int, words: Iterable[int]) -> None:
        words = list(words)
        head = struct.pack(">BBI", WRITE, len(words), address // WORD)
        self._send(head + struct.pack(f">{len(words)}I", *words))

    def _read_words(self, address: int, count: int) -> tuple[int, ...]:
        self._send(struct.pack(">BBI", READ, count, address // WORD))
        length = WORD * count
        line = (self._under_way + length) * BITS / self.transport.baud
        found = self.transport.read(length, self.transport.latency + 2 * line)
        self._under_way = 0
        if len(found) < length:
            raise LinkError(
                f"UARTBone answers {len(found)} of {length} bytes for {address:#x}; is this SoC in "
                "the board, and is it the right serial port?"
            )
        return struct.unpack(f">{count}I", found)

    # ---- What the driver asks of a link.

    def read(self, address: int, length: int, report: Callable[[int], None] | None = None) -> bytes:
        found = b""
        for at in range(0, length, WORD * MOST_WORDS):
            count = min(MOST_WORDS, (length - at) // WORD)
            words = self._read_words(self.soc["memory"] + address + at, count)
            found += struct.pack(f"<{count}I", *words)
            if report is not None:
                report(WORD * count)
        return found

    def write(
        self, address: int, content: bytes, report: Callable[[int], None] | None = None
    ) -> None:
        for at in range(0, len(content), WORD * MOST_WORDS):
            piece = content[at : at + WORD * MOST_WORDS]
            words = struct.unpack(f"<{len(piece) // WORD}I", piece)
            self._write_words(self.soc["memory"] + address + at, words)
            if report is not None:
                report(len(piece))

    def write_pixels(
        self, address: int, pixels: bytes, report: Callable[[int], None] | None = None
    ) -> None:
        """Pixels of three bytes; the bus has no shorter way for them than words with a 0."""
        words = b"".join(pixels[at : at + 3] + b"\0" for at in range(0, len(pixels), 3))
        self.write(address, words, report)

    def read_register(self, address: int) -> int:
        return self._read_words(self.soc["registers"] + address, 1)[0]

    def read_registers(self, addresses: Iterable[int]) -> list[int]:
        return [self.read_register(address) for address in addresses]

    def write_register(self, address: int, value: int) -> None:
        self._write_words(self.soc["registers"] + address, [value])

    def check_session(self) -> None:
        """UARTBone has no sessions; a reset SoC has lost its memory controller's settings."""
        if self._read_csr("sdram_dfii_control") != FLAGS["DFII_CONTROL_SEL"]:
            raise DeviceError("the SoC was reset: its memory controller is not initialised")

    # ---- The memory's start.

    def _write_csr(self, name: str, value: int) -> None:
        self._write_words(self.csr[name]["addr"], [value])

    def _read_csr(self, name: str) -> int:
        return self._read_words(self.csr[name]["addr"], 1)[0]

    def _wait(self, seconds: float) -> None:
        """Let time pass on the line, whether it is simulated or not."""
        end = self.transport.now() + seconds
        while self.transport.now() < end:
            self._read_csr("sdram_dfii_control")

    def initialise_memory(self) -> None:
        """Send what an SDRAM wants to be told first, and hand its pins to LiteDRAM.

        The steps are LiteDRAM's; for SDR without the reset of a DLL, which an SDR SDRAM has not.
        The first one takes the pins from LiteDRAM, which refreshes from its reset on.
        """
        for step in self.soc["initialisation"]:
            if "Reset DLL" in step["what"]:
                continue
            flags = sum(FLAGS[name] for name in step["command"].split("|"))
            if "DFII_CONTROL" in step["command"]:
                self._write_csr("sdram_dfii_control", flags)
                self._wait(START_SECONDS)
            else:
                self._write_csr("sdram_dfii_pi0_address", step["address"])
                self._write_csr("sdram_dfii_pi0_baddress", step["bank"])
                self._write_csr("sdram_dfii_pi0_command", flags)
                self._write_csr("sdram_dfii_pi0_command_issue", 1)
            self._wait(step["cycles"] / self.soc["clock"])
        self._write_csr("sdram_dfii_control", FLAGS["DFII_CONTROL_SEL"])
        if self.soc["levelling"]:
            self.level_reads(**self.soc["levelling"])

    def level_reads(self, lanes: int, bitslips: int, delays: int) -> list[tuple[int, int]]:
        """Set when each byte of the memory's width is sampled; return (bit slip, delay) of each.

        Of all settings of LiteDRAM's ECP5DDRPHY the middle of the longest run of delays with which
        a pattern is read right. Raises :class:`host.device.DeviceError` where none does.
        """
        self.write(0, PATTERN)
        chosen = []
        for lane in range(lanes):
            wanted, runs = PATTERN[lane::lanes], []
            for slip in range(bitslips):
                right = []
                for delay in range(delays):
                    self._sample(lane, slip, delay)
                    right.append(self.read(0, len(PATTERN))[lane::lanes] == wanted)
                runs += [(length, slip, first) for first, length in _runs(right)]
            if not runs:
                raise DeviceError(
                    f"byte {lane} of the DDR3's width is read wrong with each of {bitslips} bit "
                    f"slips and {delays} delays: its memory does not work; press the board's reset "
                    "button, and try a lower --clock for soc.py"
                )
            length, slip, first = max(runs, key=lambda run: run[0])
            chosen.append((slip, first + length // 2))
            self._sample(lane, *chosen[-1])
        return chosen

    def _sample(self, lane: int, slip: int, delay: int) -> None:
        """Set one lane: both settings begin at 0 and are raised by steps."""
        self._write_csr("ddrphy_dly_sel", 1 << lane)
        for reset, step, count in (
            ("dq_bitslip_rst", "dq_bitslip", slip), ("dq_rst", "dq_inc", delay),
        ):  # fmt: skip
            for name in (reset, *[step] * count):
                self._write_csr(f"ddrphy_rdly_{name}", 1)
        self._write_csr("ddrphy_dly_sel", 0)


def _runs(right: list[bool]) -> list[tuple[int, int]]:
    """(first, length) of every run of True."""
    edges = [at for at in range(len(right) + 1)
             if (at and right[at - 1]) != (at < len(right) and right[at])]  # fmt: skip
    return [(first, end - first) for first, end in zip(edges[::2], edges[1::2], strict=True)]
