"""The host's end of the link to a board: commands, and what to do when bytes are lost.

:mod:`arch.link` says what goes over the line. A command that is not answered rightly is sent again,
after the line has been silent long enough for the board to have forgotten what it had of it; all
commands mean the same when they are done twice.
"""

import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from arch.errors import OnefourError
from arch.link import (
    ANSWER,
    CRC_BYTES,
    PACKET_UNITS,
    PIXEL_BYTES,
    UNIT,
    WAITING_BYTES,
    BoardRegister,
    Operation,
)

READ_UNITS = 256
"""Units in one READ: an answer that is damaged is asked for as a whole again."""
WINDOW = 4
"""Packets under way at once, so that the line is not idle while the USB chip waits."""
ATTEMPTS = 10
"""In a row, for one command."""
BITS = 10
"""On a serial line, of a byte."""
MARGIN = 1.5
"""Silence of the host, in silences of the board."""


class LinkError(OnefourError):
    """The board does not answer, or not any more."""


class BoardResetError(LinkError):
    """The board was reset, so its memory and registers are not what they were."""


class Transport(Protocol):
    """A line to a board: bytes each way, with the time that they take."""

    #: Bits a second.
    baud: float
    #: Seconds that an answer may take beside its bytes' time.
    latency: float
    #: Seconds without a byte after which the board forgets a packet.
    silence: float

    def write(self, content: bytes) -> None: ...

    def read(self, count: int, seconds: float) -> bytes:
        """At most ``count`` bytes; fewer where they have not come after ``seconds``."""

    def now(self) -> float:
        """Seconds, from any time on."""


@dataclass(frozen=True)
class Command:
    """A packet's content, and the length of the answer's payload."""

    operation: Operation
    count: int
    address: int
    payload: bytes = b""
    answer_bytes: int = 0

    def packet(self, sequence: int) -> bytes:
        body = struct.pack("<BBHI", self.operation, sequence, self.count, self.address)
        body += self.payload
        return body + struct.pack("<I", zlib.crc32(body))


@dataclass(frozen=True)
class Records:
    """``number`` times ``length`` bytes, the first at ``address``, ``stride`` bytes from one to the
    next; all multiples of ``UNIT``."""

    address: int
    length: int
    stride: int
    number: int

    @property
    def size(self) -> int:
        return self.number * self.length


class _FaultError(Exception):
    """An answer that did not come, or is wrong."""


