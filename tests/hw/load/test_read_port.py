"""Bursts are legal and as few as they can be, beats come in order, and cycles are as documented."""

import random

import pytest

from arch.machine import ECP5_85F, TINY
from hw.load.read_port import ReadPort
from tests.hw.axi_memory import ReadMemory
from tests.hw.cycles import run_benches
from tests.hw.load_timing import cut
from tests.long_runs import slow

MACHINES = pytest.mark.parametrize("machine", [TINY, ECP5_85F], ids=lambda m: m.name)


def contents(size=1 << 16, seed=5):
    return random.Random(seed).randbytes(size)


def predict(machine, requests, latency):
    """Return the cycles in which ARVALID rises and beats are taken; requests wait from 0 on."""
    rises, firsts, lasts, beats = [], [], [], []
    accepted = 0
    for number, request in enumerate(requests):
        if number:
            accepted = rises[-1]
        for place, (_, count) in enumerate(cut(machine, request)):
            rise = accepted + ReadPort.REQUEST_TO_ADDRESS
            if place:
                rise = rises[-1] + ReadPort.ADDRESS_INTERVAL
            if len(rises) >= machine.outstanding_reads:
                rise = max(rise, lasts[-machine.outstanding_reads] + 2)
            rises.append(rise)
            firsts.append(max(rise + latency, lasts[-1] + 1 if lasts else 0))
            lasts.append(firsts[-1] + count - 1)
            beats += range(firsts[-1], lasts[-1] + 1)
    return rises, beats


def random_requests(machine, count, seed):
    chance = random.Random(seed)
    return [
        {
            "address": chance.randrange(2048) * machine.beat_bytes,
            "rows": chance.randint(1, 4),
            "beats": chance.choice([1, 2, 3, 17, machine.max_burst, 200]),
            "row_bytes": chance.randrange(300) * machine.beat_bytes,
        }
        for _ in range(count)
    ]


def run(machine, requests, memory, ready=1.0, cycles=20000, stop_at=None):
    """Return the beats handed out, until all are there (or `stop_at` and all is idle)."""
    dut = ReadPort(machine)
    chance = random.Random(memory.seed)
    expected = sum(request["rows"] * request["beats"] for request in requests)
    got = []

    async def ask(ctx):
        for request in requests:
            ctx.set(dut.requests.payload, request)
            ctx.set(dut.requests.valid, 1)
            taken = False
            while not taken:
                _, _, taken = await ctx.tick().sample(dut.requests.ready)
        ctx.set(dut.requests.valid, 0)

    async def take(ctx):
        for cycle in range(cycles):
            willing = chance.random() < ready
            ctx.set(dut.beats.ready, willing)
            if stop_at is not None:
                ctx.set(dut.stop, cycle >= stop_at)
            _, _, valid, beat, idle, starts = await ctx.tick().sample(
                dut.beats.valid, dut.beats.payload, dut.idle, dut.axi.ar.valid
            )
            if valid and willing:
                got.append(beat)
            if len(got) == expected or (stop_at is not None and cycle > stop_at and idle):
                assert not starts
                return
        raise AssertionError(f"{len(got)} of {expected} beats after {cycles} cycles")

    async def answer(ctx):
        await memory.run(ctx, dut.axi)

    run_benches(dut, take, background=(answer, ask))
    return got


def expected_beats(machine, requests, memory):
    size = machine.beat_bytes
    return [
        int.from_bytes(memory.contents[at : at + size], "little")
        for request in requests
        for address, count in cut(machine, request)
        for at in range(address, address + count * size, size)
    ]


def memory_of(machine, **options):
    return ReadMemory(
        contents(),
        machine.beat_bytes,
        machine.max_burst,
        outstanding=machine.outstanding_reads,
        **options,
    )


@MACHINES
@pytest.mark.parametrize("latency", [1, 7, 60])
def test_cycles_are_exactly_as_documented(machine, latency):
    requests = random_requests(machine, 12, seed=latency)
    memory = memory_of(machine, latency=latency)
    assert run(machine, requests, memory) == expected_beats(machine, requests, memory)
    assert (memory.rises, memory.beats) == predict(machine, requests, latency)


@MACHINES
@pytest.mark.parametrize(("stalls", "ready"), [(0.5, 1.0), (0.0, 0.4), (0.6, 0.5)])
@pytest.mark.parametrize("seed", [1, *slow(2)])
def test_beats_and_bursts_with_stalls(machine, stalls, ready, seed):
    requests = random_requests(machine, 12, seed)
    memory = memory_of(machine, stalls=stalls, seed=seed)
    assert run(machine, requests, memory, ready) == expected_beats(machine, requests, memory)
    assert [burst[1:] for burst in memory.bursts] == [
        burst for request in requests for burst in cut(machine, request)
    ]


@MACHINES
def test_one_beat_per_cycle_at_full_speed(machine):
    requests = [{"address": 0, "rows": 1, "beats": 1024, "row_bytes": 0}]
    memory = memory_of(machine, latency=20)
    run(machine, requests, memory)
    assert memory.beats == list(range(memory.beats[0], memory.beats[0] + 1024))


@MACHINES
def test_addresses_run_ahead_of_beats(machine):
    requests = random_requests(machine, 8, seed=3)
    memory = memory_of(machine, latency=200)
    run(machine, requests, memory)
    assert sum(cycle < memory.beats[0] for cycle, _, _ in memory.bursts) == (
        machine.outstanding_reads
    )


@MACHINES
@pytest.mark.parametrize("stop_at", [3, 4, 5, 10, 40, 100])
def test_stop_drains_what_is_under_way(machine, stop_at):
    requests = random_requests(machine, 12, seed=stop_at)
    memory = memory_of(machine, latency=15, stalls=0.3, seed=stop_at)
    run(machine, requests, memory, stop_at=stop_at)
    assert len(memory.beats) == sum(beats for _, _, beats in memory.bursts)
    assert all(rise <= stop_at for rise in memory.rises)
