"""Every kind of LOAD writes what docs/machine.md says, in the documented cycles."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring

from arch.isa import Opcode
from arch.machine import ECP5_25F, ECP5_45F, ECP5_85F, TINY
from hw.load.loader import Loader
from hw.load.read_port import ReadPort
from tests.hw.axi_memory import ReadMemory
from tests.hw.cycles import run_benches
from tests.hw.load_model import OnChip, interval, random_load
from tests.long_runs import slow

SIZES = [TINY, ECP5_25F, ECP5_45F, ECP5_85F]
MACHINES = pytest.mark.parametrize("machine", SIZES, ids=lambda m: m.name)
KINDS = [
    Opcode.LOAD_MAP,
    Opcode.LOAD_PICTURE,
    Opcode.LOAD_WEIGHTS,
    Opcode.LOAD_THRESHOLDS,
    Opcode.LOAD_TABLE,
    Opcode.LOAD_PROGRAM,
    Opcode.LOAD_CODES,
]
CONTENTS = random.Random(9).randbytes(1 << 16)


class Run:
    """A loader behind a read port and a memory; `loaded` lists the cycles in which it counted."""

    def __init__(self, machine, loads, memory, counters=lambda cycle: (0, 0), limit=40000):
        self.machine = machine
        self.loads = loads
        self.memory = memory
        self.counters = counters
        self.limit = limit
        self.chip = OnChip(machine)
        self.loaded = []
        self.waits = 0
        self.loader = Loader(machine)
        self.port = ReadPort(machine)
        m = Module()
        m.submodules.loader, m.submodules.port = self.loader, self.port
        wiring.connect(m, self.loader.requests, self.port.requests)
        wiring.connect(m, self.port.beats, self.loader.beats)
        run_benches(m, self.watch, background=(self.answer, self.give))

    async def answer(self, ctx):
        await self.memory.run(ctx, self.port.axi)

    async def give(self, ctx):
        for load in self.loads:
            ctx.set(self.loader.loads.payload, load)
            ctx.set(self.loader.loads.valid, 1)
            taken = False
            while not taken:
                _, _, taken = await ctx.tick().sample(self.loader.loads.ready)
        ctx.set(self.loader.loads.valid, 0)

    async def watch(self, ctx):
        loader, chip, machine = self.loader, self.chip, self.machine
        count = 0
        for cycle in range(self.limit):
            computed, stored = self.counters(cycle)
            ctx.set(loader.computed, computed)
            ctx.set(loader.stored, stored)
            (
                _,
                _,
                banks,
                weights,
                thresholds,
                table,
                codes,
                program,
                loaded,
                waiting,
            ) = await ctx.tick().sample(
                loader.banks,
                loader.weights,
                loader.thresholds,
                loader.table,
                loader.codes,
                loader.program,
                loader.loaded,
                loader.waiting,
            )
            for b in range(machine.columns):
                enables = int(banks[b].enables)
                for byte in range(machine.lanes // 8):
                    if enables >> byte & 1:
                        position = int(banks[b].address) * machine.columns + b
                        chip.activations[position, byte] = int(banks[b].data) >> 8 * byte & 0xFF
            if weights.valid:
                for i, data in enumerate(weights.data):
                    chip.weights[weights.word, weights.row + i] = data
            if thresholds.valid:
                for i, data in enumerate(thresholds.words):
                    row, index = thresholds.row + i, thresholds.index
                    chip.threshold(thresholds.set, index, row, data)
            if table.valid:
                chip.table[table.address] = table.data
            if codes.valid:
                chip.codes[codes.entry] = codes.data
            if program.valid:
                assert program.word == len(chip.program) % (2048 // machine.beat_bytes)
                chip.program.append(program.data)
            self.waits += waiting
            if loaded != count:
                count = loaded
                self.loaded.append(cycle)
            if count == len(self.loads) - 1:
                return
        raise AssertionError(f"{count} of {len(self.loads) - 1} loads after {self.limit} cycles")


def boot(chance, machine):
    """The first LOAD since reset is not counted."""
    return random_load(machine, chance, Opcode.LOAD_PROGRAM)


def memory_of(machine, **options):
    return ReadMemory(
        CONTENTS,
        machine.beat_bytes,
        machine.max_burst,
        outstanding=machine.outstanding_reads,
        **options,
    )


def expected(machine, loads):
    chip = OnChip(machine)
    for load in loads:
        chip.load(load, CONTENTS)
    return vars(chip)


@MACHINES
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_kind(machine, kind, seed):
    chance = random.Random(seed)
    loads = [boot(chance, machine)] + [random_load(machine, chance, kind) for _ in range(6)]
    run = Run(machine, loads, memory_of(machine))
    assert vars(run.chip) == expected(machine, loads)


@MACHINES
@pytest.mark.parametrize("seed", [1, *slow(2)])
def test_mixture_with_stalls(machine, seed):
    chance = random.Random(seed)
    loads = [boot(chance, machine)] + [
        random_load(machine, chance, chance.choice(KINDS)) for _ in range(16)
    ]
    run = Run(machine, loads, memory_of(machine, stalls=0.4, seed=seed))
    assert vars(run.chip) == expected(machine, loads)


def predict_loaded(machine, loads, beats):
    """Return when the count rises, from the cycles in which beats were taken."""
    rises, at = [], 0
    for load in loads:
        at += load["rows"] * load["beats"]
        rises.append(beats[at - 1] + Loader.LOADED + interval(machine, load, load["beats"] - 1) - 1)
    return rises[1:]


@MACHINES
@pytest.mark.parametrize("seed", [1, *slow(2, 3)])
def test_cycles_are_exactly_as_documented(machine, seed):
    chance = random.Random(seed)
    loads = [boot(chance, machine)] + [
        random_load(machine, chance, chance.choice(KINDS)) for _ in range(12)
    ]
    run = Run(machine, loads, memory_of(machine, latency=30))
    assert run.loaded == predict_loaded(machine, loads, run.memory.beats)
