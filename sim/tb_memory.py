"""The timing that sim/memory.v promises, and that chance stalls lose nothing."""

import random
from dataclasses import dataclass

import cocotb
from cocotb.triggers import ClockCycles, FallingEdge, ReadOnly, RisingEdge

READ_LATENCY = 7
WRITE_LATENCY = 5
QUEUE = 4
BYTES = 8


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


def addresses(channel, bursts):
    return [{f"{channel}addr": a, f"{channel}len": n - 1} for a, n in bursts]


async def write(dut, log, bursts):
    done = len(log.b) + len(bursts)
    cocotb.start_soon(send(dut, "aw", addresses("aw", bursts)))
    await send(dut, "w", beats(bursts))
    while len(log.b) < done:
        await RisingEdge(dut.clk)


BURSTS = [(0, 4), (4096 - 8, 1), (64, 16), (1024, 1), (1032, 1), (2048, 64), (2560, 3), (512, 8)]


@cocotb.test()
async def reads_and_writes_keep_time(dut):
    log = await start(dut)
    await write(dut, log, BURSTS)
    taken, responses = [c for c, _ in log.w], [c for c, _ in log.b]
    assert taken == list(range(taken[0], taken[0] + sum(n for _, n in BURSTS))), taken
    at, previous = 0, -1
    for burst, (_, count) in enumerate(BURSTS):
        at += count
        previous = max(max(taken[at - 1], log.aw[burst][0]) + WRITE_LATENCY, previous + 1)
        assert responses[burst] == previous, (burst, responses, previous)

    await send(dut, "ar", addresses("ar", BURSTS))
    while len(log.r) < sum(n for _, n in BURSTS):
        await RisingEdge(dut.clk)
    assert [d for _, d in log.r] == [p["wdata"] for p in beats(BURSTS)]
    expected, lasts, last = [], [], -1
    for burst, (_, count) in enumerate(BURSTS):
        asked = log.ar[burst][0]
        first = max(asked + READ_LATENCY, last + 1)
        last = first + count - 1
        lasts.append(last)
        expected += range(first, last + 1)
        if burst:
            earliest = max(
                log.ar[burst - 1][0] + 1, lasts[burst - QUEUE] + 1 if burst >= QUEUE else 0
            )
            assert asked == earliest, (burst, asked, earliest)
    assert [c for c, _ in log.r] == expected


@cocotb.test()
async def data_may_come_before_their_address(dut):
    log = await start(dut)
    await send(dut, "w", beats([(256, 8)]))
    await ClockCycles(dut.clk, 10)
    await send(dut, "aw", addresses("aw", [(256, 8)]))
    await ClockCycles(dut.clk, 2 * WRITE_LATENCY)
    assert len(log.b) == 1
    assert log.b[0][0] == log.aw[0][0] + WRITE_LATENCY


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
    spread = log.r[-1][0] - log.r[0][0]
    assert spread > 1.3 * len(log.r), "no stall was seen"


@cocotb.test()
async def addresses_beyond_the_end_are_refused(dut):
    log = await start(dut)
    dut.rready.value = 0
    await send(dut, "ar", addresses("ar", [(1 << 20, 1)]))
    await ClockCycles(dut.clk, READ_LATENCY + 1)
    assert dut.rvalid.value == 1
    assert dut.rresp.value == 3
    dut.rready.value = 1
    dut.bready.value = 0
    cocotb.start_soon(send(dut, "aw", addresses("aw", [(1 << 20, 1)])))
    await send(dut, "w", beats([(1 << 20, 1)]))
    await ClockCycles(dut.clk, WRITE_LATENCY + 1)
    assert dut.bvalid.value == 1
    assert dut.bresp.value == 3
    assert not log.b
