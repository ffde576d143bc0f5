"""When a board takes the words that its memory sends: tried with patterns, and set."""

import random

from arch.errors import OnefourError
from arch.link import READ_TIMINGS, BoardRegister
from host.link import Link

PIECE = 256
"""Bytes that are written, and read, at once."""
QUICK_BYTES = 1024


class ReadTimingError(OnefourError):
    """Memory is read wrongly at every timing."""


def wrong_bytes(link: Link, start: int, end: int, amount: int, seed: int) -> int:
    """Bytes that are read differently from how they were written, in pieces all over memory.

    ``amount`` bytes from ``start`` to ``end`` are written over; all are multiples of ``PIECE``.
    """
    chance = random.Random(seed)
    pieces = [
        (start + chance.randrange((end - start) // PIECE) * PIECE, chance.randbytes(PIECE))
        for _ in range(amount // PIECE)
    ]
    for address, content in pieces:
        link.write(address, content)
    last = dict(pieces)  # a piece may have been chosen twice
    return sum(
        a != b
        for address, content in last.items()
        for a, b in zip(link.read(address, PIECE), content, strict=True)
    )


def wrong_at_every_timing(link: Link, size: int, amount: int) -> list[int]:
    """:func:`wrong_bytes` in ``size`` bytes of memory at each value of READ_LATE, which is kept."""
    usual = link.read_register(BoardRegister.READ_LATE)
    wrong = []
    for late in range(READ_TIMINGS):
        link.write_register(BoardRegister.READ_LATE, late)
        wrong.append(wrong_bytes(link, 0, size, amount, late))
    link.write_register(BoardRegister.READ_LATE, usual)
    return wrong


def settle_read_timing(link: Link, size: int, amount: int = QUICK_BYTES) -> int:
    """Set READ_LATE to a value at which ``amount`` bytes are read rightly, and return it.

    The present value is kept if it is one. The upper half of memory is written over, where no
    program is. Raises :class:`ReadTimingError` where there is none.
    """
    present = link.read_register(BoardRegister.READ_LATE)
    for late in sorted(range(READ_TIMINGS), key=lambda late: late != present):
        if late != present:
            link.write_register(BoardRegister.READ_LATE, late)
        if not wrong_bytes(link, size // 2, size, amount, late):
            return late
    link.write_register(BoardRegister.READ_LATE, present)
    raise ReadTimingError(
        "the board's memory is read wrongly at every read timing; find the phase of its clock that "
        "is right with: python -m boards test BUILD --sweep"
    )
