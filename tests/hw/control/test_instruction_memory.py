"""Instructions come in order from both halves of the ring, at the documented rate."""

import random

import pytest

from arch.isa import CHUNK_BYTES, CHUNK_INSTRUCTIONS, INSTRUCTION_BITS
from arch.machine import ECP5_85F, TINY
from hw.control.instruction_memory import InstructionMemory
from tests.hw.cycles import run_benches

MACHINES = pytest.mark.parametrize("machine", [TINY, ECP5_85F], ids=lambda m: m.name)


def run(machine, chunks, ready=1.0, seed=1):
    """Write chunk n + 1 when chunk n's second instruction is taken; list (cycle, instruction)."""
    dut = InstructionMemory(machine)
    chance = random.Random(seed)
    taken, arrived = [], []
    chunk_beats = CHUNK_BYTES // machine.beat_bytes
    per_beat = INSTRUCTION_BITS // machine.axi_data_bits

    async def write(ctx):
        cycle = 0
        for number, chunk in enumerate(chunks):
            while number and len(taken) < (number - 1) * CHUNK_INSTRUCTIONS + 2:
                await ctx.tick()
                cycle += 1
            beats = [
                part >> machine.axi_data_bits * i & (1 << machine.axi_data_bits) - 1
                for part in chunk
                for i in range(per_beat)
            ]
            for word in range(chunk_beats):
                ctx.set(dut.chunk, {"valid": 1, "word": word, "data": beats[word], "done": 0})
                await ctx.tick()
            ctx.set(dut.chunk, {"valid": 0, "word": 0, "data": 0, "done": 1})
            await ctx.tick()
            ctx.set(dut.chunk.done, 0)
            cycle += chunk_beats + 1
            arrived.append(cycle)
            assert ctx.get(dut.chunks) == number + 1

    async def take(ctx):
        cycle = 0
        while len(taken) < len(chunks) * CHUNK_INSTRUCTIONS:
            willing = chance.random() < ready
            ctx.set(dut.instructions.ready, willing)
            _, _, valid, instruction = await ctx.tick().sample(
                dut.instructions.valid, dut.instructions.payload
            )
            if valid and willing:
                taken.append((cycle, instruction))
            cycle += 1
        for _ in range(20):
            await ctx.tick()
            assert not ctx.get(dut.instructions.valid)
        assert ctx.get(dut.empty)

    run_benches(dut, take, background=(write,))
    return taken, arrived, dut


def random_chunks(count, seed):
    chance = random.Random(seed)
    return [
        [chance.getrandbits(INSTRUCTION_BITS) for _ in range(CHUNK_INSTRUCTIONS)]
        for _ in range(count)
    ]


@MACHINES
@pytest.mark.parametrize("ready", [1.0, 0.2])
def test_order(machine, ready, seed):
    chunks = random_chunks(4, seed)
    taken, _, _ = run(machine, chunks, ready, seed)
    assert [instruction for _, instruction in taken] == [part for chunk in chunks for part in chunk]


@MACHINES
def test_cycles_are_exactly_as_documented(machine):
    taken, arrived, dut = run(machine, random_chunks(1, 1))
    first = arrived[0] + dut.latency
    assert [cycle for cycle, _ in taken] == [
        first + i * dut.interval for i in range(CHUNK_INSTRUCTIONS)
    ]
