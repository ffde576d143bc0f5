"""The timing that docs/memory.md promises and sim/memory.v keeps, and that stalls lose nothing."""

import json
import os
import random
from dataclasses import dataclass

import cocotb
from cocotb.triggers import ClockCycles, FallingEdge, ReadOnly, RisingEdge

from arch.memory import Memory

QUEUE = 4
BYTES = 8
HALF = BYTES // 2
MEMORY = "ONEFOUR_MEMORY"
"""The environment's name for the memory that the bench expects, as JSON."""


def memory() -> Memory:
    """Return the memory under test."""
    return Memory(**json.loads(os.environ[MEMORY]))


@dataclass
class Log:
    """Cycle numbers of every transfer."""

    ar: list
    r: list
    aw: list
    w: list
    b: list


async def watch(dut, log: Log):
    """Note transfers; a cycle's number is that of the clock edge that ends it."""
    cycle = 0
    while True:
        # Just before the edge, everything has settled.
        await FallingEdge(dut.clk)
        await ReadOnly()
        for name, notes in vars(log).items():
            if getattr(dut, f"{name}valid").value and getattr(dut, f"{name}ready").value:
                notes.append((cycle, int(dut.rdata.value) if name == "r" else None))
        cycle += 1


async def start(dut, stall=0) -> Log:
    dut.stall.value, dut.seed.value, dut.rst.value = stall, 5, 1
    for name in ("load", "dump", "flush", "arvalid", "awvalid", "wvalid"):
        getattr(dut, name).value = 0
    dut.rready.value = dut.bready.value = 1
    await ClockCycles(dut.clk, 3)
    dut.rst.value = 0
    await ClockCycles(dut.clk, 3)
    log = Log([], [], [], [], [])
    cocotb.start_soon(watch(dut, log))
    return log


async def send(dut, channel, payloads):
    """Drive one channel at full rate."""
    valid, ready = getattr(dut, f"{channel}valid"), getattr(dut, f"{channel}ready")
    for payload in payloads:
        for name, value in payload.items():
            getattr(dut, name).value = value
        valid.value = 1
        while True:
            await FallingEdge(dut.clk)
            taken = ready.value
            await RisingEdge(dut.clk)
            if taken:
                break
    valid.value = 0


def beats(bursts):
    return [
        {"wdata": address + BYTES * i, "wstrb": 255, "wlast": int(i == count - 1)}
        for address, count in bursts
        for i in range(count)
    ]


def narrow_beats(bursts):
    """Of half the bytes: each in its half of the data."""
    return [
        {
            "wdata": (address + HALF * i) * 0x1_0000_0001,
            "wstrb": 0xF << (address + HALF * i) % BYTES,
            "wlast": int(i == count - 1),
        }
        for address, count in bursts
        for i in range(count)
    ]


def addresses(channel, bursts, beat_bytes=BYTES):
    sizes = {"awsize": beat_bytes.bit_length() - 1} if channel == "aw" else {}
    return [{f"{channel}addr": a, f"{channel}len": n - 1} | sizes for a, n in bursts]


async def write(dut, log, bursts):
    done = len(log.b) + len(bursts)
    cocotb.start_soon(send(dut, "aw", addresses("aw", bursts)))
    await send(dut, "w", beats(bursts))
    while len(log.b) < done:
        await RisingEdge(dut.clk)


async def read(dut, log, bursts):
    done = len(log.r) + sum(count for _, count in bursts)
    await send(dut, "ar", addresses("ar", bursts))
    while len(log.r) < done:
        await RisingEdge(dut.clk)


