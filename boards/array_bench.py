"""Place-and-route figures of the array with its operand memories.

    python -m boards.array_bench --machine ecp5_25f --seeds 1,2,3 --record bench/array.json

The array is fed straight from the memories: what stands between them in the machine (the alignment
of the activations) is left out. The wrapper of :mod:`boards.pinless` is left out of the slots per
product, and in everything else.
"""

import argparse
import json
import sys
from pathlib import Path

from amaranth.back import verilog
from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.command_line import Help, run_command, seeds
from arch.files import check_folder, check_target, write_whole
from arch.machine import MACHINES, Machine, machine_named
from boards.devices import LFE5U_25F, LFE5U_45F, LFE5U_85F
from boards.synth import Report, Trial, measure
from boards.toolchain import check_tools
from hw.array.array import Array
from hw.array.pass_layouts import controls, pass_control, sums_layout
from hw.memories.activation_memory import ActivationMemory
from hw.memories.weight_memory import WeightMemory
from hw.yosys import find_yosys

DEVICES = {"tiny": LFE5U_25F, "ecp5_25f": LFE5U_25F, "ecp5_45f": LFE5U_45F, "ecp5_85f": LFE5U_85F}
CLOCK_MHZ = 200.0
"""Aimed at; above what can be reached, so that the tools try as hard as they can."""


class OperandArray(wiring.Component):
    """Array and operand memories: an activation of address A in bank c goes to column c.

    Members
    -------
    control : In(pass_control), ones : In(lane_groups)
        Two cycles after the addresses of their pass.
    activation_writes, activation_addresses, weight_write, weight_addresses
        As :class:`hw.memories.activation_memory.ActivationMemory` and the weight memory have them.
    sums : Out(sums_layout(machine))
    """

    def __init__(self, machine: Machine, fabric: str):
        self.array = Array(machine, fabric)
        self.activations = ActivationMemory(machine, fabric)
        self.weights = WeightMemory(machine, fabric)
        shapes = {
            "control": pass_control(machine),
            "ones": machine.lane_groups,
            "activation_writes": self.activations.writes.shape(),
            "activation_addresses": self.activations.addresses.shape(),
            "weight_write": self.weights.write.shape(),
            "weight_addresses": self.weights.addresses.shape(),
        }
        members = {name: In(shape) for name, shape in shapes.items()}
        super().__init__(members | {"sums": Out(sums_layout(machine))})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.array = array = self.array
        m.submodules.activations = activations = self.activations
        m.submodules.weights = weights = self.weights
        m.d.comb += [
            activations.writes.eq(self.activation_writes),
            activations.addresses.eq(self.activation_addresses),
            weights.write.eq(self.weight_write),
            weights.addresses.eq(self.weight_addresses),
            *(array.passes[name].eq(self.control[name]) for name in controls(array.machine)),
            *(
                operand.eq(Cat(words))
                for operand, words in zip(array.passes.activations, activations.words, strict=True)
            ),
            array.passes.weights.eq(weights.rows),
            array.passes.ones.eq(self.ones),
            self.sums.eq(array.sums),
        ]
        return m


def measure_array(
    machine: Machine, folder: Path, placements: list[int], router: str | None = None
) -> Report:
    """Synthesise, place and route; everything the tools write goes to ``folder``."""
    find_yosys()
    core = OperandArray(machine, "ecp5")
    return measure(
        verilog.convert(core, name="operand_array", emit_src=False, strip_internal_attrs=True),
        top="operand_array",
        name=f"array.{machine.name}",
        title=f"array and operand memories alone, {machine.name}",
        device=DEVICES[machine.name],
        folder=folder,
        seeds=placements,
        clock_mhz=CLOCK_MHZ,
        config={"machine": machine.name, "binary_macs": machine.binary_macs},
        router=router,
    )


def records(report: Report, machine: Machine, command: str) -> list[dict]:
    """The report's records, and what they come to per binary product."""
    found = report.records()
    common = {key: found[0][key] for key in ("config", "tools")}
    slots = report.used("slots") - report.wrapper["slots"]
    found += [
        {
            "name": f"{report.name}.slots_per_mac",
            "label": f"LUT4 slots per binary MAC, array and operand memories, {machine.name}",
            "value": round(slots / machine.binary_macs, 3),
            "unit": "LUT4 slots",
            "better": "lower",
        },
        {
            "name": f"{report.name}.rate",
            "label": f"binary MACs per second of that array, {machine.name}",
            "value": round(machine.binary_macs * report.clock_mhz / 1e6, 3),
            "unit": "TMAC/s",
            "better": "higher",
        },
    ]
    return [record | common | {"command": command} for record in found]


def _main(argv: list[str] | None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m boards.array_bench",
        description=__doc__.splitlines()[0],
        formatter_class=Help,
    )
    parser.add_argument("--machine", default="ecp5_25f", choices=list(MACHINES))
    parser.add_argument("--seeds", type=seeds, default="1,2,3", help="placements to make")
    parser.add_argument("--router", choices=["router1", "router2"], help="nextpnr's router")
    parser.add_argument("--out", type=Path, help="folder (default: build/.array_bench/MACHINE)")
    parser.add_argument("--record", type=Path, help="write the figures to this file")
    options = parser.parse_args(argv)
    check_tools()
    machine = machine_named(options.machine)
    trial = Trial(
        machine=machine,
        device=DEVICES[machine.name],
        seeds=tuple(options.seeds),
        clock_mhz=CLOCK_MHZ,
        router=options.router,
    )
    folder = options.out or Path("build") / ".array_bench" / machine.name
    check_folder(folder)
    folder = folder.resolve()
    if options.record:
        check_target(options.record)
    report = measure_array(trial.machine, folder, list(trial.seeds), trial.router)
    print(report.table())
    command = trial.command(
        "python -m boards.array_bench", device=DEVICES[machine.name], clock_mhz=CLOCK_MHZ
    )
    found = records(report, machine, command)
    for record in found[-2:]:
        print(f"  {record['label']}: {record['value']} {record['unit']}")
    if options.record:
        write_whole(options.record, json.dumps(found, indent=1) + "\n")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; 0, or 2 with one message when the user can mend it."""
    return run_command(_main, argv)


if __name__ == "__main__":
    sys.exit(main())
