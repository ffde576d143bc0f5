"""ShortQueue against a list."""

import random
from collections import deque

import pytest

from hw.streams.short_queue import ShortQueue
from tests.hw.cycles import run_benches


@pytest.mark.parametrize(("write", "read"), [(1, 1), (1, 0.4), (0.3, 1), (0.6, 0.6), (1, 0.9)])
@pytest.mark.parametrize("depth", [2, 16])
def test_order(depth, write, read, seed):
    chance = random.Random(seed)
    queue = ShortQueue(10, depth)
    taken = []

    async def bench(ctx):
        waiting, sent, valid = deque(), 0, False
        for cycle in range(400):
            valid = valid or chance.random() < write
            ready = chance.random() < read
            ctx.set(queue.i.valid, valid)
            ctx.set(queue.i.payload, sent)
            ctx.set(queue.o.ready, ready)
            _, _, accepts, shows, payload, level = await ctx.tick().sample(
                queue.i.ready, queue.o.valid, queue.o.payload, queue.level
            )
            assert level == len(waiting)
            assert accepts == (len(waiting) < depth)
            assert shows == bool(waiting)
            if shows:
                assert payload == waiting[0]
            if shows and ready:
                taken.append((cycle, waiting.popleft()))
            if valid and accepts:
                waiting.append(sent)
                sent, valid = sent + 1, False

    run_benches(queue, bench)
    if write == read == 1:
        assert taken == [(number + queue.latency, number) for number in range(399)]
