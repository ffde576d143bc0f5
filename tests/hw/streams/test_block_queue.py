"""BlockQueue against a list."""

import random
from collections import deque

import pytest

from hw.streams.block_queue import AHEAD, BlockQueue
from tests.hw.cycles import run_benches


def pass_through(queue, count, write, read, seed):
    """Return the cycles in which payloads 0, 1, ... were written and taken."""
    chance = random.Random(seed)
    written, taken = [], []

    async def bench(ctx):
        waiting, cycle, sent = deque(), 0, 0
        while len(taken) < count:
            writing = sent < count and chance.random() < write and len(waiting) < queue.depth
            ready = chance.random() < read
            ctx.set(queue.write, writing)
            ctx.set(queue.payload, sent)
            ctx.set(queue.o.ready, ready)
            _, _, valid, payload, level = await ctx.tick().sample(
                queue.o.valid, queue.o.payload, queue.level
            )
            assert len(waiting) - AHEAD <= level <= len(waiting)
            if valid and ready:
                assert payload == waiting.popleft()
                taken.append(cycle)
            if writing:
                waiting.append(sent)
                written.append(cycle)
                sent += 1
            cycle += 1
            assert cycle < 100 * count

    run_benches(queue, bench)
    return written, taken


def test_throughput():
    queue = BlockQueue(12, 16, "generic")
    written, taken = pass_through(queue, 100, write=1, read=1, seed=0)
    assert written == list(range(100))
    assert taken == [cycle + queue.latency for cycle in written]


@pytest.mark.parametrize(("write", "read"), [(1, 0.4), (0.3, 1), (0.6, 0.6), (1, 0.9)])
def test_stalls(write, read, seed):
    pass_through(BlockQueue(12, 8, "generic"), 300, write, read, seed)
