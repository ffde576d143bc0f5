"""Command line: ``python -m boards synth BUILD`` and ``python -m boards figures``."""

import argparse
import json
import os
import sys
from pathlib import Path

from arch.command_line import Help
from arch.errors import OnefourError
from arch.machine import MACHINES, Machine, machine_named
from boards.devices import DEVICES, device_named
from boards.ecp5 import device_for
from boards.figures import figure_table, insert_table, read_records
from boards.synth import synthesise_machine


def _seeds(text: str) -> list[int]:
    try:
        seeds = [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be numbers like 1,2,3, not {text!r}") from None
    if any(seed < 0 for seed in seeds):
        raise argparse.ArgumentTypeError(f"must not be negative: {text}")
    return seeds


def _parser() -> argparse.ArgumentParser:
    defaults = {"formatter_class": Help}
    parser = argparse.ArgumentParser(
        prog="python -m boards", description="The accelerator on FPGAs.", **defaults
    )
    commands = parser.add_subparsers(dest="command", required=True)
    synth = commands.add_parser(
        "synth", help="synthesise, place and route a machine; report its size and clock", **defaults
    )
    what = synth.add_mutually_exclusive_group(required=True)
    what.add_argument("build", nargs="?", type=Path, help="build folder, which names the machine")
    what.add_argument("--machine", choices=list(MACHINES), help="machine, instead of a build")
    synth.add_argument("--device", choices=list(DEVICES), help="device (default: the machine's)")
    synth.add_argument("--seeds", type=_seeds, default="1,2,3", help="placements to make")
    synth.add_argument("--clock", type=float, default=100.0, help="clock rate to aim at, in MHz")
    synth.add_argument("--router", choices=["router1", "router2"], help="nextpnr's router")
    synth.add_argument("--out", type=Path, help="folder for everything (default: build/synth/NAME)")
    synth.add_argument("--record", type=Path, help="write the figures to this file, too")
    figures = commands.add_parser(
        "figures", help="refresh a page's table of measured figures", **defaults
    )
    figures.add_argument("page", nargs="?", type=Path, default=Path("README.md"))
    figures.add_argument("--bench", type=Path, default=Path("bench"), help="folder of the records")
    return parser


def _machine(arguments: argparse.Namespace) -> Machine:
    if arguments.machine:
        return machine_named(arguments.machine)
    from compiler.build_folder import read_build  # only a build needs the compiler's packages

    return read_build(arguments.build).machine


def _synth(arguments: argparse.Namespace) -> None:
    machine = _machine(arguments)
    device = device_named(arguments.device) if arguments.device else device_for(machine)
    folder = (arguments.out or Path("build") / "synth" / machine.name).resolve()
    report = synthesise_machine(
        machine,
        device=device,
        folder=folder,
        seeds=arguments.seeds,
        clock_mhz=arguments.clock,
        router=arguments.router,
    )
    print(report.table())
    if arguments.record:
        seeds = ",".join(str(seed) for seed in arguments.seeds)
        command = f"python -m boards synth --machine {machine.name} --seeds {seeds}"
        records = [record | {"command": command} for record in report.records()]
        arguments.record.write_text(json.dumps(records, indent=1) + "\n")


def _figures(arguments: argparse.Namespace) -> None:
    table = figure_table(read_records(arguments.bench))
    arguments.page.write_text(insert_table(arguments.page.read_text(), table))


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0, or 2 with one message on standard error when the user can mend it."""
    arguments = _parser().parse_args(argv)
    try:
        {"synth": _synth, "figures": _figures}[arguments.command](arguments)
    except OnefourError as error:
        print(f"onefour boards: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Amaranth's names come from sets: figures repeat only if the text does.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "boards", *sys.argv[1:]])
    sys.exit(main())
