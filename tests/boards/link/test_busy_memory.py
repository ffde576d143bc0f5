"""The link at a board's pins while the accelerator keeps memory as busy as it can be."""

import random
from pathlib import Path

import pytest

from arch.link import Operation
from arch.machine import TINY
from boards.design import Design
from boards.link.share import MOST_AHEAD
from boards.platforms.registry import BOARDS
from boards.use.simulation import board_model, for_simulation, simulated, start_seconds
from host.line.packets import Command, pixel_writes, writes
from host.link import Link
from tests.long_runs import slow

BUSY = Path(__file__).with_name("busy_accelerator.v").read_text()
BURST_CYCLES = 64 * 4
"""Of the longest bursts: beats of four words."""
BETWEEN_CYCLES = 40
"""Bursts in other rows, other directions and with a refresh in between; generously."""
READS, WRITES, BOTH = 0x1003F, 0x23F00, 0x33F3F
"""What the accelerator does, in bursts of 64 beats."""
WORK = [BOTH, *slow(READS, WRITES)]
PLACE = 0x40000
"""None of its places."""


@pytest.fixture(scope="module")
def board():
    """85 MHz and 12 Mbaud: the fewest cycles a byte."""
    design = for_simulation(Design(board=BOARDS["ulx3s-25f"], machine=TINY, clock_mhz=85))
    with simulated(design, board_model(design, BUSY)) as line:
        line.wait(start_seconds(design))
        yield line, design.pll.clock_mhz


@pytest.mark.cosim
@pytest.mark.parametrize("does", WORK, ids=hex)
def test_no_byte_is_lost(board, does):
    """Packets one behind the other, whole and of a unit each, the first across a page's end."""
    line, _ = board
    content = random.Random(does).randbytes(384)
    told = [
        *writes(PLACE - 0x40, content),
        *pixel_writes(PLACE + 0x400, content),
        *(Command(Operation.WRITE, 1, PLACE + 0x800 + at, content[at : at + 8])
          for at in range(0, 160, 8)),
    ]  # fmt: skip
    link = Link(line)
    link.write_register(0, does)
    link.exchange(told)
    assert not link.faults
    link.write_register(0, 0)
    memory, errors = line.get_memory(0x1000, PLACE - 0x40)
    assert errors == 0
    assert memory[:384].tobytes() == content
    pixels = memory[0x440 : 0x440 + 512].reshape(-1, 4)
    assert pixels[:, :3].tobytes() == content
    assert not pixels[:, 3].any()
    assert memory[0x840 : 0x840 + 160].tobytes() == content[:160]


@pytest.mark.cosim
@pytest.mark.parametrize("does", WORK, ids=hex)
def test_a_write_waits_for_few_bursts(board, does):
    line, clock_mhz = board

    def seconds(number: int) -> list[float]:
        times = []
        for at in range(number):
            started = line.now()
            link.write(PLACE + 8 * at, bytes(8))
            times.append(line.now() - started)
        return times

    link = Link(line)
    (alone,) = seconds(1)
    link.write_register(0, does)
    waited = (max(seconds(20)) - alone) * clock_mhz * 1e6
    print(f"{waited:.0f} cycles")
    assert BURST_CYCLES < waited < MOST_AHEAD * (BURST_CYCLES + BETWEEN_CYCLES)
    link.write_register(0, 0)
    assert not link.faults
