"""A whole accelerator under Amaranth's simulator, with its memory and a driver."""

from types import SimpleNamespace

from amaranth.hdl import Cat
from amaranth.lib import data

from arch.machine import Machine
from arch.registers import Register
from hw.streams import axi
from hw.streams.axi_pins import channels, payload_fields
from hw.top import Accelerator
from tests.hw.axi_memory import ReadMemory
from tests.hw.cycles import run_benches
from tests.hw.lite_driver import LiteDriver
from tests.hw.write_memory import WriteMemory


def streams(dut, prefix, signature):
    """Return a port of this signature whose streams are made of the pins of `dut`."""
    port = SimpleNamespace()
    for channel, _, shape in channels(signature):

        def pin(name, channel=channel):
            return getattr(dut, f"{prefix}{channel}{name}")

        payload = Cat(pin(suffix) for suffix in payload_fields(channel, shape))
        if isinstance(shape, data.Layout) or hasattr(shape, "as_shape"):
            payload = shape(payload)
        setattr(
            port, channel, SimpleNamespace(valid=pin("valid"), ready=pin("ready"), payload=payload)
        )
    return port


class AcceleratorBench:
    """`memory` is what the accelerator reads and writes; `actions(ctx, bench)` drives it."""

    def __init__(
        self,
        machine: Machine,
        memory: bytearray,
        actions,
        stalls=0.0,
        seed=1,
        read_latency=10,
        write_latency=4,
        **read_options,
    ):
        self.dut = Accelerator(machine)
        self.memory = memory
        self.reads = ReadMemory(
            memory,
            machine.beat_bytes,
            machine.max_burst,
            read_latency,
            stalls,
            seed,
            machine.outstanding_reads,
            **read_options,
        )
        self.writes = WriteMemory(
            machine.beat_bytes, machine.write_burst, write_latency, stalls, seed, contents=memory
        )
        bits = machine.axi_data_bits
        read = streams(self.dut, "m_axi_", axi.read_signature(bits))
        write = streams(self.dut, "m_axi_", axi.write_signature(bits, axi.WriteBurst))
        self.lite = LiteDriver(streams(self.dut, "s_axil_", axi.lite_signature()), seed)

        async def answer_reads(ctx):
            await self.reads.run(ctx, read)

        async def answer_writes(ctx):
            await self.writes.run(ctx, write)

        async def act(ctx):
            await actions(ctx, self)

        run_benches(self.dut, act, background=(answer_reads, answer_writes))

    async def start(self, ctx, program):
        await self.lite.write(ctx, Register.IRQ_STATUS, 3)
        await self.lite.write(ctx, Register.IRQ_ENABLE, 3)
        await self.lite.write(ctx, Register.PROGRAM, program)
        await self.lite.write(ctx, Register.CONTROL, 1)

    async def wait(self, ctx, limit=20000):
        """Return STATUS and ERROR when the interrupt comes."""
        for _ in range(limit):
            if ctx.get(self.dut.irq):
                return (
                    await self.lite.read(ctx, Register.STATUS),
                    await self.lite.read(ctx, Register.ERROR),
                )
            await ctx.tick()
        raise AssertionError(f"no interrupt after {limit} cycles")
