"""LOADs pass in order, none before its computes are done, and at once when they are."""

import random

import pytest

from arch.isa import Opcode
from hw.load.load_gate import LoadGate
from tests.hw.cycles import run_benches

MODULUS = 1 << 16


def run(loads, computed, stored, ready=1.0, seed=1):
    """Return [(cycle, request address, transfer destination)] and the cycles spent waiting.

    `computed` and `stored` give the counters of a cycle.
    """
    dut = LoadGate()
    chance = random.Random(seed)
    passed, waits = [], []

    async def bench(ctx):
        given = 0
        for cycle in range(2000):
            ctx.set(dut.loads.valid, given < len(loads))
            if given < len(loads):
                ctx.set(dut.loads.payload, loads[given])
            ctx.set(dut.computed, computed(cycle) % MODULUS)
            ctx.set(dut.stored, stored(cycle) % MODULUS)
            ctx.set(dut.requests.ready, chance.random() < ready)
            ctx.set(dut.transfers.ready, chance.random() < ready)
            (
                _,
                _,
                taken,
                requested,
                transferred,
                request,
                transfer,
                waiting,
                awaited,
            ) = await ctx.tick().sample(
                dut.loads.ready,
                dut.requests.valid & dut.requests.ready,
                dut.transfers.valid & dut.transfers.ready,
                dut.requests.payload.address,
                dut.transfers.payload.destination,
                dut.waiting,
                dut.awaited,
            )
            assert taken == requested == transferred
            if waiting:
                waits.append(cycle)
                late = (computed(cycle - 1) - loads[given]["after_compute"]) % MODULUS >> 15
                assert awaited == loads[given]["after_compute" if late else "after_stored"]
            if taken:
                passed.append((cycle, request, transfer))
                given += 1
                if given == len(loads):
                    return
        raise AssertionError(f"{given} of {len(loads)} loads passed")

    run_benches(dut, bench)
    return passed, waits


def loads_that_wait(afters):
    """Every other one waits for results stored."""
    return [
        {
            "opcode": Opcode.LOAD_MAP,
            "address": 64 * number,
            "destination": number,
            "after_compute": after % MODULUS,
            "after_stored": (after if number % 2 else afters[0]) % MODULUS,
        }
        for number, after in enumerate(afters)
    ]


def test_every_other_cycle_without_waiting():
    passed, waits = run(loads_that_wait([0] * 10), lambda _: 0, lambda _: 0)
    assert passed == [(1 + 2 * number, 64 * number, number) for number in range(10)]
    assert not waits


def test_counters_may_be_far_ahead():
    loads = loads_that_wait([0, 0, 5, 5])
    passed, waits = run(loads, lambda _: MODULUS // 2 - 1, lambda _: MODULUS // 2 - 1)
    assert [cycle for cycle, _, _ in passed] == [1, 3, 5, 7]
    assert not waits


@pytest.mark.parametrize("start", [0, MODULUS - 6, MODULUS // 2 - 6])
def test_waits_for_the_right_counter(start):
    """`computed` rises every 10 cycles, `stored` 45 cycles behind it."""

    def computed(cycle):
        return start + cycle // 10

    def stored(cycle):
        return start + max(0, cycle - 45) // 10

    loads = loads_that_wait(range(start, start + 12))
    passed, waits = run(loads, computed, stored)
    expected, free = [], 0
    for number in range(12):
        met = 10 * number + (45 if number % 2 and number else 0)
        cycle = max(free, met) + 1
        expected.append((cycle, 64 * number, number))
        free = cycle + 1
    assert passed == expected
    idle = {cycle for cycle, _, _ in passed} | {cycle + 1 for cycle, _, _ in passed} | {0}
    assert set(waits) == set(range(passed[-1][0])) - idle


@pytest.mark.parametrize("seed", [1, 2])
def test_both_sides_take_a_load_together(seed):
    loads = loads_that_wait([0] * 30)
    passed, _ = run(loads, lambda _: 0, lambda _: 0, ready=0.4, seed=seed)
    assert [entry[1:] for entry in passed] == [(64 * number, number) for number in range(30)]
