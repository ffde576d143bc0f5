"""The accelerator's control port, as a host uses it, for cocotb benches."""

import warnings
from dataclasses import dataclass

from cocotb.triggers import ClockCycles, First, RisingEdge, Timer
from cocotbext.axi import AxiLiteBus, AxiLiteMaster

from arch.registers import IDENTIFIER, ErrorCode, Register

# cocotbext-axi 0.1.28 still uses names that cocotb 2 deprecates.
warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"cocotbext\.axi.*")

CLOCK_NS = 10
START, ABORT = 1, 2
DONE, ERROR = 1, 2
COUNTERS = (
    Register.CYCLES,
    Register.PASSES,
    Register.STALL_LOAD,
    Register.STALL_OUTPUT,
    Register.STALL_DRAIN,
    Register.LOADER_WAIT,
    Register.LOADS,
    Register.COMPUTED,
    Register.STORED,
    Register.READ_BEATS,
    Register.WRITE_BEATS,
)


@dataclass(frozen=True)
class Status:
    """How a run ended, or that it has not."""

    done: bool
    error: ErrorCode
    number: int


class Host:
    """Starts runs and waits for them; ``dut`` has ``clk``, ``rst``, ``irq`` and ``s_axil_*``."""

    def __init__(self, dut):
        self.dut = dut
        self.port = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
        # It reports every access otherwise.
        for part in (self.port.write_if, self.port.read_if):
            part.log.setLevel("WARNING")

    async def reset(self):
        """Reset the accelerator and check that it is one."""
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 4)
        self.dut.rst.value = 0
        await ClockCycles(self.dut.clk, 2)
        identifier = await self.read(Register.ID)
        assert identifier == IDENTIFIER, f"ID reads {identifier:#x}"

    async def read(self, register: Register) -> int:
        return await self.port.read_dword(register)

    async def write(self, register: Register, value: int):
        await self.port.write_dword(register, value)

    async def start(self, program: int, watchdog: int):
        """Start the program at byte address ``program``, with the interrupt on."""
        await self.write(Register.PROGRAM, program)
        await self.write(Register.WATCHDOG, watchdog)
        await self.write(Register.IRQ_ENABLE, DONE | ERROR)
        await self.write(Register.IRQ_STATUS, DONE | ERROR)
        await self.write(Register.CONTROL, START)

    async def abort(self):
        await self.write(Register.CONTROL, ABORT)

    async def wait(self, most_cycles: int) -> Status:
        """Wait for the interrupt, at most so many cycles, without work in between."""
        if not self.dut.irq.value:
            await First(RisingEdge(self.dut.irq), Timer(most_cycles * CLOCK_NS, "ns"))
        return await self.status()

    async def status(self) -> Status:
        status = await self.read(Register.STATUS)
        error = await self.read(Register.ERROR)
        return Status(bool(status >> 1 & 1), ErrorCode(error & 0xFF), error >> 16)

    async def counters(self) -> dict[str, int]:
        return {register.name.lower(): await self.read(register) for register in COUNTERS}
