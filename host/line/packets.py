"""Commands to a board: packets as :mod:`arch.link` has them, many for a long transfer, and which of
them may be under way at once."""

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from arch.link import ANSWERS_WAITING, PACKET_UNITS, PIXEL_BYTES, UNIT, WAITING_BYTES, Operation

READ_UNITS = 256
"""Units in one READ: an answer that is damaged is asked for as a whole again."""
BOTH_WAYS_UNITS = 192
"""Units in one READ while packets are written as well: 1,542 bytes on the line, and 15 packets of
pixels, all that may be under way beside it, are 1,620 the other way."""


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

    @property
    def memory(self) -> range:
        """Bytes of memory from the first to the last one that it touches; of registers none."""
        if self.operation in (Operation.READ_REGISTER, Operation.WRITE_REGISTER):
            return range(0)
        size = self.count * UNIT
        if self.operation == Operation.READ_STRIDED:
            skip, repeats, _ = struct.unpack("<IHH", self.payload)
            size += (repeats - 1) * (size + skip)
        return range(self.address, self.address + size)


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


def may_follow(command: Command, under_way: Sequence[Command]) -> bool:
    """Whether the board can do ``command`` before it has answered those under way."""
    if len(under_way) >= ANSWERS_WAITING:
        return False
    asked = sum(1 for each in under_way if each.answer_bytes)
    return asked == 0 or (asked == 1 and not command.answer_bytes)


def may_wait_behind(command: Command, under_way: Sequence[Command]) -> bool:
    """Whether ``command`` may wait on the board for the answer to the only one under way.

    It waits in front of whatever would come behind it, so nothing may: see :mod:`arch.link`.
    """
    return len(under_way) == 1 and len(command.packet(0)) <= WAITING_BYTES


def reads(address: int, length: int, most: int = READ_UNITS) -> list[Command]:
    """Commands that read ``length`` bytes, ``most`` units at once."""
    units = _units(address, length)
    return [
        Command(Operation.READ, count, address + at * UNIT, answer_bytes=count * UNIT)
        for at, count in _pieces(units, most)
    ]


def writes(address: int, content: bytes) -> list[Command]:
    """Commands that write whole units."""
    return [
        Command(
            Operation.WRITE, count, address + at * UNIT, content[at * UNIT : (at + count) * UNIT]
        )
        for at, count in _pieces(_units(address, len(content)), PACKET_UNITS)
    ]


def pixel_writes(address: int, pixels: bytes) -> list[Command]:
    """Commands that write an even number of pixels of three bytes."""
    step = PIXEL_BYTES * UNIT // 4
    if len(pixels) % step:
        raise ValueError(f"{len(pixels)} bytes are not an even number of pixels")
    return [
        Command(
            Operation.PIXELS, count, address + at * UNIT, pixels[at * step : (at + count) * step]
        )
        for at, count in _pieces(len(pixels) // step, PACKET_UNITS)
    ]


def _units(address: int, length: int) -> int:
    if address % UNIT or length % UNIT or length <= 0:
        raise ValueError(f"{length} bytes at {address:#x} are not whole units of {UNIT}")
    return length // UNIT


def record_reads(records: Records) -> list[Command]:
    """Commands that read records."""
    units = _units(records.address | records.stride, records.length)
    return [
        Command(
            Operation.READ_STRIDED,
            units,
            records.address + first * records.stride,
            struct.pack("<IHH", (records.stride - records.length) % (1 << 32), count, 0),
            answer_bytes=count * records.length,
        )
        for first, count in _pieces(records.number, max(1, READ_UNITS // units))
    ]


def gathered(
    records: Sequence[Records], exchange: Callable[[list[Command]], list[bytes]]
) -> list[bytes]:
    """What ``exchange``, which has commands done, reads of records: as many contents."""
    commands = [record_reads(each) for each in records]
    answers = iter(exchange([each for own in commands for each in own]))
    return [b"".join(next(answers) for _ in own) for own in commands]


def _pieces(total: int, most: int) -> list[tuple[int, int]]:
    """(first, number) of pieces of at most ``most``."""
    return [(first, min(most, total - first)) for first in range(0, total, most)]
