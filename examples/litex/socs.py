"""LiteX SoCs of boards with the accelerator in them, and no CPU: a host drives them over UART."""

import importlib
import json
from dataclasses import dataclass
from pathlib import Path

from accelerator import Accelerator
from litedram.init import get_sdram_phy_init_sequence
from litex.soc.integration.builder import Builder
from litex.soc.integration.soc_core import SoCCore
from targets import TARGETS

from arch.errors import OnefourError
from arch.machine import Machine

NAME = "soc"
REGISTERS = 0x8000_0000
"""Where the accelerator's registers are: what is up there LiteX keeps out of caches."""


@dataclass(frozen=True, kw_only=True)
class Soc:
    """LiteX's SoC for a board with LiteDRAM, without a CPU, with UARTBone and the accelerator.

    ``clock`` in Hz, ``baud`` in bits a second.
    """

    board: str
    machine: Machine
    clock: float
    baud: float
    core: SoCCore

    @classmethod
    def of(cls, board: str, machine: Machine, *, device: str, clock: float, baud: float) -> "Soc":
        """Make it for one of the ``devices`` of the board's target.

        Raises :class:`OnefourError` for a clock that LiteX finds no way to make.
        """
        target = TARGETS[board]
        module = importlib.import_module(f"litex_boards.targets.{target.module}")
        try:
            core = module.BaseSoC(
                device=target.devices[device],
                sys_clk_freq=clock,
                with_led_chaser=False,
                cpu_type=None,
                with_uart=False,
                with_timer=False,
                integrated_sram_size=0,
                l2_size=0,
            )
        except (AssertionError, ValueError) as error:  # of its PLL's limits and settings
            raise OnefourError(
                f"LiteX makes no clock of {clock / 1e6:g} MHz for the {target.title} "
                f"({type(error).__name__}: {error}); its usual one is --clock {target.clock:g}"
            ) from error
        core.add_uartbone(baudrate=baud)
        core.accelerator = Accelerator(machine.axi_data_bits)
        core.accelerator.add_to(core, REGISTERS)
        return cls(board=board, machine=machine, clock=clock, baud=baud, core=core)

    def description(self) -> dict:
        """What a host must know of it, once it is built: addresses, and how its memory starts."""
        settings = self.core.sdram.controller.settings
        phy = settings.phy
        steps, _ = get_sdram_phy_init_sequence(phy, settings.timing)
        return {
            "board": self.board,
            "machine": self.machine.name,
            "clock": self.clock,
            "baud": self.baud,
            "memory": self.core.bus.regions["main_ram"].origin,
            "registers": REGISTERS,
            "initialisation": [
                {"what": what, "address": a, "bank": bank, "command": command, "cycles": cycles}
                for what, a, bank, command, cycles in steps
            ],
            # DDR3: when reads are sampled is set for each byte of the memory's width.
            "levelling": {
                "lanes": phy.databits // 8, "bitslips": phy.bitslips, "delays": phy.delays,
            } if phy.read_leveling else None,
        }  # fmt: skip


def write(soc: Soc, verilog: Path, folder: Path) -> Path:
    """Write the SoC into ``folder``; return the folder of its Verilog and pins."""
    soc.core.platform.add_source(str(verilog.resolve()))
    builder = Builder(
        soc.core, output_dir=str(folder), csr_json=str(folder / "csr.json"),
        compile_software=False, compile_gateware=False,
    )  # fmt: skip
    builder.build(build_name=NAME)
    (folder / "soc.json").write_text(json.dumps(soc.description(), indent=1) + "\n")
    return Path(builder.gateware_dir)
