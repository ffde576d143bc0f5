"""One frame in ``sim/harness.v``, at the simulator's own speed: see :mod:`sim.frame`."""

import json
import os
import time
from dataclasses import asdict
from pathlib import Path

import cocotb
from cocotb.triggers import ClockCycles

from sim.drivers import Host

JOB = "ONEFOUR_JOB"
INPUTS = ("stall", "seed", "load", "dump", "dump_first", "dump_last", "flush")


async def pulse(dut, name):
    getattr(dut, name).value = 1
    await ClockCycles(dut.clk, 1)
    getattr(dut, name).value = 0
    await ClockCycles(dut.clk, 1)


@cocotb.test()
async def frame(dut):
    """Load memory, run, note how it ended and what memory holds."""
    job = json.loads(Path(os.environ[JOB]).read_text())
    for name in INPUTS:
        getattr(dut, name).value = 0
    dut.seed.value = job["seed"]
    dut.stall.value = job["stall"]
    host = Host(dut)
    await host.reset()
    await pulse(dut, "load")
    await host.start(job["program_address"], job["watchdog"])
    started = time.monotonic()
    status = await host.wait(job["most_cycles"])
    seconds = time.monotonic() - started
    counters = await host.counters()
    dut.dump_first.value, dut.dump_last.value = job["dump"]
    await pulse(dut, "dump")
    await pulse(dut, "flush")
    result = {"status": asdict(status), "counters": counters, "seconds": seconds}
    Path(job["result"]).write_text(json.dumps(result))
