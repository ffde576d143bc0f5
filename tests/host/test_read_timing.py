"""The time at which a board reads its memory: found, set, and an error where there is none."""

from collections import Counter

import pytest

from arch.link import READ_TIMINGS, BoardRegister
from host.read_timing import (
    ReadTimingError,
    settle_read_timing,
    wrong_at_every_timing,
    wrong_bytes,
)

SIZE = 1 << 16


class Board:
    """A link to a memory that is read rightly at some timings, and shifted by a byte elsewhere."""

    def __init__(self, good: set[int], present: int = 1):
        self.good, self.late = good, present
        self.memory = bytearray(SIZE)
        self.written = Counter()

    def read_register(self, address: int) -> int:
        assert address == BoardRegister.READ_LATE
        return self.late

    def write_register(self, address: int, value: int) -> None:
        assert address == BoardRegister.READ_LATE
        assert value in range(READ_TIMINGS)
        self.late = value

    def write(self, address: int, content: bytes) -> None:
        self.memory[address : address + len(content)] = content
        self.written["low" if address < SIZE // 2 else "high"] += len(content)

    def read(self, address: int, length: int) -> bytes:
        shift = self.late not in self.good
        return bytes(self.memory[address + shift :][:length].ljust(length, b"\0"))


def test_bytes_that_differ_are_counted():
    assert wrong_bytes(Board({1}), 0, SIZE, 4096, 1) == 0
    assert wrong_bytes(Board({2}), 0, SIZE, 4096, 1) > 3800


@pytest.mark.parametrize("good", [{1}, {0, 1}, {3}, set()])
def test_every_timing_is_tried_and_the_usual_one_kept(good):
    board = Board(good)
    wrong = wrong_at_every_timing(board, SIZE, 2048)
    assert {late for late in range(READ_TIMINGS) if not wrong[late]} == good
    assert board.late == 1


@pytest.mark.parametrize("good", [{1}, {0, 1}, {0}, {2, 3}])
def test_a_good_timing_is_set(good):
    """The present one, if it is good; programs are where nothing is written."""
    board = Board(good)
    late = settle_read_timing(board, SIZE)
    assert late == board.late
    assert late in good
    assert late == 1 or 1 not in good
    assert not board.written["low"]


def test_no_good_timing():
    board = Board(set(), present=2)
    with pytest.raises(ReadTimingError, match=r"python -m boards test BUILD --sweep"):
        settle_read_timing(board, SIZE)
    assert board.late == 2
