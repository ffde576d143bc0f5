"""The host's end of the link to a board: commands, and what to do when bytes are lost.

:mod:`arch.link` says what goes over the line. A command that is not answered rightly is sent again,
after the line has been silent long enough for the board to have forgotten what it had of it; all
commands mean the same when they are done twice.
"""

import struct
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from arch.errors import OnefourError
from arch.link import ANSWER, CRC_BYTES, UNIT, BoardRegister, Operation
from host.line.packets import (
    Command,
    Records,
    gathered,
    may_follow,
    may_wait_behind,
    pixel_writes,
    reads,
    record_reads,
    writes,
)

ATTEMPTS = 10
"""In a row, for one command."""
BITS = 10
"""On a serial line, of a byte."""
MARGIN = 1.5
"""Silence of the host, in silences of the board."""
Report = Callable[[int], None]


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


@dataclass
class _Packet:
    """A command on its way. A sequence is chosen when it is sent first, and kept."""

    number: int
    command: Command
    sequence: int | None = None


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
        self._line_free = 0.0  # when all that was written will be on its way

    # ---- Memory and registers.

    def read(self, address: int, length: int, report: Report | None = None) -> bytes:
        """``length`` bytes of memory; both multiples of ``UNIT``. ``report`` hears of pieces."""
        return b"".join(self.exchange(reads(address, length), report))

    def read_records(self, address: int, length: int, stride: int, number: int) -> bytes:
        """``number`` records of ``length`` bytes, ``stride`` bytes from one to the next."""
        records = Records(address, length, stride, number)
        return b"".join(self.exchange(record_reads(records)))

    def gather(
        self, records: Sequence[Records], report: Callable[[int], None] | None = None
    ) -> list[bytes]:
        """What :meth:`read_records` reads, for many at once: the line is not idle in between."""
        return gathered(records, lambda commands: self.exchange(commands, report))

    def write(self, address: int, content: bytes, report: Report | None = None) -> None:
        """Write whole units of memory."""
        self.exchange(writes(address, content), report)

    def write_pixels(self, address: int, pixels: bytes, report: Report | None = None) -> None:
        """Write pixels of three bytes, in memory four with a 0; an even number of them."""
        self.exchange(pixel_writes(address, pixels), report)

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

    def exchange(self, commands: Iterable[Command], report: Report | None = None) -> list[bytes]:
        """Have commands done, in order, several under way at once; return the answers' payloads."""
        return self._exchange([[*commands]], report)

    def exchange_both_ways(
        self, asked: Sequence[Command], told: Sequence[Command], report: Report | None = None
    ) -> list[bytes]:
        """Have reads and writes done at once; return the payloads of ``asked``'s answers.

        Each list is done in order, but any of one before or after any of the other: what they
        read and write must lie apart.
        """
        return self._exchange([[*asked], [*told]], report)[: len(asked)]

    def _exchange(self, lists: Sequence[list[Command]], report: Report | None) -> list[bytes]:
        """Commands of the first list go before those of the next, wherever both could be sent."""
        total = sum(map(len, lists))
        numbers = iter(range(total))
        waiting = [deque(_Packet(next(numbers), each) for each in list_) for list_ in lists]
        waiting.insert(0, deque())  # what is sent again
        under_way: deque[_Packet] = deque()
        answers: dict[int, bytes] = {}
        failed, disturbed = 0, False
        while len(answers) < total:
            try:
                self._send(waiting, under_way)
                packet = under_way[0]
                answers[packet.number] = self._answer(packet, under_way)
                under_way.popleft()
                failed = 0
                if report is not None:
                    report(packet.command.answer_bytes or len(packet.command.payload))
            except _FaultError as fault:
                self.faults[str(fault)] += 1
                disturbed = True
                failed += 1
                if failed == ATTEMPTS:
                    raise LinkError(self._failure(under_way[0].command, fault)) from None
                self._settle()
                waiting[0].extendleft(reversed(under_way))
                under_way.clear()
        if disturbed:
            self.check_session()
        return [answers[number] for number in range(total)]

    def _send(self, waiting: Sequence[deque[_Packet]], under_way: deque[_Packet]) -> None:
        """Send all that may be under way beside what is."""
        while packets := _next(waiting, [each.command for each in under_way]):
            packet = packets.popleft()
            if packet.sequence is None:
                packet.sequence = self._sequence
                self._sequence = (self._sequence + 1) % 256
            content = packet.command.packet(packet.sequence)
            self.transport.write(content)
            begins = max(self._line_free, self.transport.now())
            self._line_free = begins + len(content) * BITS / self.transport.baud
            under_way.append(packet)

    def _answer(self, packet: _Packet, under_way: Iterable[_Packet]) -> bytes:
        """The next answer's payload; :class:`_FaultError` unless it is that of ``packet``."""
        command = packet.command
        length = 2 + command.answer_bytes + CRC_BYTES
        line = sum(each.command.answer_bytes + len(each.command.payload) + 32 for each in under_way)
        patience = self.transport.latency + 2 * line * BITS / self.transport.baud
        found = self.transport.read(length, patience)
        if not found:
            raise _FaultError("no answer")
        if len(found) < length:
            raise _FaultError("an answer was cut short")
        body, crc = found[:-CRC_BYTES], found[-CRC_BYTES:]
        if struct.pack("<I", zlib.crc32(body)) != crc:
            raise _FaultError("an answer's checksum was wrong")
        if (body[0], body[1]) != (ANSWER | command.operation, packet.sequence):
            raise _FaultError("an answer was to another packet")
        return body[2:]

    def _settle(self) -> None:
        """Wait until both ends have forgotten everything, and all that was written has left."""
        now, silence = self.transport.now, self.transport.silence * MARGIN
        started = now()
        while self.transport.read(1 << 12, max(silence, self._line_free - now() + silence)):
            pass
        self.longest_recovery = max(self.longest_recovery, now() - started)

    def _failure(self, command: Command, fault: _FaultError) -> str:
        counts = ", ".join(f"{what}: {count}" for what, count in self.faults.items())
        return (
            f"the board does not do {command.operation.name} at {command.address:#x}: {fault}, "
            f"{ATTEMPTS} times in a row (so far {counts}); see: python -m boards doctor"
        )


def _next(waiting: Sequence[deque[_Packet]], under_way: Sequence[Command]) -> deque[_Packet] | None:
    """Whose first packet is to be sent; none before those of the first list, sent already once."""
    lists = [waiting[0]] if waiting[0] else [each for each in waiting if each]
    for rule in (may_follow, may_wait_behind):
        for packets in lists:
            if rule(packets[0].command, under_way):
                return packets
    return None
