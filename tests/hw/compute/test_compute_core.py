"""COMPUTEs end in memory as docs/machine.md says, pass by pass in the documented cycles."""

import random
from dataclasses import replace

import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from arch.isa import Compute, Entry, Opcode, Planes, encode
from arch.machine import ECP5_25F, ECP5_45F, ECP5_85F, ECP5_85F_4BIT, ECP5_85F_16X8, TINY
from hw.compute.compute_core import ComputeCore
from hw.compute.sequencer import Sequencer
from hw.results.axi_write import AxiWrite
from tests.hw.compute_model import Chip, cycles_of, issue_cycles, random_compute
from tests.hw.write_memory import WriteMemory
from tests.long_runs import slow


class Run:
    """A core with the chip's contents, its computes and a memory."""

    def __init__(self, chip, computes, memory, gaps=0.0, seed=0, loads=None, stops=(), limit=60000):
        self.chip, self.machine, self.computes, self.memory = chip, chip.machine, computes, memory
        self.gaps, self.loads, self.limit = gaps, loads or (lambda cycle: 0), limit
        self.chance = random.Random(seed)
        self.core = ComputeCore(chip.machine)
        self.reset, self.stops = Signal(), stops
        self.cycle = 0
        self.issued, self.computed, self.stored, self.shown = [], [], [], []
        self.errors = 0
        self.waits = {"waiting_load": 0, "waiting_output": 0, "waiting_drain": 0}

    async def fill(self, ctx):
        """Write the memories through their ports."""
        core, chip, machine = self.core, self.chip, self.machine
        for e, entry in enumerate(chip.table):
            ctx.set(core.table_write.valid, 1)
            ctx.set(core.table_write.address, e)
            ctx.set(core.table_write.data, encode(Entry, entry))
            await ctx.tick()
        ctx.set(core.table_write.valid, 0)
        per_beat = len(core.weight_write.data)
        for word, rows in enumerate(chip.weights):
            for row in range(0, machine.rows, per_beat):
                ctx.set(core.weight_write.valid, 1)
                ctx.set(core.weight_write.word, word)
                ctx.set(core.weight_write.row, row)
                ctx.set(core.weight_write.data, rows[row : row + per_beat])
                await ctx.tick()
        ctx.set(core.weight_write.valid, 0)
        per_beat = len(core.threshold_write.words)
        for which in range(2):
            for k in range(16):
                for row in range(0, machine.rows, per_beat):
                    ctx.set(core.threshold_write.valid, 1)
                    ctx.set(core.threshold_write.set, which)
                    ctx.set(core.threshold_write.index, k)
                    ctx.set(core.threshold_write.row, row)
                    ctx.set(
                        core.threshold_write.words,
                        [chip.thresholds[which][row + i][k] for i in range(per_beat)],
                    )
                    await ctx.tick()
        ctx.set(core.threshold_write.valid, 0)
        for word in range(machine.activation_words):
            for column in range(machine.columns):
                write = core.activation_writes[column]
                ctx.set(write.address, word)
                ctx.set(write.data, chip.activations[word * machine.columns + column])
                ctx.set(write.enables, 255)
            await ctx.tick()
        for column in range(machine.columns):
            ctx.set(core.activation_writes[column].enables, 0)

    async def stop(self, ctx, cycles):
        """Begin the first compute, give up after `cycles` as a run's end by an error does."""
        core = self.core
        ctx.set(
            core.computes.payload,
            Compute.from_bits(encode(Compute, self.computes[0] | {"opcode": Opcode.COMPUTE})),
        )
        ctx.set(core.computes.valid, 1)
        await ctx.tick().repeat(cycles)
        ctx.set(core.computes.valid, 0)
        ctx.set(core.stop, 1)
        await ctx.tick().until(core.writes_idle)
        ctx.set(self.reset, 1)
        await ctx.tick().repeat(64)
        ctx.set(self.reset, 0)
        ctx.set(core.stop, 0)

    async def drive(self, ctx):
        await self.fill(ctx)
        for cycles in self.stops:
            await self.stop(ctx, cycles)
        for compute in self.computes:
            while self.chance.random() < self.gaps:
                await ctx.tick()
            ctx.set(
                self.core.computes.payload,
                Compute.from_bits(encode(Compute, compute | {"opcode": Opcode.COMPUTE})),
            )
            ctx.set(self.core.computes.valid, 1)
            self.shown.append(self.cycle)
            await ctx.tick().until(self.core.computes.ready)
            ctx.set(self.core.computes.valid, 0)
        await ctx.tick().until(self.core.stored == len(self.computes))
        await ctx.tick().repeat(3)
        assert not ctx.get(self.core.busy)
        assert ctx.get(self.core.writes_idle)

    async def watch(self, ctx):
        core, before = self.core, (0, 0)
        while self.cycle < self.limit:
            ctx.set(core.loads, self.loads(self.cycle))
            _, _, passed, computed, stored, error, *waits = await ctx.tick().sample(
                core.pass_valid,
                core.computed,
                core.stored,
                core.write_error,
                *(getattr(core, name) for name in self.waits),
            )
            if passed:
                self.issued.append(self.cycle)
            for name, wait in zip(self.waits, waits, strict=True):
                self.waits[name] += wait
            self.computed += [self.cycle] * (computed - before[0])
            self.stored += [self.cycle] * (stored - before[1])
            before = computed, stored
            self.errors += error
            self.cycle += 1
        raise AssertionError(f"not done after {self.limit} cycles: computed, stored = {before}")

    def run(self):
        simulator = Simulator(ResetInserter(self.reset)(self.core))
        simulator.add_clock(1e-8)
        simulator.add_process(self.watch)
        simulator.add_testbench(self.drive)

        async def memory(ctx):
            await self.memory.run(ctx, self.core.axi)

        simulator.add_testbench(memory, background=True)
        simulator.run()
        return self


