"""CatchQueue keeps what comes when nobody takes it."""

import random

import pytest

from hw.streams.catch_queue import CatchQueue
from tests.hw.cycles import run_benches


@pytest.mark.parametrize(("ask", "take"), [(1, 1), (1, 0.3), (0.4, 1), (0.6, 0.6)])
@pytest.mark.parametrize("delay", [1, 2, 3])
def test_order(delay, ask, take, seed):
    chance = random.Random(seed)
    queue = CatchQueue(10, delay, depth=8)
    answers = {}  # cycle: number
    asked, taken = [], []

    async def bench(ctx):
        for cycle in range(300):
            asking = ctx.get(queue.ready) and chance.random() < ask
            if asking:
                answers[cycle + delay] = len(asked)
                asked.append(cycle)
            ctx.set(queue.ask, asking)
            ctx.set(queue.payload, answers.get(cycle, 1023))
            ready = chance.random() < take
            ctx.set(queue.o.ready, ready)
            _, _, valid, payload = await ctx.tick().sample(queue.o.valid, queue.o.payload)
            if valid and ready:
                assert payload == len(taken)
                taken.append(cycle)

    run_benches(queue, bench)
    if ask == take == 1:
        assert asked == list(range(300))
        assert taken == [cycle + queue.latency for cycle in asked if cycle + queue.latency < 300]
    assert len(asked) - len(taken) <= 8
