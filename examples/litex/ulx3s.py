"""A LiteX SoC for the ULX3S with the accelerator in it, and no CPU: a host drives it over UART."""

import json
from pathlib import Path

from accelerator import Accelerator
from litedram.init import get_sdram_phy_init_sequence
from litex.soc.integration.builder import Builder
from litex_boards.targets.radiona_ulx3s import BaseSoC

from arch.machine import Machine

NAME = "soc"
REGISTERS = 0x8000_0000
"""Where the accelerator's registers are: what is up there LiteX keeps out of caches."""


class Soc(BaseSoC):
    """LiteX's SoC for the ULX3S with LiteDRAM, without a CPU, with UARTBone and the accelerator.

    ``device`` is LFE5U-12F, -25F, -45F or -85F; ``clock`` in Hz, ``baud`` in bits a second.
    """

    def __init__(self, machine: Machine, *, device: str, clock: float, baud: float):
        super().__init__(
            device=device,
            sys_clk_freq=clock,
            with_led_chaser=False,
            cpu_type=None,
            with_uart=False,
            with_timer=False,
            integrated_sram_size=0,
            l2_size=0,
        )
        self.machine, self.baud = machine, baud
        self.add_uartbone(baudrate=baud)
        self.accelerator = Accelerator(machine.axi_data_bits)
        self.accelerator.add_to(self, REGISTERS)

    def description(self) -> dict:
        """What a host must know of it, once it is built: addresses, and how its memory starts."""
        settings = self.sdram.controller.settings
        steps, _ = get_sdram_phy_init_sequence(settings.phy, settings.timing)
        return {
            "machine": self.machine.name,
            "clock": self.sys_clk_freq,
            "baud": self.baud,
            "memory": self.bus.regions["main_ram"].origin,
            "registers": REGISTERS,
            "initialisation": [
                {"what": what, "address": a, "bank": bank, "command": command, "cycles": cycles}
                for what, a, bank, command, cycles in steps
            ],
        }


def build(soc: Soc, verilog: Path, folder: Path, *, gateware: bool) -> None:
    """Write the SoC into ``folder``, and with ``gateware`` its bitstream, too."""
    soc.platform.add_source(str(verilog.resolve()))
    builder = Builder(
        soc, output_dir=str(folder), csr_json=str(folder / "csr.json"),
        compile_software=False, compile_gateware=gateware,
    )  # fmt: skip
    builder.build(build_name=NAME)
    (folder / "soc.json").write_text(json.dumps(soc.description(), indent=1) + "\n")
