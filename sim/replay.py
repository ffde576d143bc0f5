"""Memory over the course of a run, from the log of written beats that ``sim/memory.v`` keeps.

Every byte of a COMPUTE's result is written exactly once and results are written in order, so memory
as it was after a COMPUTE is found by counting bytes, whatever the bursts and their timing.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

ADDRESS_DIGITS = 8


class Replay:
    """Applies the log's beats to ``memory``, stopping at given numbers of bytes."""

    def __init__(self, memory: np.ndarray, beat_bytes: int, log: Path):
        self.memory = memory
        self.beat_bytes = beat_bytes
        self.log = log
        self.bytes_written = 0
        self._read = 0
        self._line = ADDRESS_DIGITS + -(-beat_bytes // 4) + 2 * beat_bytes + 1

    def advance(self, stops: Sequence[int]) -> Iterator[int]:
        """Apply what is new in the log; yield each of the ascending ``stops`` that is reached."""
        address, written, data = self._new_beats()
        totals = self.bytes_written + np.cumsum(written.sum(axis=1))
        applied = 0
        for stop in stops:
            if self.bytes_written < stop and (not len(totals) or totals[-1] < stop):
                break
            upto = int(np.searchsorted(totals, stop)) + 1 if self.bytes_written < stop else applied
            self._apply(address[applied:upto], written[applied:upto], data[applied:upto])
            applied = max(applied, upto)
            yield stop
        self._apply(address[applied:], written[applied:], data[applied:])

    def _new_beats(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return addresses [n], strobes [n, bytes] and data [n, bytes] of complete new lines."""
        text = b""
        if self.log.exists():
            with self.log.open("rb") as file:
                file.seek(self._read)
                text = file.read()
        text = text[: len(text) // self._line * self._line]
        self._read += len(text)
        lines = np.frombuffer(bytes.fromhex(text.decode()), np.uint8).reshape(-1, self._line // 2)
        address = lines[:, :4].copy().view(">u4")[:, 0].astype(np.int64)
        strobe_bytes = -(-self.beat_bytes // 8)
        strobes = lines[:, 4 : 4 + strobe_bytes][:, ::-1]
        written = np.unpackbits(strobes, axis=1, bitorder="little")[:, : self.beat_bytes]
        return address, written.astype(bool), lines[:, 4 + strobe_bytes :][:, ::-1]

    def _apply(self, address: np.ndarray, written: np.ndarray, data: np.ndarray) -> None:
        places = address[:, None] + np.arange(self.beat_bytes)
        inside = written & (places < self.memory.size)
        self.memory[places[inside]] = data[inside]
        self.bytes_written += int(written.sum())


def write_hexadecimal(
    memory: np.ndarray, beat_bytes: int, path: Path, block: int = 512, first: int | None = None
) -> None:
    """Write a memory image for $readmemh: blocks of words that are not all zero.

    With ``first``, all of them, from that word on.
    """
    words = np.zeros((-(-memory.size // beat_bytes), beat_bytes), np.uint8)
    words.reshape(-1)[: memory.size] = memory
    used = np.flatnonzero(words.any(axis=1) | (first is not None)) // block
    with path.open("wb") as file:
        for number in np.unique(used):
            digits = (
                words[number * block : (number + 1) * block, ::-1].tobytes().hex("\n", beat_bytes)
            )
            file.write(f"@{(first or 0) + number * block:x}\n{digits}\n".encode())


def read_hexadecimal(path: Path, beat_bytes: int) -> np.ndarray:
    """Read what $writememh wrote: uint8, the dumped range only."""
    lines = (line for line in path.read_text().splitlines() if line[:1] not in ("@", "/"))
    words = np.frombuffer(bytes.fromhex("".join(lines)), np.uint8)
    return words.reshape(-1, beat_bytes)[:, ::-1].reshape(-1)
