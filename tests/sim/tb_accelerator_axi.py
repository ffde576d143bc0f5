"""The whole accelerator beside cocotbext-axi's memory, with random latency and back-pressure.

Slow, in Python on every beat: for the protocol and for what goes wrong in a run. Whole frames run
in :mod:`sim.frame`. The machine is named by ONEFOUR_MACHINE.
"""

import itertools
import logging
import os
import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiBus, AxiRam

from arch.isa import Opcode
from arch.machine import machine_named
from arch.registers import ErrorCode, Register
from golden.formats import unpack_map
from golden.machine import GoldenMachine
from sim.drivers import CLOCK_NS, Host
from tests.samples.sample import Sample
from tests.samples.sample_layer import LayerShape

MACHINE_VARIABLE = "ONEFOUR_MACHINE"
MEMORY_BYTES = 1 << 18
MOST_CYCLES = 200_000
WATCHDOG = 5_000


def small_network(machine, seed: int) -> Sample:
    """Return three layers that use every kind of load, pooling, strides and raw sums."""
    sample = Sample(machine, seed, MEMORY_BYTES)
    source = sample.convolution(
        "first",
        sample.picture(10, 12),
        LayerShape(channels=24, kernel=3, weight_bits=2, bits=3, halo=1, pool=True),
    )
    source = sample.convolution(
        "second",
        source,
        LayerShape(channels=16, kernel=3, weight_bits=1, bits=2, even_grid=False, stride=2),
    )
    sample.convolution("third", source, LayerShape(channels=10, kernel=1, weight_bits=4))
    return sample.finish()


def chance_pauses(chance: random.Random, share: float):
    """Yield whether to pause, cycle by cycle, in bursts of either."""
    while True:
        yield from itertools.repeat(chance.random() < share, chance.randint(1, 12))


class Bench:
    """The accelerator, its memory and its host."""

    def __init__(self, dut):
        self.dut = dut
        self.machine = machine_named(os.environ[MACHINE_VARIABLE])
        for name in ("cocotb.axi_harness.m_axi", "cocotb.axi_harness.s_axil"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self.ram = AxiRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size=MEMORY_BYTES)
        self.host = Host(dut)

    async def start(self):
        cocotb.start_soon(Clock(self.dut.clk, CLOCK_NS, "ns").start())
        await self.host.reset()

    def pause(self, seed: int, share: float):
        """Let every channel of the memory pause for a share of the time."""
        chance = random.Random(seed)
        for channel in (
            self.ram.write_if.aw_channel,
            self.ram.write_if.w_channel,
            self.ram.write_if.b_channel,
            self.ram.read_if.ar_channel,
            self.ram.read_if.r_channel,
        ):
            generator = random.Random(chance.random())
            channel.set_pause_generator(chance_pauses(generator, share))

    def store(self, sample: Sample):
        self.ram.write(0, sample.memory.tobytes())

    def memory(self) -> np.ndarray:
        return np.frombuffer(self.ram.read(0, MEMORY_BYTES), np.uint8)

    async def frame(self, sample: Sample, watchdog: int = WATCHDOG):
        """Run a program and compare every layer, and every byte, with golden."""
        memory = sample.memory.copy()
        statistics = GoldenMachine(self.machine).run(memory, sample.program_address)
        await self.host.start(sample.program_address, watchdog)
        status = await self.host.wait(MOST_CYCLES)
        assert status.done, status
        assert status.error == ErrorCode.NONE, status
        found = self.memory()
        for layer in sample.expected:
            np.testing.assert_array_equal(
                unpack_map(found, layer.form), layer.codes, err_msg=layer.name
            )
        np.testing.assert_array_equal(found, memory)
        counters = await self.host.counters()
        for name in ("loads", "computed", "passes", "read_beats", "write_beats"):
            assert counters[name] == getattr(statistics, name), (name, counters)
        assert counters["stored"] == statistics.computed


@cocotb.test()
@cocotb.parametrize(share=[0.0, 0.3, 0.7])
async def frame_with_pauses(dut, share):
    bench = Bench(dut)
    bench.pause(seed=int(100 * share), share=share)
    await bench.start()
    sample = small_network(bench.machine, seed=1)
    bench.store(sample)
    await bench.frame(sample)


@cocotb.test()
async def second_frame_starts_afresh(dut):
    bench = Bench(dut)
    await bench.start()
    for seed in (1, 2):
        sample = small_network(bench.machine, seed)
        bench.store(sample)
        await bench.frame(sample)


@cocotb.test()
@cocotb.parametrize(cycles=[30, 400, 1500])
async def frame_after_an_abort(dut, cycles):
    bench = Bench(dut)
    bench.pause(seed=cycles, share=0.3)
    await bench.start()
    sample = small_network(bench.machine, seed=3)
    bench.store(sample)
    await bench.host.start(sample.program_address, WATCHDOG)
    await ClockCycles(dut.clk, cycles)
    await bench.host.abort()
    status = await bench.host.wait(MOST_CYCLES)
    assert not status.done
    assert status.error == ErrorCode.ABORTED
    assert await bench.host.read(Register.STATUS) & 1 == 0, "still busy"
    bench.store(sample)
    await bench.frame(sample)


@cocotb.test()
async def endless_wait_is_reported(dut):
    bench = Bench(dut)
    await bench.start()
    sample = Sample(bench.machine, 1, MEMORY_BYTES)
    sample.listing.load(Opcode.LOAD_WEIGHTS, 64, address=0x4000, after_compute=7)
    bench.store(sample.finish())
    await bench.host.start(sample.program_address, 300)
    status = await bench.host.wait(MOST_CYCLES)
    assert (status.error, status.number) == (ErrorCode.LOADER_WAITS_FOR_COMPUTE, 7)

    sample = Sample(bench.machine, 1, MEMORY_BYTES)
    sample.listing.compute(after_load=9, block_rows=1, row_blocks=1, row_length=4)
    bench.store(sample.finish())
    await bench.host.start(sample.program_address, 300)
    status = await bench.host.wait(MOST_CYCLES)
    assert (status.error, status.number) == (ErrorCode.SEQUENCER_WAITS_FOR_LOAD, 9)

    sample = small_network(bench.machine, seed=4)
    bench.store(sample)
    await bench.frame(sample)


@cocotb.test()
async def illegal_instruction_is_reported(dut):
    bench = Bench(dut)
    await bench.start()
    bench.ram.write(0, bytes(MEMORY_BYTES))
    await bench.host.start(0, WATCHDOG)
    status = await bench.host.wait(MOST_CYCLES)
    assert (status.error, status.number) == (ErrorCode.ILLEGAL_INSTRUCTION, 0)


@cocotb.test()
async def interrupt_waits_to_be_cleared(dut):
    bench = Bench(dut)
    await bench.start()
    sample = Sample(bench.machine, 1, MEMORY_BYTES).finish()
    bench.store(sample)
    await bench.host.start(0, WATCHDOG)
    await RisingEdge(dut.irq)
    await ClockCycles(dut.clk, 50)
    assert dut.irq.value == 1
    await bench.host.write(Register.IRQ_STATUS, 3)
    await ClockCycles(dut.clk, 3)
    assert dut.irq.value == 0
