"""AxiWrite: bursts as long as they may be, a transfer per cycle, in the documented cycles."""

import random

import pytest
from amaranth.sim import Simulator

from arch.machine import ECP5_25F, ECP5_45F, ECP5_85F
from hw.results.axi_write import OUTSTANDING, AxiWrite
from hw.streams.block_queue import BlockQueue
from tests.hw.cycles import value_of
from tests.hw.write_memory import WriteMemory
from tests.long_runs import slow


class Run:
    """Sends `beats`, one dictionary or None per cycle, whenever the buffer has room."""

    def __init__(self, machine, beats, memory, stop_at=None):
        self.unit, self.beats, self.memory = AxiWrite(machine, "generic"), beats, memory
        self.stop_at = stop_at
        self.came, self.stored, self.sent, self.errors, self.cycle = [], [], [], 0, 0

    async def bench(self, ctx):
        unit, machine = self.unit, self.unit.machine
        waiting = list(reversed(self.beats))
        count = sum(beat is not None and beat["last"] for beat in self.beats)
        while len(self.stored) < count and self.cycle < 50000:
            # What came in the cycle before is not counted yet.
            room = ctx.get(unit.buffered) < machine.output_beats - 1
            beat = waiting.pop() if waiting and room else None
            ctx.set(unit.combined.valid, beat is not None)
            if beat is not None:
                ctx.set(unit.combined, value_of(unit.combined, beat | {"valid": 1}))
                self.came.append(self.cycle)
            if self.stop_at is not None:
                ctx.set(unit.stop, self.cycle >= self.stop_at)
            _, _, stored, sent, error, outstanding, idle = await ctx.tick().sample(
                unit.stored, unit.sent, unit.error, unit.outstanding, unit.idle
            )
            assert outstanding <= OUTSTANDING
            self.stored += [self.cycle] * (stored - len(self.stored))
            self.errors += error
            if sent:
                self.sent.append(self.cycle)
            if self.stop_at is not None and self.cycle > self.stop_at and idle:
                return
            self.cycle += 1
        assert len(self.stored) == count

    def run(self):
        simulator = Simulator(self.unit)
        simulator.add_clock(1e-8)
        simulator.add_testbench(self.bench)

        async def memory(ctx):
            await self.memory.run(ctx, self.unit.axi)

        simulator.add_testbench(memory, background=True)
        simulator.run()
        return self


def steps_of(machine, number, before):
    """`follows` and `skips` as WriteCombiner sets them."""
    step = None if before is None else number - before
    return {"follows": step == 1, "skips": step == 2 and machine.rows == 8}


def random_beats(machine, chance, computes, most=150, jump=0.02, idle=0.0):
    """Transfers of computes, with jumps; where a beat has two, every other compute skips."""
    beats = []
    for compute in range(computes):
        number, length, before = chance.randrange(1 << 20), chance.randint(1, most), None
        usual = 2 if compute % 2 and machine.rows == 8 else 1
        for index in range(length):
            while chance.random() < idle:
                beats.append(None)
            beat = {
                "words": [chance.getrandbits(machine.rows) for _ in range(machine.slots)],
                "written": chance.getrandbits(machine.slots),
            }
            beats.append(
                {
                    "number": number,
                    **steps_of(machine, number, before),
                    "transfer": beat,
                    "last": index == length - 1,
                }
            )
            before = number
            number += usual if chance.random() >= jump else chance.choice((1, 2, 3, 700))
    return beats


def contents_of(machine, beats):
    contents = {}
    for beat in beats:
        if beat is None:
            continue
        size = machine.rows // 8
        for w in range(machine.slots):
            if beat["transfer"]["written"] >> w & 1:
                at = beat["number"] * machine.transfer_bytes + size * w
                word = beat["transfer"]["words"][w]
                contents.update({at + byte: word >> 8 * byte & 255 for byte in range(size)})
    return contents


