"""A line to a board that exists in memory alone: its packets, and the time that their bytes take.

It does what a board does with a packet that arrives whole, so that the driver's own commands are
what is timed. Bytes go both ways at once; the board takes no time beside them, and neither does
what is between the computer and the line (an FT231X keeps the last bytes of an answer for a
millisecond).
"""

import struct
import zlib
from collections import deque

import numpy as np

from arch.errors import OnefourError
from arch.link import (
    ANSWER,
    BITS_OF_A_BYTE,
    CRC_BYTES,
    HEADER_BYTES,
    PIXEL_BYTES,
    SILENCE_SECONDS,
    UNIT,
    Operation,
)


class ModelLine:
    """A transport (:mod:`host.link`) to ``memory`` uint8 [bytes], which is changed."""

    latency = 0.0
    silence = SILENCE_SECONDS

    def __init__(self, memory: np.ndarray, baud: float):
        self.memory, self.baud = memory, baud
        #: Bytes to the board, and from it.
        self.sent = self.received = 0
        self._now = 0.0
        #: When each direction is free again.
        self._up = self._down = 0.0
        #: (bytes, when the last of them is here).
        self._answers: deque[tuple[bytes, float]] = deque()

    def now(self) -> float:
        return self._now

    def _seconds(self, count: int) -> float:
        return count * BITS_OF_A_BYTE / self.baud

    def write(self, content: bytes) -> None:
        """One packet."""
        self.sent += len(content)
        self._up = max(self._up, self._now) + self._seconds(len(content))
        answer = self._answer(content)
        self._down = max(self._down, self._up) + self._seconds(len(answer))
        self._answers.append((answer, self._down))

    def read(self, count: int, seconds: float) -> bytes:
        """The next answer, which is ``count`` bytes, once it is here."""
        if not self._answers:
            self._now += seconds
            return b""
        answer, here = self._answers.popleft()
        if len(answer) != count:
            raise OnefourError(f"an answer of {len(answer)} bytes, where {count} are awaited")
        self._now = max(self._now, here)
        self.received += count
        return answer

    def _answer(self, packet: bytes) -> bytes:
        body, crc = packet[:-CRC_BYTES], packet[-CRC_BYTES:]
        if struct.pack("<I", zlib.crc32(body)) != crc:
            raise OnefourError("a packet with a wrong checksum, on a line that loses nothing")
        operation, sequence, count, address = struct.unpack("<BBHI", body[:HEADER_BYTES])
        payload = body[HEADER_BYTES:]
        found = self._done(Operation(operation), count, address, payload)
        answer = struct.pack("<BB", ANSWER | operation, sequence) + found
        return answer + struct.pack("<I", zlib.crc32(answer))

    def _done(self, operation: Operation, count: int, address: int, payload: bytes) -> bytes:
        """Do a packet; the payload of its answer."""
        size = count * UNIT
        match operation:
            case Operation.READ:
                return self._bytes(address, size)
            case Operation.READ_STRIDED:
                skip, repeats, _ = struct.unpack("<IHH", payload)
                stride = (size + skip) % (1 << 32)
                return b"".join(self._bytes(address + k * stride, size) for k in range(repeats))
            case Operation.WRITE | Operation.PIXELS:
                content = np.frombuffer(payload, np.uint8)
                if operation is Operation.PIXELS:
                    content = np.pad(content.reshape(-1, PIXEL_BYTES), ((0, 0), (0, 1)))
                kept = self.memory[address : address + size]
                kept[:] = content.reshape(-1)[: len(kept)]
                return b""
        raise OnefourError(f"{operation.name} on a line to memory alone")

    def _bytes(self, address: int, size: int) -> bytes:
        return self.memory[address : address + size].tobytes().ljust(size, b"\0")
