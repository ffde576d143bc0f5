"""Synthesis, placement and routing of a machine for ECP5, core only: pins are virtual."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from arch.files import check_folder, write_whole
from arch.machine import Machine
from boards.devices import Device, GowinDevice
from boards.pinless import WRAPPER, module_ports, wrap, wrapper_cost
from boards.place_route.full import ROUTER, SYNTHESIS, needs_full_flow, place_and_route_full
from boards.place_route.netlist_edits import edit_netlist
from boards.toolchain import Placement, place_and_route, synthesise, tool_versions

CORE, BENCH = "core.v", "pinless.v"
RECORD = "report.json"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What is measured and how: what the tools are told, and what a record's command says."""

    machine: Machine
    device: Device | GowinDevice
    seeds: tuple[int, ...]
    clock_mhz: float
    router: str | None = None

    def command(self, program: str, *, device: Device | GowinDevice, clock_mhz: float) -> str:
        """The command line that repeats it; ``device`` and ``clock_mhz`` are its defaults."""
        seeds = ",".join(str(seed) for seed in self.seeds)
        words = [program, f"--machine {self.machine.name} --seeds {seeds}"]
        if self.device != device:
            words.append(f"--device {self.device.name}")
        if self.clock_mhz != clock_mhz:
            words.append(f"--clock {self.clock_mhz!r}")
        if self.router is not None:
            words.append(f"--router {self.router}")
        return " ".join(words)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What synthesis, placement and routing of one core gave."""

    name: str
    #: Of the figures, for people.
    title: str
    device: Device | GowinDevice
    config: dict
    #: Cells by type before placement.
    cells: dict[str, int]
    #: What the bench wrapper adds to slots and flip-flops.
    wrapper: dict[str, int]
    placements: tuple[Placement, ...]

    @property
    def clock_mhz(self) -> float:
        """Median over the seeds."""
        return round(median(p.clock_mhz for p in self.placements), 2)

    def used(self, resource: str) -> int:
        """Median over the seeds, the wrapper's share included."""
        return round(median(p.used[resource] for p in self.placements))

    def records(self) -> list[dict]:
        """Benchmark records: name, value, unit, better, config, tools, seeds."""
        common = {
            "config": self.config | {"device": self.device.name, "speed": self.device.speed},
            "tools": tool_versions(self.device.tools),
        }
        clock = {
            "name": f"{self.name}.clock",
            "label": f"{self.title}: clock",
            "value": self.clock_mhz,
            "unit": "MHz",
            "better": "higher",
            "seeds": {str(p.seed): p.clock_mhz for p in self.placements},
            "slowest_paths": {str(p.seed): p.slowest_path for p in self.placements},
        }
        sizes = [
            {
                "name": f"{self.name}.{resource}",
                "label": f"{self.title}: {resource.replace('_', ' ')}",
                "value": self.used(resource),
                "unit": self.device.units[resource],
                "better": "lower",
                "available": self.device.capacity[resource],
                "wrapper": self.wrapper.get(resource, 0),
                "seeds": {str(p.seed): p.used[resource] for p in self.placements},
            }
            for resource in self.device.units
        ]
        return [record | common for record in (clock, *sizes)]

    def table(self) -> str:
        """The report as text, for a terminal."""
        lines = [f"{self.name} on {self.device.name}, speed grade {self.device.speed}"]
        for resource in self.device.units:
            unit, used = self.device.units[resource], self.used(resource)
            there = self.device.capacity[resource]
            lines.append(f"  {unit:<12} {used:>7} of {there:>7}  {used / there:>6.1%}")
        lines += [
            f"  clock, seed {p.seed:<4} {p.clock_mhz:>7.2f} MHz   ({p.seconds:.0f} s)"
            + (f"   {p.slowest_path}" if p.slowest_path else "")
            for p in self.placements
        ]
        lines.append(f"  clock, median    {self.clock_mhz:>7.2f} MHz")
        return "\n".join(lines)


def measure(
    verilog: str,
    *,
    top: str,
    name: str,
    title: str,
    device: Device,
    folder: Path,
    seeds: list[int],
    clock_mhz: float,
    config: dict,
    router: str | None = None,
    options: str = "",
) -> Report:
    """Synthesise the module ``top`` of ``verilog`` in a pinless wrapper; place it once per seed.

    Everything lands in ``folder``,
    the records in ``report.json``. ``clock_mhz`` is what nextpnr aims at. Raises
    :class:`boards.toolchain.ToolError`.
    """
    check_folder(folder)
    ports = module_ports(verilog, top)
    (folder / CORE).write_text(verilog)
    (folder / BENCH).write_text(wrap(top, ports))
    cells = synthesise(
        [CORE, BENCH], top=WRAPPER, folder=folder, options=options, label=f"{name}: synthesis"
    )
    edit_netlist(folder / "netlist.json", cells, device)
    full = router is None and needs_full_flow(cells, device)
    if full:
        router, flow = ROUTER, "full"
        placements = [
            place_and_route_full(device=device, folder=folder, seed=seed, clock_mhz=clock_mhz)
            for seed in seeds
        ]
    else:
        flow = "default"
        placements = [
            place_and_route(
                flags=device.nextpnr_flags,
                folder=folder,
                seed=seed,
                clock_mhz=clock_mhz,
                router=router,
            )
            for seed in seeds
        ]
    report = Report(
        name=name,
        title=title,
        device=device,
        config=config | {"target_mhz": clock_mhz, "flow": flow, "router": router or "default"},
        cells=cells,
        wrapper=wrapper_cost(ports),
        placements=tuple(placements),
    )
    write_whole(folder / RECORD, json.dumps(report.records(), indent=1) + "\n")
    return report


def machine_verilog(machine: Machine, fabric: str = "ecp5") -> str:
    """The machine's Verilog for a fabric."""
    from hw.verilog import generate  # slow to import, and not needed to print a table

    return generate(machine, fabric)


def machine_config(machine: Machine) -> dict:
    """What a record says of a machine."""
    sizes = {k: v for k, v in asdict(machine).items() if k != "name"}
    return {"machine": machine.name, "binary_macs": machine.binary_macs, **sizes}


def synthesise_machine(trial: Trial, folder: Path) -> Report:
    """Measure a whole machine on an ECP5."""
    machine = trial.machine
    return measure(
        machine_verilog(machine),
        top="accelerator",
        name=machine.name,
        title=f"whole core, {machine.name}",
        device=trial.device,
        folder=folder,
        seeds=list(trial.seeds),
        clock_mhz=trial.clock_mhz,
        config=machine_config(machine),
        router=trial.router,
        options=SYNTHESIS,
    )
