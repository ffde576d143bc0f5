"""Whole beats: the same bytes reach memory, in bursts of the port's width and as few beats."""

import random

import pytest

from hw.streams.whole_beats import WholeBeats
from tests.hw.cycles import run_benches
from tests.hw.write_memory import WriteMemory

BYTES, HALF = 8, 4


def random_burst(chance):
    """Address, beats' size, and each beat's bytes: address -> byte."""
    size = chance.choice((HALF, HALF, BYTES))
    count = chance.choice((1, 2, 3, chance.randint(1, 128)))
    address = chance.randrange(1 << 12) * 4096
    address += chance.randrange((4096 - count * size) // size + 1) * size
    written = []
    for beat in range(count):
        places = range(address + beat * size, address + (beat + 1) * size)
        written.append({at: chance.getrandbits(8) for at in places if chance.random() < 0.8})
    return address, size, written


def payload(chance, beat):
    """Data and strobe of a beat; what is not written is anything."""
    lanes = {at % BYTES: byte for at, byte in beat.items()}
    data = sum(lanes.get(lane, chance.getrandbits(8)) << 8 * lane for lane in range(BYTES))
    return {"data": data, "strobe": sum(1 << lane for lane in lanes)}


@pytest.mark.parametrize("stalls", [0.0, 0.5])
def test_bursts(stalls, seed):
    chance = random.Random(seed)
    bursts = [random_burst(chance) for _ in range(60)]
    memory = WriteMemory(BYTES, 128, latency=3, stalls=stalls, seed=seed)
    dut = WholeBeats(8 * BYTES)

    async def send(ctx, stream, payloads):
        for fields in payloads:
            while chance.random() < stalls:
                await ctx.tick()
            ctx.set(stream.payload, fields)
            ctx.set(stream.valid, 1)
            taken = False
            while not taken:
                _, _, taken = await ctx.tick().sample(stream.ready)
            ctx.set(stream.valid, 0)

    async def addresses(ctx):
        await send(ctx, dut.i.aw, [
            {"address": at, "length": len(beats) - 1, "size": size.bit_length() - 1}
            for at, size, beats in bursts
        ])  # fmt: skip

    async def beats(ctx):
        await send(ctx, dut.i.w, [
            payload(chance, beat) | {"last": number == len(written) - 1}
            for _, _, written in bursts
            for number, beat in enumerate(written)
        ])  # fmt: skip

    async def answers(ctx):
        ctx.set(dut.i.b.ready, 1)
        for _ in bursts:
            came = False
            while not came:
                _, _, came = await ctx.tick().sample(dut.i.b.valid)

    async def kept(ctx):
        await memory.run(ctx, dut.o)

    run_benches(dut, addresses, beats, answers, background=(kept,))
    contents = {}
    for _, _, written in bursts:
        for beat in written:
            contents |= beat
    assert memory.contents == contents
    assert [burst[1:] for burst in memory.bursts] == [
        (at // BYTES * BYTES, (at + size * len(written) - 1) // BYTES - at // BYTES + 1, BYTES)
        for at, size, written in bursts
    ]
