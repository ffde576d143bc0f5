"""Payloads come out in order, two cycles later, one per cycle."""

import random

import pytest

from hw.streams.queue import Queue
from tests.hw.cycles import run_benches

DEPTH = 8


def run(give, take, count=100, seed=1, depth=DEPTH):
    """Return the cycles in which payloads 0, 1, ... went in and came out."""
    dut = Queue(16, depth)
    chance = random.Random(seed)
    went_in, came_out = [], []

    async def bench(ctx):
        cycle = 0
        while len(came_out) < count:
            offered = len(went_in) < count and chance.random() < give
            ctx.set(dut.i.valid, offered)
            ctx.set(dut.i.payload, len(went_in))
            willing = chance.random() < take
            ctx.set(dut.o.ready, willing)
            _, _, room, valid, payload = await ctx.tick().sample(
                dut.i.ready, dut.o.valid, dut.o.payload
            )
            if valid and willing:
                assert payload == len(came_out)
                came_out.append(cycle)
            if offered and room:
                went_in.append(cycle)
            assert len(went_in) - len(came_out) <= depth
            cycle += 1

    run_benches(dut, bench)
    return went_in, came_out


def test_full_speed():
    went_in, came_out = run(1, 1)
    assert went_in == list(range(100))
    assert came_out == [cycle + Queue.latency for cycle in went_in]


@pytest.mark.parametrize(("give", "take"), [(0.3, 1), (1, 0.3), (0.5, 0.5)])
def test_stalls(give, take, seed):
    run(give, take, seed=seed)


def test_depth_2_takes_one_in_every_other_cycle(seed):
    went_in, came_out = run(1, 1, depth=2)
    assert went_in == [2 * index for index in range(100)]
    assert came_out == [cycle + Queue.latency for cycle in went_in]
    run(0.5, 0.5, seed=seed, depth=2)
