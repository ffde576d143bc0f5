"""The bitstream of a SoC that LiteX has written: placed and routed like the product's own designs.

LiteX's own way, nextpnr with its usual placer, came to no end within 26 minutes for the ECPIX-5.
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from socs import NAME, Soc

from arch.files import write_whole
from boards.bitstream import pack_and_check
from boards.devices import Device
from boards.place_route.full import SYNTHESIS, needs_full_flow, place_and_route_full
from boards.place_route.netlist_edits import edit_netlist
from boards.readback.agreement import check_agreement, outputs, routed_netlist
from boards.toolchain import Placement, ToolError, place_and_route, synthesise, tool_versions

BITSTREAM, CONFIGURATION, REPORT = f"{NAME}.bit", f"{NAME}.config", "gateware.json"


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
    for name in (BITSTREAM, REPORT):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(verilog, folder / verilog.name)
    cells = synthesise(
        [verilog.name, f"{NAME}.v"], top=NAME, folder=folder, options=SYNTHESIS,
        label=f"{soc.board}: synthesis",
    )  # fmt: skip
    edit_netlist(folder / "netlist.json", cells, device)
    pins, clock = (folder / f"{NAME}.lpf").read_text(), soc.clock / 1e6
    if needs_full_flow(cells, device):
        placement = place_and_route_full(
            device=device, folder=folder, seed=seed, clock_mhz=clock, pins=pins,
            configuration=CONFIGURATION,
        )  # fmt: skip
    else:
        placement = place_and_route(
            flags=[*device.nextpnr_flags, "--lpf", f"{NAME}.lpf"], folder=folder, seed=seed,
            clock_mhz=clock, extra=outputs(seed, CONFIGURATION),
        )  # fmt: skip
        check_agreement(folder / routed_netlist(seed), folder / CONFIGURATION)
    if placement.clock_mhz < clock:
        raise ToolError(
            f"the SoC reaches {placement.clock_mhz:.2f} MHz with seed {seed}, not the {clock:g} "
            f"MHz of its clock ({placement.slowest_path}); try --clock "
            f"{int(placement.clock_mhz) - 1}e6, or another --seed"
        )
    bitstream = pack_and_check(folder, CONFIGURATION, BITSTREAM)
    made = Gateware(soc=soc, device=device, placement=placement, bitstream=bitstream)
    write_whole(folder / REPORT, json.dumps(made.record(), indent=1) + "\n")
    return made
