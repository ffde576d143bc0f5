"""The watchdog barks after the documented number of cycles and names the first wait that holds."""

import pytest

from arch.registers import ErrorCode
from hw.control.watchdog import WAITS, Watchdog
from tests.hw.cycles import run_benches


def bark(limit, progress, waits, cycles=60):
    """Return the cycle in which `expired` rises, its code and number; None without."""
    dut = Watchdog()
    found = []

    async def bench(ctx):
        ctx.set(dut.limit, limit)
        await ctx.tick()
        ctx.set(dut.running, 1)
        for name, number in waits.items():
            ctx.set(dut.waits[name], {"waits": 1, "number": number})
        for cycle in range(cycles):
            ctx.set(dut.progress, cycle in progress)
            if ctx.get(dut.expired):
                found.append((cycle, ErrorCode(ctx.get(dut.code)), ctx.get(dut.number)))
                return
            await ctx.tick()

    run_benches(dut, bench)
    return found[0] if found else None


@pytest.mark.parametrize("limit", [1, 2, 20])
@pytest.mark.parametrize("last", [0, 3, 9])
def test_cycles(limit, last):
    progress = range(last + 1)
    assert bark(limit, progress, {"program": 3}) == (
        last + limit + 1,
        ErrorCode.PROGRAM_WAITS_FOR_READ,
        3,
    )


def test_never():
    assert bark(0, [], {"read": 1}) is None
    assert bark(5, range(0, 60, 5), {"read": 1}) is None


@pytest.mark.parametrize("first", range(len(WAITS)))
def test_likeliest_cause(first):
    waits = {name: 100 + i for i, name in enumerate(WAITS) if i >= first}
    name = list(WAITS)[first]
    assert bark(10, [0], waits)[1:] == (WAITS[name], 100 + first)
