"""Registers read and write as arch/registers.py says; counters and the interrupt follow a run."""

import random

import pytest

from arch.machine import ECP5_85F, ISA_VERSION, TINY
from arch.registers import IDENTIFIER, WATCHDOG_DEFAULT, ErrorCode, Register
from hw.control.control import EVENTS, TOGGLES, Control
from tests.hw.cycles import run_benches
from tests.hw.lite_driver import LiteDriver


def simulate(bench, machine=TINY):
    dut = Control(machine)

    async def run(ctx):
        await bench(ctx, dut, LiteDriver(dut.axil))

    run_benches(dut, run)


@pytest.mark.parametrize("machine", [TINY, ECP5_85F], ids=lambda m: m.name)
def test_what_can_only_be_read(machine):
    async def bench(ctx, dut, lite):
        for register in Register:
            if register not in (Register.PROGRAM, Register.IRQ_ENABLE, Register.WATCHDOG):
                await lite.write(ctx, register, 0)
        assert await lite.read(ctx, Register.ID) == IDENTIFIER
        assert IDENTIFIER.to_bytes(4, "little") == b"ONE4"
        assert await lite.read(ctx, Register.VERSION) == ISA_VERSION
        config = await lite.read(ctx, Register.CONFIG0)
        assert list(config.to_bytes(4, "little")) == [
            machine.rows,
            machine.columns,
            machine.lanes,
            machine.beat_bytes,
        ]
        config = await lite.read(ctx, Register.CONFIG1)
        assert (config & 0xFFFF, config >> 16) == (machine.activation_words, machine.weight_words)
        config = await lite.read(ctx, Register.CONFIG2)
        assert config & 0xFFFF == machine.table_entries
        sizes = [machine.accumulator_bits, machine.signs]
        assert list((config >> 16).to_bytes(2, "little")) == sizes
        assert await lite.read(ctx, 0xFC) == 0

    simulate(bench, machine)


def test_what_can_be_written():
    async def bench(ctx, dut, lite):
        assert await lite.read(ctx, Register.WATCHDOG) == WATCHDOG_DEFAULT
        for data_first in (False, True):
            for register, value in (
                (Register.PROGRAM, 0x12345000),
                (Register.WATCHDOG, 99),
                (Register.IRQ_ENABLE, 2),
            ):
                await lite.write(ctx, register, value ^ data_first, data_first=data_first)
                assert await lite.read(ctx, register) == value ^ data_first
        await lite.write(ctx, Register.PROGRAM, 0xAABBCCDD, strobe=0b0110)
        assert await lite.read(ctx, Register.PROGRAM) == 0x12BBCC01
        assert ctx.get(dut.program) == 0x12BBCC01

    simulate(bench)


def test_run_and_interrupt():
    async def bench(ctx, dut, lite):
        starts = []

        await lite.write(ctx, Register.IRQ_ENABLE, 1)
        ctx.set(dut.axil.aw.payload, int(Register.CONTROL))
        ctx.set(dut.axil.w.payload, {"data": 1, "strobe": 15})
        ctx.set(dut.axil.aw.valid, 1)
        ctx.set(dut.axil.w.valid, 1)
        ctx.set(dut.axil.b.ready, 1)
        starts.append(ctx.get(dut.start))
        await ctx.tick()
        ctx.set(dut.axil.aw.valid, 0)
        ctx.set(dut.axil.w.valid, 0)
        ctx.set(dut.busy, 1)
        starts.append(ctx.get(dut.start))
        assert starts == [1, 0]
        await ctx.tick().repeat(20)
        ctx.set(dut.axil.b.ready, 0)
        assert await lite.read(ctx, Register.STATUS) == 1
        ctx.set(dut.finished, 1)
        await ctx.tick()
        ctx.set(dut.finished, 0)
        ctx.set(dut.busy, 0)
        assert await lite.read(ctx, Register.STATUS) == 2
        assert await lite.read(ctx, Register.IRQ_STATUS) == 1
        assert ctx.get(dut.irq) == 1
        await lite.write(ctx, Register.IRQ_STATUS, 2)
        assert ctx.get(dut.irq) == 1
        await lite.write(ctx, Register.IRQ_STATUS, 1)
        await ctx.tick()
        assert ctx.get(dut.irq) == 0
        assert await lite.read(ctx, Register.STATUS) == 2

    simulate(bench)


def test_error():
    async def bench(ctx, dut, lite):
        ctx.set(dut.busy, 1)
        ctx.set(dut.stop, 1)
        ctx.set(dut.fault, {"code": ErrorCode.SEQUENCER_WAITS_FOR_LOAD, "number": 0xABCD})
        assert await lite.read(ctx, Register.STATUS) == 1 | 8
        ctx.set(dut.failed, 1)
        await ctx.tick()
        ctx.set(dut.failed, 0)
        ctx.set(dut.stop, 0)
        ctx.set(dut.busy, 0)
        assert await lite.read(ctx, Register.STATUS) == 4
        assert await lite.read(ctx, Register.ERROR) == 0xABCD0000 | 19
        assert await lite.read(ctx, Register.IRQ_STATUS) == 2
        assert ctx.get(dut.irq) == 0
        await lite.write(ctx, Register.IRQ_ENABLE, 3)
        await ctx.tick()
        assert ctx.get(dut.irq) == 1

    simulate(bench)


def test_counters(seed):
    chance = random.Random(seed)

    async def bench(ctx, dut, lite):
        for _ in range(2):  # the second run starts from 0 again
            counts = dict.fromkeys(EVENTS, 0)
            await lite.write(ctx, Register.CONTROL, 1)
            ctx.set(dut.events.as_value(), 0)
            ctx.set(dut.busy, 1)
            await ctx.tick()
            level = dict.fromkeys(EVENTS, 0)
            for _ in range(200):
                for name in EVENTS:
                    new = chance.randrange(2)
                    counts[name] += new != level[name] if name in TOGGLES else new
                    level[name] = new
                    ctx.set(dut.events[name], new)
                await ctx.tick()
            ctx.set(dut.busy, 0)
            for name in EVENTS:
                ctx.set(dut.events[name], 1)
            await ctx.tick().repeat(10)
            for name, register in EVENTS.items():
                assert await lite.read(ctx, register) == counts[name], name
            assert await lite.read(ctx, Register.CYCLES) == 201

    simulate(bench)
