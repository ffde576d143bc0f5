"""Windows of pixels become words, bit-plane by bit-plane; other beats pass unchanged."""

import random

import pytest

from arch.machine import ECP5_85F, TINY
from hw.load.picture_unpacker import PictureUnpacker
from tests.hw.cycles import run_benches

MACHINES = pytest.mark.parametrize("machine", [TINY, ECP5_85F], ids=lambda m: m.name)


def words_of(pixels, x, plane, window):
    """Return lanes 0..15 of one plane of position x, as docs/machine.md has them."""
    word = 0
    for d in range(min(window, x + 1)):
        for channel in range(3):
            word |= (pixels[x - d] >> (8 * channel + plane) & 1) << (3 * d + channel)
    return word


def run(machine, beats, rows, picture, window, high=0):
    """Show the beats of each row without a gap; return the words of all steps."""
    dut = PictureUnpacker(machine)
    steps = [(beat, row, q) for row in range(rows) for beat in beats
             for q in range(4 if picture else machine.map_steps)]  # fmt: skip
    got = []

    async def bench(ctx):
        ctx.set(dut.picture, picture)
        ctx.set(dut.window, window)
        ctx.set(dut.high, high)
        phase, last_row = 0, None
        for cycle in range(len(steps) + dut.latency):
            ctx.set(dut.step, cycle < len(steps))
            if cycle < len(steps):
                beat, row, _ = steps[cycle]
                phase = 0 if row != last_row else phase + 1
                ctx.set(dut.row_first, row != last_row)
                last_row = row
                ctx.set(dut.beat, beat)
                ctx.set(dut.phase, phase % 8)
            if cycle >= dut.latency:
                got.append([ctx.get(word) for word in dut.words])
            await ctx.tick()

    run_benches(dut, bench)
    return got


@MACHINES
@pytest.mark.parametrize("window", [1, 2, 3, 4, 5])
def test_picture(machine, window, seed):
    chance = random.Random(seed)
    beats = [chance.getrandbits(machine.axi_data_bits) for _ in range(7)]
    pixels = [beat >> 32 * i & 0xFFFFFF for beat in beats for i in range(machine.slots // 2)]
    words = [words_of(pixels, x, plane, window) for x in range(len(pixels)) for plane in range(8)]
    steps = [words[at : at + machine.slots] for at in range(0, len(words), machine.slots)]
    assert run(machine, beats, 2, 1, window) == steps * 2


@MACHINES
@pytest.mark.parametrize("high", [0, 1])
def test_maps(machine, high, seed):
    """Words of R lanes, those of 8 lanes in the low or in both halves."""
    chance = random.Random(seed)
    beats = [chance.getrandbits(machine.axi_data_bits) for _ in range(20)]
    rows, slots = machine.rows, machine.slots
    words = [beat >> at & (1 << rows) - 1 for beat in beats for at in range(0, slots * 16, rows)]
    words = [word * 0x101 if high and rows == 8 else word for word in words]
    steps = [words[at : at + slots] for at in range(0, len(words), slots)]
    assert run(machine, beats, 1, 0, 0, high) == steps