class Link:
    """Commands over a transport; ``faults`` counts what went wrong and was mended.

    Raises :class:`LinkError` where a command fails ``ATTEMPTS`` times in a row, and
    :class:`BoardResetError` where the board was reset since :meth:`begin_session`.
    """

    def __init__(self, transport: Transport):
        self.transport = transport
        self.faults: Counter[str] = Counter()
        self.longest_recovery = 0.0
        self._sequence = 0
        self._session = 0

    # ---- Memory and registers.

    def read(self, address: int, length: int, report: Callable[[int], None] | None = None) -> bytes:
        """``length`` bytes of memory; both multiples of ``UNIT``. ``report`` hears of pieces."""
        units = _units(address, length)
        commands = [
            Command(Operation.READ, count, address + at * UNIT, answer_bytes=count * UNIT)
            for at, count in _pieces(units, READ_UNITS)
        ]
        return b"".join(self.exchange(commands, report))

    def read_records(self, address: int, length: int, stride: int, number: int) -> bytes:
        """``number`` records of ``length`` bytes, ``stride`` bytes from one to the next."""
        units = _units(address | stride, length)
        return b"".join(self.exchange(_strided(address, units, stride, number)))

    def gather(
        self, records: Sequence[Records], report: Callable[[int], None] | None = None
    ) -> list[bytes]:
        """What :meth:`read_records` reads, for many at once: the line is not idle in between."""
        commands = [
            _strided(each.address, _units(each.address | each.stride, each.length), each.stride,
                     each.number)
            for each in records
        ]  # fmt: skip
        answers = iter(self.exchange([each for own in commands for each in own], report))
        return [b"".join(next(answers) for _ in own) for own in commands]

    def write(
        self, address: int, content: bytes, report: Callable[[int], None] | None = None
    ) -> None:
        """Write whole units of memory."""
        units = _units(address, len(content))
        self.exchange(
            (
                Command(
                    Operation.WRITE,
                    count,
                    address + at * UNIT,
                    content[at * UNIT : (at + count) * UNIT],
                )
                for at, count in _pieces(units, PACKET_UNITS)
            ),
            report,
        )

    def write_pixels(
        self, address: int, pixels: bytes, report: Callable[[int], None] | None = None
    ) -> None:
        """Write pixels of three bytes, in memory four with a 0; an even number of them."""
        step = PIXEL_BYTES * UNIT // 4
        if len(pixels) % step:
            raise ValueError(f"{len(pixels)} bytes are not an even number of pixels")
        self.exchange(
            (
                Command(
                    Operation.PIXELS,
                    count,
                    address + at * UNIT,
                    pixels[at * step : (at + count) * step],
                )
                for at, count in _pieces(len(pixels) // step, PACKET_UNITS)
            ),
            report,
        )

    def read_register(self, address: int) -> int:
        (value,) = self.read_registers([address])
        return value

    def read_registers(self, addresses: Iterable[int]) -> list[int]:
        """Several at once: each answer alone may wait in the USB chip for 16 ms."""
        commands = [
            Command(Operation.READ_REGISTER, 1, address, answer_bytes=UNIT) for address in addresses
        ]
        return [int.from_bytes(answer[:4], "little") for answer in self.exchange(commands)]

    def write_register(self, address: int, value: int) -> None:
        """Alone, never beside other commands: this is how the board knows a repetition."""
        self.exchange([Command(Operation.WRITE_REGISTER, 1, address, struct.pack("<II", value, 0))])

    # ---- Sessions.

    def begin_session(self, number: int) -> None:
        """Leave a number, not 0, on the board; it is gone after a reset."""
        self._session = 0
        self.write_register(BoardRegister.SESSION, number)
        self._session = number

    def check_session(self) -> None:
        """Raise :class:`BoardResetError` if the board was reset."""
        session, self._session = self._session, 0
        if session and self.read_register(BoardRegister.SESSION) != session:
            raise BoardResetError(
                "the board was reset, or lost its power, while it was used: its memory is not what "
                "was loaded; run the command again"
            )
        self._session = session

    # ---- Packets.

    def exchange(
        self, commands: Iterable[Command], report: Callable[[int], None] | None = None
    ) -> list[bytes]:
        """Have commands done, in order, several under way at once; return the answers' payloads."""
        commands = list(commands)
        first = self._sequence
        self._sequence = (first + len(commands)) % 256
        answers: list[bytes] = []
        sent, failed, disturbed = 0, 0, False
        while len(answers) < len(commands):
            try:
                done = len(answers)
                while sent < len(commands) and _may_follow(commands[sent], commands[done:sent]):
                    self.transport.write(commands[sent].packet((first + sent) % 256))
                    sent += 1
                answers.append(
                    self._answer(commands[done], (first + done) % 256, commands[done:sent])
                )
                failed = 0
                if report is not None:
                    report(commands[done].answer_bytes or len(commands[done].payload))
            except _FaultError as fault:
                self.faults[str(fault)] += 1
                disturbed = True
                failed += 1
                if failed == ATTEMPTS:
                    raise LinkError(self._failure(commands[len(answers)], fault)) from None
                self._settle()
                sent = len(answers)
        if disturbed:
            self.check_session()
        return answers

    def _answer(self, command: Command, sequence: int, under_way: Sequence[Command]) -> bytes:
        """The next answer's payload; :class:`_FaultError` unless it is that of ``command``."""
        length = 2 + command.answer_bytes + CRC_BYTES
        line = sum(each.answer_bytes + len(each.payload) + 32 for each in under_way)
        patience = self.transport.latency + 2 * line * BITS / self.transport.baud
        found = self.transport.read(length, patience)
        if not found:
            raise _FaultError("no answer")
        if len(found) < length:
            raise _FaultError("an answer was cut short")
        body, crc = found[:-CRC_BYTES], found[-CRC_BYTES:]
        if struct.pack("<I", zlib.crc32(body)) != crc:
            raise _FaultError("an answer's checksum was wrong")
        if (body[0], body[1]) != (ANSWER | command.operation, sequence):
            raise _FaultError("an answer was to another packet")
        return body[2:]

    def _settle(self) -> None:
        """Wait until both ends have forgotten everything."""
        started = self.transport.now()
        while self.transport.read(1 << 12, self.transport.silence * MARGIN):
            pass
        self.longest_recovery = max(self.longest_recovery, self.transport.now() - started)

    def _failure(self, command: Command, fault: _FaultError) -> str:
        counts = ", ".join(f"{what}: {count}" for what, count in self.faults.items())
        return (
            f"the board does not do {command.operation.name} at {command.address:#x}: {fault}, "
            f"{ATTEMPTS} times in a row (so far {counts}); see: python -m boards doctor"
        )


def _may_follow(command: Command, under_way: Sequence[Command]) -> bool:
    """Whether ``command`` may be sent before those under way are answered."""
    if any(each.answer_bytes for each in under_way):
        # While the board answers the first one, it can keep so much of the next one.
        return len(under_way) == 1 and len(command.packet(0)) <= WAITING_BYTES
    return len(under_way) < WINDOW


def _units(address: int, length: int) -> int:
    if address % UNIT or length % UNIT or length <= 0:
        raise ValueError(f"{length} bytes at {address:#x} are not whole units of {UNIT}")
    return length // UNIT


def _strided(address: int, units: int, stride: int, number: int) -> list[Command]:
    """Commands that read ``number`` times so many units, ``stride`` bytes apart."""
    length = units * UNIT
    return [
        Command(
            Operation.READ_STRIDED,
            units,
            address + first * stride,
            struct.pack("<IHH", (stride - length) % (1 << 32), count, 0),
            answer_bytes=count * length,
        )
        for first, count in _pieces(number, max(1, READ_UNITS // units))
    ]


def _pieces(total: int, most: int) -> list[tuple[int, int]]:
    """(first, number) of pieces of at most ``most``."""
    return [(first, min(most, total - first)) for first in range(0, total, most)]
