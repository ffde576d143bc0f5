"""A run ends once, for the first reason there is, and only when the memory owes nothing."""

import pytest

from arch.registers import ErrorCode
from hw.control.run_state import FLUSH_CYCLES, RunState
from tests.hw.cycles import run_benches


def simulate(bench):
    dut = RunState()

    async def run(ctx):
        await bench(ctx, dut)

    run_benches(dut, run)


async def pulse(ctx, *signals):
    for signal in signals:
        ctx.set(signal, 1)
    await ctx.tick()
    for signal in signals:
        ctx.set(signal, 0)


def test_done():
    async def bench(ctx, dut):
        assert (ctx.get(dut.reset), ctx.get(dut.busy)) == (1, 0)
        await pulse(ctx, dut.done)
        await pulse(ctx, dut.abort)
        assert (ctx.get(dut.reset), ctx.get(dut.busy)) == (1, 0)
        await pulse(ctx, dut.start)
        assert (ctx.get(dut.reset), ctx.get(dut.busy), ctx.get(dut.stop)) == (0, 0, 0)
        await ctx.tick()
        assert (ctx.get(dut.reset), ctx.get(dut.busy), ctx.get(dut.stop)) == (0, 1, 0)
        await pulse(ctx, dut.start)
        ctx.set(dut.done, 1)
        assert ctx.get(dut.finished) == 1
        await pulse(ctx, dut.done)
        assert (ctx.get(dut.reset), ctx.get(dut.busy), ctx.get(dut.fault.code)) == (1, 0, 0)

    simulate(bench)


def test_a_burst_of_the_last_cycle_is_waited_for():
    """``drained`` is a cycle old: what it said before the stop does not count."""

    async def bench(ctx, dut):
        ctx.set(dut.drained, 1)
        await pulse(ctx, dut.start)
        await ctx.tick()
        await pulse(ctx, dut.abort)
        ctx.set(dut.drained, 0)
        for _ in range(5):
            assert (ctx.get(dut.stop), ctx.get(dut.reset)) == (1, 0)
            await ctx.tick()

    simulate(bench)


CAUSES = {
    ErrorCode.ILLEGAL_INSTRUCTION: lambda dut: (dut.illegal.happens, dut.illegal.number),
    ErrorCode.READ_RESPONSE: lambda dut: (dut.read_error.happens, dut.read_error.number),
    ErrorCode.WRITE_RESPONSE: lambda dut: (dut.write_error.happens, dut.write_error.number),
    ErrorCode.ABORTED: lambda dut: (dut.abort, None),
    ErrorCode.END_WAITS_FOR_STORE: lambda dut: (dut.expired, dut.late.number),
}


@pytest.mark.parametrize("code", CAUSES, ids=lambda code: code.name)
def test_early_end(code):
    async def bench(ctx, dut):
        ctx.set(dut.late.code, ErrorCode.END_WAITS_FOR_STORE)
        await pulse(ctx, dut.start)
        await ctx.tick()
        happens, number = CAUSES[code](dut)
        if number is not None:
            ctx.set(number, 77)
        await pulse(ctx, happens)
        for _ in range(5):
            assert (ctx.get(dut.busy), ctx.get(dut.stop), ctx.get(dut.reset)) == (1, 1, 0)
            await pulse(ctx, dut.done)  # too late
        await pulse(ctx, dut.drained)
        assert (ctx.get(dut.stop), ctx.get(dut.reset)) == (1, 0)
        await ctx.tick()
        for _ in range(FLUSH_CYCLES):
            assert (ctx.get(dut.busy), ctx.get(dut.stop), ctx.get(dut.reset)) == (1, 1, 1)
            failed = ctx.get(dut.failed)
            await pulse(ctx, dut.start)  # too early
        assert failed
        assert (ctx.get(dut.busy), ctx.get(dut.stop), ctx.get(dut.reset)) == (0, 0, 1)
        assert ctx.get(dut.fault.code) == code
        assert ctx.get(dut.fault.number) == (0 if number is None else 77)
        await pulse(ctx, dut.start)
        await ctx.tick()
        assert (ctx.get(dut.busy), ctx.get(dut.fault.code)) == (1, 0)

    simulate(bench)
