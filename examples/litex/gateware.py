"""The bitstream of a SoC that LiteX has written: placed and routed like the product's own designs.

LiteX's own way, nextpnr with its usual placer, came to no end within 26 minutes for the ECPIX-5.
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from socs import NAME, Soc

from arch.files import write_whole
from boards.bitstream import make_bitstream
from boards.devices import Device
from boards.toolchain import Placement, tool_versions

BITSTREAM, REPORT = f"{NAME}.bit", "gateware.json"


@dataclass(frozen=True, kw_only=True)
class Gateware:
    """What became of a SoC."""

    soc: Soc
    device: Device
    placement: Placement
    bitstream: Path

    def record(self) -> dict:
        """The report, as it is kept beside the bitstream."""
        return {
            "board": self.soc.board,
            "machine": self.soc.machine.name,
            "device": self.device.name,
            "clock_mhz": self.soc.clock / 1e6,
            "possible_mhz": self.placement.clock_mhz,
            **{
                name: value for name, value in asdict(self.placement).items()
                if name != "clock_mhz"
            },
            "available": self.device.capacity,
            "tools": tool_versions(("litex", "litedram", *self.device.tools)),
        }  # fmt: skip

    def table(self) -> str:
        """The report for a terminal."""
        there, placement = self.device.capacity, self.placement
        used = ", ".join(
            f"{placement.used[name]:,} of {there[name]:,} {unit}"
            for name, unit in self.device.units.items()
        )
        return (
            f"{self.bitstream}: {used}; {placement.clock_mhz:.1f} MHz possible, "
            f"{self.soc.clock / 1e6:g} asked ({placement.slowest_path}); seed {placement.seed}, "
            f"placed and routed in {placement.seconds:.0f} s"
        )


def make_gateware(soc: Soc, verilog: Path, folder: Path, *, device: Device, seed: int) -> Gateware:
    """Make ``soc.bit`` and ``gateware.json`` in ``folder``, where LiteX wrote ``soc.v``.

    ``verilog`` is the accelerator's. Raises :class:`ToolError`, also where the SoC is slower than
    its clock, and where its configuration does not do what the netlist says; no bitstream is left.
    """
    (folder / REPORT).unlink(missing_ok=True)
    shutil.copy(verilog, folder / verilog.name)
    placement = make_bitstream(
        [verilog.name, f"{NAME}.v"], top=NAME, device=device, folder=folder,
        clock_mhz=soc.clock / 1e6, constraints=(folder / f"{NAME}.lpf").read_text(), seeds=[seed],
        label=soc.board, bitstream=BITSTREAM, option="--clock {}e6",
    )  # fmt: skip
    made = Gateware(soc=soc, device=device, placement=placement, bitstream=folder / BITSTREAM)
    write_whole(folder / REPORT, json.dumps(made.record(), indent=1) + "\n")
    return made
