"""Runs ``sim/board/traffic.sv`` to its end and keeps its figures."""

import json
import os
from pathlib import Path

import cocotb
from cocotb.triggers import ClockCycles, First, RisingEdge, Timer

RESULT = "ONEFOUR_RESULT"
"""The environment's name for the file of the figures."""
MOST_SECONDS = 1
"""Of simulated time."""
FIGURES = (
    "done",
    "cycles",
    "beats_read",
    "beats_written",
    "differing",
    "sdram_errors",
    "refreshes",
)


@cocotb.test()
async def traffic(dut):
    """Let the source send all of its bursts."""
    dut.rst.value = 1
    await ClockCycles(dut.clk, 4)
    dut.rst.value = 0
    await First(RisingEdge(dut.done), Timer(MOST_SECONDS, "sec"))
    await ClockCycles(dut.clk, 2)
    figures = {name: int(getattr(dut, name).value) for name in FIGURES}
    Path(os.environ[RESULT]).write_text(json.dumps(figures))