def bursts_of(machine, beats):
    """(address, transfers, bytes of a beat) of the longest bursts, and when each is complete."""
    bursts, page = [], 4096 // machine.transfer_bytes
    whole, narrow = machine.beat_bytes, machine.transfer_bytes
    together = whole // narrow
    open_burst, last = False, None
    for cycle, beat in enumerate(beats):
        if beat is None:
            continue
        number = beat["number"]
        if open_burst:
            _, length, size, _ = burst = bursts[-1]
            same_page = number // page == last // page
            follows = beat["follows"] and (length == 1 or size == narrow)
            skips = beat["skips"] and (length == 1 or size == whole) and same_page
        if open_burst and (follows or skips):
            burst[1] += 1
            if skips:
                burst[0], burst[2] = burst[0] // whole * whole, whole
        else:
            if open_burst:
                burst[3] = cycle
            bursts.append([number * narrow, 1, narrow, None])
        full = bursts[-1][1] == machine.max_burst * together
        open_burst, last = not (beat["last"] or full or number % page == page - 1), number
        if not open_burst:
            bursts[-1][3] = cycle + 1
    return bursts


MACHINES = pytest.mark.parametrize("machine", [ECP5_25F, ECP5_45F, ECP5_85F], ids=lambda m: m.name)


@MACHINES
@pytest.mark.parametrize("jump", [0.02, 0.5, 1.0])
def test_no_stalls(machine, jump, seed):
    """Every burst's address and every beat in their cycles, down to bursts of one beat."""
    beats = random_beats(machine, random.Random(seed), computes=6, jump=jump)
    memory = WriteMemory(machine.beat_bytes, machine.write_burst)
    run = Run(machine, beats, memory).run()
    assert memory.contents == contents_of(machine, beats)
    assert run.came == list(range(len(beats)))
    bursts = bursts_of(machine, beats)
    assert [burst[1:] for burst in memory.bursts] == [tuple(burst[:3]) for burst in bursts]
    assert [burst[0] for burst in memory.bursts] == [
        burst[3] + BlockQueue.latency for burst in bursts
    ]
    sizes = {burst[2] for burst in bursts}
    assert sizes == {machine.transfer_bytes, machine.beat_bytes}
    sent = []
    for cycle, _, count, _ in memory.bursts:
        first = max([cycle + 1, *(at + 1 for at in sent[-1:])])
        sent += range(first, first + count)
    assert run.sent == sent
    assert len(sent) == len(beats)


@MACHINES
def test_full_speed(machine, seed):
    """Long rows: one transfer per cycle from the first to the last, across bursts."""
    start = 4096 // machine.transfer_bytes
    beats = random_beats(machine, random.Random(seed), computes=1, most=1, jump=0)
    beats = [
        beats[0] | {"number": start + i, "follows": i > 0, "skips": 0, "last": i == 799}
        for i in range(800)
    ]
    run = Run(machine, beats, WriteMemory(machine.beat_bytes, machine.write_burst)).run()
    assert run.sent == list(range(run.sent[0], run.sent[0] + 800))


@MACHINES
@pytest.mark.parametrize("stalls", [0.8, *slow(0.3)])
def test_stalls(machine, stalls, seed):
    beats = random_beats(machine, random.Random(seed), computes=8, jump=0.2, idle=0.3)
    memory = WriteMemory(
        machine.beat_bytes, machine.write_burst, latency=20, stalls=stalls, seed=seed, errors=(2, 5)
    )
    run = Run(machine, beats, memory).run()
    assert memory.contents == contents_of(machine, beats)
    assert [burst[1:] for burst in memory.bursts] == [
        tuple(burst[:3]) for burst in bursts_of(machine, beats)
    ]
    assert run.errors == 2


@pytest.mark.parametrize("stop_at", [30, 60, 90])
def test_stop(stop_at, seed):
    """After `stop` the bursts begun are finished, and no other is begun."""
    beats = random_beats(ECP5_25F, random.Random(seed), computes=8, most=20)
    memory = WriteMemory(
        ECP5_25F.beat_bytes, ECP5_25F.write_burst, latency=20, stalls=0.5, seed=seed
    )
    Run(ECP5_25F, beats, memory, stop_at=stop_at).run()
    assert sum(count for _, _, count, _ in memory.bursts) == len(memory.beats)
    assert len(memory.bursts) == len(memory.answers)
    assert sum(cycle > stop_at for cycle, _, _, _ in memory.bursts) <= 1
