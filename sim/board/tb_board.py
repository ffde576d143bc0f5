"""Serves :mod:`sim.board.transport`: time goes on only while the host asks for something."""

import os
from multiprocessing.connection import Client

import cocotb
from cocotb.triggers import Timer, ValueChange
from cocotb.utils import get_sim_time

ADDRESS = "ONEFOUR_SOCKET"
"""The environment's name for the socket of the host."""
CHUNK = 256
"""Bytes that go to and from the line at once; as in line_host.sv."""
PULSE_NS = 100


async def give(dut, content: bytes):
    for at in range(0, len(content), CHUNK):
        part = content[at : at + CHUNK]
        dut.bytes.value = int.from_bytes(part, "little")
        dut.given.value = len(part)
        await Timer(1, "ps")
        dut.give.value = 1 - int(dut.give.value)
        await Timer(1, "ps")


async def take(dut, count: int, seconds: float) -> bytes:
    """At most ``count`` bytes; fewer where they do not come in time."""
    found = b""
    while len(found) < count:
        part = min(CHUNK, count - len(found))
        dut.wanted.value, dut.patience.value = part, max(1, round(seconds * 1e9))
        await Timer(1, "ps")
        dut.want.value = 1 - int(dut.want.value)
        await ValueChange(dut.enough)
        taken = int(dut.taken.value)
        if taken:
            found += int(dut.answer.value).to_bytes(CHUNK, "little")[:taken]
        if taken < part:
            break
    return found


async def pulse(dut, name: str, seconds: float = PULSE_NS * 1e-9):
    getattr(dut, name).value = 1
    await Timer(round(seconds * 1e9), "ns")
    getattr(dut, name).value = 0
    await Timer(PULSE_NS, "ns")


@cocotb.test()
async def board(dut):
    """Do what the host asks for, until it hangs up."""
    for name in ("give", "given", "want", "wanted", "patience", "button", "load", "dump"):
        getattr(dut, name).value = 0
    await Timer(PULSE_NS, "ns")
    with Client(os.environ[ADDRESS], "AF_UNIX") as host:
        while True:
            try:
                request, *arguments = host.recv()
            except EOFError:
                return
            answer = None
            if request == "give":
                await give(dut, *arguments)
            elif request == "take":
                answer = await take(dut, *arguments)
            elif request == "pulse":
                await pulse(dut, *arguments)
            elif request == "wait":
                await Timer(max(1, round(arguments[0] * 1e9)), "ns")
            elif request == "dump":
                dut.dump_first.value, dut.dump_last.value = arguments
                await pulse(dut, "dump")
                answer = int(dut.sdram_errors.value)
            else:
                raise ValueError(request)
            host.send((answer, get_sim_time("ns") * 1e-9))