def served(
    log: Log, reads, writes, write_bytes=BYTES
) -> tuple[list[int], list[int], list[int]]:
    """Return when read beats, written beats and responses are due, by the rules of docs/memory.md.

    Of addresses only the cycles are taken from ``log``.
    """
    kept = memory()
    paces = [kept.pace(BYTES), kept.pace(write_bytes)]
    # Oldest first; of two that came at once the read.
    asked = [(cycle, 0, count) for (cycle, _), (_, count) in zip(log.ar, reads, strict=True)]
    asked += [(cycle, 1, count) for (cycle, _), (_, count) in zip(log.aw, writes, strict=True)]
    moved: tuple[list[int], list[int]] = ([], [])
    responses: list[int] = []
    ends = [-1, -1]
    for cycle, kind, count in sorted(asked):
        port = kind if kept.ports == 2 else 0
        start = max(cycle, ends[port]) + 1 + kept.burst_cycles
        cost, gain = paces[kind]
        for beat in range(1, count + 1):
            moved[kind].append(start + -(-beat * cost // gain) - 1)
        ends[port] = moved[kind][-1]
        if kind:
            least = ends[port] + kept.write_latency
            responses.append(max([least, *(r + 1 for r in responses[-1:])]))
    taken: list[int] = []
    for cycle in moved[0]:
        least = cycle + kept.read_latency - 1
        taken.append(max([least, *(t + 1 for t in taken[-1:])]))
    return taken, moved[1], responses


BURSTS = [(0, 4), (4096 - 8, 1), (64, 16), (1024, 1), (1032, 1), (2048, 64), (2560, 3), (512, 8)]


@cocotb.test()
async def reads_and_writes_keep_time(dut):
    """One after the other, and every address is taken as soon as there is room for it."""
    log = await start(dut)
    await write(dut, log, BURSTS)
    await read(dut, log, BURSTS)
    assert [d for _, d in log.r] == [p["wdata"] for p in beats(BURSTS)]
    taken, moved, responses = served(log, BURSTS, BURSTS)
    assert [c for c, _ in log.r] == taken
    assert [c for c, _ in log.w] == moved
    assert [c for c, _ in log.b] == responses
    lasts, at = [], -1
    for burst, (_, count) in enumerate(BURSTS):
        at += count
        lasts.append(taken[at])
        if burst:
            free = lasts[burst - QUEUE] + 1 if burst >= QUEUE else 0
            assert log.ar[burst][0] == max(log.ar[burst - 1][0] + 1, free)


@cocotb.test()
async def narrow_writes_keep_time(dut):
    """Beats of half the bytes take the time of their bytes, and write no others."""
    log = await start(dut)
    whole = [(address, 8) for address in (0, 512, 4096)]
    await write(dut, log, whole)
    begun = len(log.b), len(log.w)
    log.aw.clear()
    bursts = [(4, 3), (512 + 8, 4), (4096 + 60, 1)]
    cocotb.start_soon(send(dut, "aw", addresses("aw", bursts, HALF)))
    await send(dut, "w", narrow_beats(bursts))
    while len(log.b) < begun[0] + len(bursts):
        await RisingEdge(dut.clk)
    _, moved, responses = served(log, [], bursts, HALF)
    assert [c for c, _ in log.w[begun[1] :]] == moved
    assert [c for c, _ in log.b[begun[0] :]] == responses
    words = {p["wdata"]: p["wdata"] for p in beats(whole)}
    for address, count in bursts:
        for at in range(address, address + HALF * count, HALF):
            shift = 8 * (at % BYTES)
            word = at // BYTES * BYTES
            words[word] = words[word] & ~(0xFFFFFFFF << shift) | at << shift
    await read(dut, log, whole)
    assert [d for _, d in log.r] == list(words.values())


@cocotb.test()
async def reads_and_writes_at_once_keep_time(dut):
    """Addresses of both kinds at random times: who comes first is served first."""
    chance = random.Random(11)
    log = await start(dut)
    reads, writes = (
        [(4096 * chance.randrange(16), chance.randint(1, 24)) for _ in range(60)] for _ in range(2)
    )

    async def asked(channel, bursts):
        for burst in bursts:
            await send(dut, channel, addresses(channel, [burst]))
            if chance.random() < 0.5:
                await ClockCycles(dut.clk, chance.randrange(90))

    cocotb.start_soon(asked("ar", reads))
    cocotb.start_soon(asked("aw", writes))
    cocotb.start_soon(send(dut, "w", beats(writes)))
    while len(log.b) < len(writes) or len(log.r) < sum(count for _, count in reads):
        await RisingEdge(dut.clk)
    taken, moved, responses = served(log, reads, writes)
    assert [c for c, _ in log.r] == taken
    assert [c for c, _ in log.w] == moved
    assert [c for c, _ in log.b] == responses


@cocotb.test()
async def data_wait_for_their_address(dut):
    log = await start(dut)
    cocotb.start_soon(send(dut, "w", beats([(256, 8)])))
    await ClockCycles(dut.clk, 30)
    assert not log.w
    await send(dut, "aw", addresses("aw", [(256, 8)]))
    while not log.b:
        await RisingEdge(dut.clk)
    _, moved, responses = served(log, [], [(256, 8)])
    assert [c for c, _ in log.w] == moved
    assert [c for c, _ in log.b] == responses


@cocotb.test()
async def beats_that_are_not_taken_wait(dut):
    """A master that is not ready keeps nobody from memory but itself."""
    log = await start(dut)
    await write(dut, log, [(0, 16)])
    dut.rready.value = 0
    await send(dut, "ar", addresses("ar", [(0, 16)]))
    begun = len(log.b)
    await write(dut, log, [(1024, 4)])
    assert len(log.b) == begun + 1
    await ClockCycles(dut.clk, 200)
    dut.rready.value = 1
    await ClockCycles(dut.clk, 20)
    times = [c for c, _ in log.r]
    assert times == list(range(times[0], times[0] + 16))
    assert [d for _, d in log.r] == [p["wdata"] for p in beats([(0, 16)])]


@cocotb.test()
async def stalls_lose_nothing(dut):
    chance = random.Random(3)
    log = await start(dut, stall=100)
    bursts = [(4096 * i + 8 * chance.randrange(400), chance.randint(1, 16)) for i in range(15)]
    await write(dut, log, bursts)
    await send(dut, "ar", addresses("ar", bursts))
    while len(log.r) < sum(n for _, n in bursts):
        await RisingEdge(dut.clk)
    assert [d for _, d in log.r] == [p["wdata"] for p in beats(bursts)]
    taken, moved, _ = served(log, bursts, bursts)
    assert [c for c, _ in log.r] != taken, "no stall was seen"
    assert [c for c, _ in log.w] != moved, "no stall was seen"


LONG = 100
"""Cycles in which any memory has served a burst of one beat."""


@cocotb.test()
async def addresses_beyond_the_end_are_refused(dut):
    log = await start(dut)
    dut.rready.value = 0
    await send(dut, "ar", addresses("ar", [(1 << 20, 1)]))
    await ClockCycles(dut.clk, LONG)
    assert dut.rvalid.value == 1
    assert dut.rresp.value == 3
    dut.rready.value = 1
    dut.bready.value = 0
    cocotb.start_soon(send(dut, "aw", addresses("aw", [(1 << 20, 1)])))
    await send(dut, "w", beats([(1 << 20, 1)]))
    await ClockCycles(dut.clk, LONG)
    assert dut.bvalid.value == 1
    assert dut.bresp.value == 3
    assert not log.b
