"""Every word reaches its bank, in every step, and nothing else is written."""

import random

import pytest

from arch.machine import ECP5_25F, ECP5_85F, TINY
from hw.load.slot_router import SlotRouter
from tests.hw.cycles import run_benches


@pytest.mark.parametrize("machine", [TINY, ECP5_25F, ECP5_85F], ids=lambda m: m.name)
def test_routes(machine, seed):
    chance = random.Random(seed)
    dut = SlotRouter(machine)
    steps = []
    for _ in range(200):
        banks = chance.sample(range(machine.columns), machine.slots)
        addresses = [chance.randrange(machine.activation_words) for _ in banks]
        words = [chance.getrandbits(16) for _ in banks]
        steps.append((banks, addresses, words, chance.choice([0, *range(1, 16)])))

    async def bench(ctx):
        for cycle in range(len(steps) + dut.latency):
            if cycle < len(steps):
                banks, addresses, words, groups = steps[cycle]
                for w in range(machine.slots):
                    ctx.set(dut.positions[w], addresses[w] * machine.columns + banks[w])
                    ctx.set(dut.words[w], words[w])
                ctx.set(dut.groups, groups)
            if cycle >= dut.latency:
                banks, addresses, words, groups = steps[cycle - dut.latency]
                for b in range(machine.columns):
                    write = ctx.get(dut.banks[b])
                    if b not in banks or not groups:
                        assert write.enables == 0
                        continue
                    w = banks.index(b)
                    assert write.address == addresses[w]
                    assert write.data == words[w] * 0x0001000100010001
                    assert write.enables == sum(3 << 2 * g for g in range(4) if groups >> g & 1)
            await ctx.tick()

    run_benches(dut, bench)