def written(chip, computes):
    contents = {}
    for compute in computes:
        contents.update(chip.writes(compute))
    return contents


def random_program(machine, seed, count, **wanted):
    chance = random.Random(seed)
    chip = Chip.random(machine, chance, reach=8)
    computes, address = [], chance.randrange(0, 4096, machine.beat_bytes)
    for _ in range(count):
        compute, size = random_compute(chip, chance, address, **wanted)
        computes.append(compute)
        beat = machine.beat_bytes
        address += -(-size // beat) * beat + chance.choice((0, beat, 64))
    return chip, computes


def check_cycles(run):
    """With a memory that is always ready and no gaps: every pass, `computed` and `stored`."""
    machine, core = run.machine, run.core
    expected = issue_cycles(machine, run.chip, run.computes, run.shown[0])
    assert run.issued == [cycle for passes in expected for cycle, _ in passes]
    for passes, compute, computed in zip(expected, run.computes, run.computed, strict=True):
        assert passes[-1][1]  # a span ends with a capture
        length = machine.columns * cycles_of(machine, compute)
        assert computed == passes[-1][0] + core.computed_latency + length - 1
    # The last burst's address is there 4 cycles after `computed`, the answer 1 after the last beat.
    bursts, beats = {}, iter(run.memory.beats)
    for cycle, _, count, _ in run.memory.bursts:
        bursts[cycle] = [next(beats) for _ in range(count)]
    before = -1
    for computed, stored in zip(run.computed, run.stored, strict=True):
        sent = bursts[computed + AxiWrite.latency]
        assert sent[0] >= computed + AxiWrite.latency + 1
        assert sent == list(range(sent[0], sent[0] + len(sent)))
        assert stored == sent[-1] + run.memory.latency + 1
        assert stored > before
        before = stored


def no_stalls(machine):
    return WriteMemory(machine.beat_bytes, machine.write_burst)


def stalling(machine, seed, stalls=0.6):
    return WriteMemory(machine.beat_bytes, machine.write_burst, latency=9, stalls=stalls, seed=seed)


SMALL = replace(TINY, activation_words=64, weight_words=16, table_entries=128)
BROAD = [replace(SMALL, rows=rows, columns=8, axi_data_bits=128, wide_rows=4) for rows in (8, 16)]
"""Two pieces of raw sums are a transfer."""


@pytest.mark.parametrize("seed", [0, *slow(1, 2, 3, 4)])
def test_without_stalls(seed):
    chip, computes = random_program(SMALL, seed, count=12, most=4)
    memory = no_stalls(SMALL)
    run = Run(chip, computes, memory).run()
    assert memory.contents == written(chip, computes)
    check_cycles(run)


@pytest.mark.parametrize("seed", [0, *slow(1, 2, 3, 4)])
def test_with_stalls(seed):
    machine = replace(SMALL, output_beats=128, max_burst=32)
    chip, computes = random_program(machine, seed, count=12, most=4)
    memory = stalling(machine, seed)
    Run(chip, computes, memory, gaps=0.7, seed=seed).run()
    assert memory.contents == written(chip, computes)


@pytest.mark.parametrize(
    "machine",
    [ECP5_25F, *slow(TINY, ECP5_45F, ECP5_85F_16X8, ECP5_85F_4BIT), ECP5_85F],
    ids=lambda m: m.name,
)
def test_machines(machine, seed):
    """The named machines, with as much of their memories as the random program needs."""
    machine = replace(machine, activation_words=32, weight_words=16, table_entries=64)
    chip, computes = random_program(machine, seed, count=3, blocks=2, most=3)
    computes[1]["source"] = machine.positions - 3  # goes around the end of the memory
    memory = no_stalls(machine)
    run = Run(chip, computes, memory).run()
    assert memory.contents == written(chip, computes)
    check_cycles(run)


@pytest.mark.parametrize(("planes", "raw"), [(Planes.ONE, 0), (Planes.FOUR, 0), (Planes.FOUR, 1)])
def test_full_buffer(planes, raw, seed):
    """Memory sleeps until the output buffer is full: the sequencer waits, and nothing is lost."""
    machine = replace(SMALL, output_beats=128, max_burst=32)
    chip, computes = random_program(
        machine,
        seed,
        count=12 if raw else 14,
        most=2,
        window=1,
        planes=planes,
        raw=raw,
        pair=0,
        position_bytes=56,
    )
    for compute in computes:
        compute["width"], compute["height"] = compute["row_length"], 4095
    memory = stalling(machine, seed, stalls=0.3)
    memory.asleep = 1500
    run = Run(chip, computes, memory, seed=seed).run()
    assert memory.contents == written(chip, computes)
    assert run.waits["waiting_output"] > 100


@pytest.mark.parametrize(
    "machine", [SMALL, BROAD[0], *slow(BROAD[1])], ids=lambda m: f"{m.rows}-{m.axi_data_bits}"
)
def test_raw_sums_of_all_sizes(machine, seed):
    """Computes of every number of pieces, with codes between them, as close as they can be."""
    chance = random.Random(seed)
    chip = Chip.random(machine, chance, reach=8)
    kinds = [{"raw": 1, "sum_pieces": pieces} for pieces in range(machine.raw_chunks)]
    kinds = chance.sample(2 * kinds + 4 * [{"raw": 0}], 2 * len(kinds) + 4)
    computes, address = [], 0
    for kind in kinds:
        compute, size = random_compute(chip, chance, address, blocks=2, most=2, **kind)
        computes.append(compute)
        address += -(-size // machine.beat_bytes) * machine.beat_bytes
    memory = no_stalls(machine)
    run = Run(chip, computes, memory).run()
    assert memory.contents == written(chip, computes)
    check_cycles(run)


def test_loads(seed):
    """A compute waits for its loads, also across 2^16; then it starts at once."""
    chip, computes = random_program(SMALL, seed, count=3)
    ready = {0: 700, 1: 2000, 2: 2600}
    for index, compute in enumerate(computes):
        compute["after_load"] = (65534 + index + 1) % 65536

    def loads(cycle):
        return (65534 + sum(cycle >= at for at in ready.values())) % 65536

    memory = no_stalls(SMALL)
    run = Run(chip, computes, memory, loads=loads).run()
    assert memory.contents == written(chip, computes)
    firsts = [next(cycle for cycle in run.issued if cycle >= at) for at in ready.values()]
    assert firsts == [at + Sequencer.START for at in ready.values()]
    assert run.waits["waiting_load"] > 0


def test_one_pass_computes(seed):
    """A capture every `columns` cycles, one compute after another."""
    chip, computes = random_program(SMALL, seed, count=20, most=1, blocks=1, window=1, raw=0,
                                     activation_planes=0, weight_planes=0)  # fmt: skip
    memory = no_stalls(SMALL)
    run = Run(chip, computes, memory).run()
    assert memory.contents == written(chip, computes)
    check_cycles(run)
    assert run.issued[-1] - run.issued[0] == SMALL.columns * (len(run.issued) - 1)


def test_error_response(seed):
    chip, computes = random_program(SMALL, seed, count=3)
    memory = WriteMemory(SMALL.beat_bytes, SMALL.write_burst, errors=(1,))
    run = Run(chip, computes, memory)
    run.run()
    assert run.errors == 1


def test_stop(seed):
    """Stopped anywhere and reset, a core starts anew as if nothing had been."""
    chip, computes = random_program(SMALL, seed, count=4, most=3)
    memory = stalling(SMALL, seed, stalls=0.3)
    run = Run(chip, computes, memory, stops=(7, 20, 33, 50, 64, 81, 120, 200)).run()
    assert memory.contents == written(chip, computes)
    assert len(memory.bursts) == len(memory.answers)
    assert run.errors == 0
