"""The line in memory alone: what its packets do, and the time that their bytes take."""

import numpy as np
import pytest

from arch.errors import OnefourError
from arch.link import BITS_OF_A_BYTE
from boards.use.model_line import ModelLine
from host.line.packets import Records
from host.link import Link

BAUD = 1e6


def line_to(size: int = 4096) -> ModelLine:
    return ModelLine(np.random.default_rng(1).integers(0, 256, size, np.uint8), BAUD)


def test_memory_is_read_and_written():
    line = line_to()
    link, memory = Link(line), line.memory.copy()
    assert link.read(64, 2400) == memory[64 : 64 + 2400].tobytes()
    assert link.read_records(8, 16, 64, 5) == b"".join(
        memory[8 + 64 * k :][:16].tobytes() for k in range(5)
    )
    link.write(256, bytes(range(240)))
    memory[256 : 256 + 240] = range(240)
    link.write_pixels(1024, bytes(range(1, 25)))
    memory[1024:1056] = np.pad(np.arange(1, 25).reshape(-1, 3), ((0, 0), (0, 1))).reshape(-1)
    np.testing.assert_array_equal(line.memory, memory)


def test_many_records_at_once_are_those_of_single_ones():
    line = line_to(1 << 16)
    link = Link(line)
    wanted = [Records(8, 16, 64, 5), Records(512, 8, 128, 300), Records(0, 2048, 2048, 1)]
    assert link.gather(wanted) == [
        link.read_records(each.address, each.length, each.stride, each.number) for each in wanted
    ]
    assert link.gather([]) == []
    with pytest.raises(ValueError, match="whole units"):
        link.gather([Records(4, 8, 8, 1)])


def test_time_is_that_of_the_bytes():
    """A command, and the answer behind it."""
    line = line_to()
    Link(line).read(0, 800)
    assert (line.sent, line.received) == (8 + 4, 800 + 6)
    assert line.now() == pytest.approx((12 + 806) * BITS_OF_A_BYTE / BAUD)


def test_registers_are_none_of_it():
    with pytest.raises(OnefourError, match="READ_REGISTER on a line to memory alone"):
        Link(line_to()).read_register(0)
