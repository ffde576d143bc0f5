"""LiteDRAM's SDR core, written by the user's LiteDRAM, in the place of our controller.

LiteDRAM is no part of what onefour needs: it is here to be compared with. Its generator runs as a
program of its own.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from arch.errors import OnefourError
from arch.packages import need
from boards.sdram.part import ANY_16, Part, cycles

MODULE = "litedram"
CHIP = {ANY_16.name: "MT48LC16M16"}
"""LiteDRAM's name for a chip with a part's geometry."""
DEVICE = "LFE5U-25F-6BG381C"
CHIP_BITS = 8
"""Wires of what LiteDRAM counts as one module."""
REGISTERS = {
    "CONTROL": "sdram_dfii_control",
    "COMMAND": "sdram_dfii_pi0_command",
    "ISSUE": "sdram_dfii_pi0_command_issue",
    "ADDRESS": "sdram_dfii_pi0_address",
    "BANK": "sdram_dfii_pi0_baddress",
    "DONE": "ddrctrl_init_done",
}
"""Macros of ``sim/board/litedram_pads.sv`` and LiteDRAM's names of the registers they address."""
TOOLS = ("litedram", "litex", "migen")
LAST_CHARACTERS = 1000


@dataclass(frozen=True, kw_only=True)
class Core:
    """What LiteDRAM's generator wrote."""

    verilog: str
    #: Macros of ``sim/board/litedram_pads.sv``.
    defines: dict[str, str]


def litedram_versions() -> dict[str, str]:
    """Versions of what a figure of LiteDRAM's depends on."""
    return {name: metadata.version(name) for name in TOOLS}


def litedram_core(part: Part, beat_bits: int, clock_mhz: float) -> Core:
    """LiteDRAM with one AXI4 port of ``beat_bits``, without a CPU, for ECP5.

    Raises :class:`arch.packages.MissingPackageError` where LiteDRAM is not installed, and
    OnefourError for a part that it is not asked for here.
    """
    need(*TOOLS)
    if part.name not in CHIP:
        raise OnefourError(f"LiteDRAM is compared on {', '.join(CHIP)}, not on {part.name}")
    settings = {
        "device": DEVICE,
        "cpu": "None",
        "memtype": "SDR",
        "sdram_module": CHIP[part.name],
        "sdram_module_nb": part.data_bits // CHIP_BITS,
        "sdram_phy": "GENSDRPHY",
        "sys_clk_freq": clock_mhz * 1e6,
        "cmd_buffer_depth": 8,
        "user_ports": {"axi_0": {"type": "axi", "data_width": beat_bits, "id_width": 1}},
    }
    with tempfile.TemporaryDirectory(prefix="onefour-") as scratch:
        folder = Path(scratch)
        (folder / "core.yml").write_text(json.dumps(settings))  # JSON is YAML
        ended = subprocess.run(
            [sys.executable, "-m", "litedram.gen", "core.yml", "--output-dir", "out", "--name",
             MODULE, "--no-compile"],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if ended.returncode:
            raise OnefourError(
                f"LiteDRAM's generator ended with status {ended.returncode}:\n"
                f"{(ended.stdout + ended.stderr)[-LAST_CHARACTERS:]}"
            )
        text = (folder / "out" / "gateware" / f"{MODULE}.v").read_text()
        addresses = json.loads((folder / "out" / "csr.json").read_text())["csr_registers"]
    # LiteX declares wires that go both ways as inputs.
    wires = f" wire   [{part.data_bits - 1}:0] sdram_dq"
    text = text.replace(f"input {wires}", f"inout {wires}")
    if "inout" not in text:
        raise OnefourError("LiteDRAM's Verilog has no port sdram_dq as this version knows it")
    return Core(
        verilog=text,
        defines={
            "LITEDRAM": MODULE,
            "LITEDRAM_MODE": str(cycles(part, clock_mhz).cas << 4),
            **{
                f"LITEDRAM_{name}": str(addresses[register]["addr"])
                for name, register in REGISTERS.items()
            },
        },
    )
