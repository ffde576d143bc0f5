"""Dispatcher, loader and read port together: every cycle is foretold."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.lib.wiring import connect

from arch.isa import Load, Opcode, encode
from arch.machine import ECP5_85F, TINY
from hw.control.dispatcher import Dispatcher
from hw.control.instruction_memory import InstructionMemory
from hw.load.loader import Loader
from hw.load.read_port import ReadPort
from tests.hw.axi_memory import ReadMemory
from tests.hw.cycles import run_benches
from tests.hw.load_model import random_load
from tests.hw.load_timing import predict

MACHINES = pytest.mark.parametrize("machine", [TINY, ECP5_85F], ids=lambda m: m.name)
PROGRAM = 0x8000
KINDS = [
    Opcode.LOAD_MAP,
    Opcode.LOAD_PICTURE,
    Opcode.LOAD_WEIGHTS,
    Opcode.LOAD_THRESHOLDS,
    Opcode.LOAD_TABLE,
]


def run(machine, loads, latency):
    """Return when each counted LOAD is counted, and the register CYCLES."""
    program = [encode(Load, load) for load in [*loads, {"opcode": Opcode.END}]]
    memory = bytearray(random.Random(1).randbytes(1 << 16))
    for number, instruction in enumerate(program):
        at = PROGRAM + 32 * number
        memory[at : at + 32] = instruction.to_bytes(32, "little")
    reads = ReadMemory(memory, machine.beat_bytes, machine.max_burst, latency)
    m = Module()
    m.submodules.port = port = ReadPort(machine)
    m.submodules.loader = loader = Loader(machine)
    m.submodules.program = instructions = InstructionMemory(machine)
    m.submodules.dispatcher = dispatcher = Dispatcher(machine)
    connect(m, instructions.instructions, dispatcher.instructions)
    connect(m, dispatcher.loads, loader.loads)
    connect(m, loader.requests, port.requests)
    connect(m, port.beats, loader.beats)
    m.d.comb += [instructions.chunk.eq(loader.program), dispatcher.loaded.eq(loader.loaded)]
    counted, cycles = [], []

    async def answer(ctx):
        await reads.run(ctx, port.axi)

    async def watch(ctx):
        ctx.set(dispatcher.program, PROGRAM)
        for cycle in range(20000):
            _, _, loaded, done = await ctx.tick().sample(loader.loaded, dispatcher.done)
            if loaded != len(counted):
                counted.append(cycle)
            if done:
                cycles.append(cycle + 1)
                return

    run_benches(m, watch, background=(answer,))
    return counted, cycles[0]


@MACHINES
@pytest.mark.parametrize(("latency", "seed"), [(1, 1), (10, 2), (60, 3)])
def test_cycles_are_exactly_as_documented(machine, latency, seed):
    chance = random.Random(seed)
    loads = [random_load(machine, chance, chance.choice(KINDS)) for _ in range(20)]
    boot = {
        "opcode": Opcode.LOAD_PROGRAM,
        "address": PROGRAM,
        "rows": 1,
        "row_bytes": 0,
        "beats": 2048 // machine.beat_bytes,
    }
    counted, cycles = predict(machine, [boot, *loads], latency)
    assert run(machine, loads, latency) == (counted[1:], cycles)


@MACHINES
def test_short_loads(machine):
    load = {
        "opcode": Opcode.LOAD_MAP,
        "address": 0,
        "rows": 1,
        "beats": 1,
        "row_bytes": 0,
        "groups": 1,
    }
    boot = {
        "opcode": Opcode.LOAD_PROGRAM,
        "address": PROGRAM,
        "rows": 1,
        "row_bytes": 0,
        "beats": 2048 // machine.beat_bytes,
    }
    for count in (0, 1, 40):
        counted, cycles = predict(machine, [boot] + [load] * count, 30)
        assert run(machine, [load] * count, 30) == (counted[1:], cycles)
