"""Command line: ``python -m boards build BUILD``, ``flash``, ``run``, ``test``, ``traffic`` and
``doctor`` for boards; ``synth BUILD``, ``resources`` and ``figures`` for the core alone."""

import argparse
import json
import os
import sys
from pathlib import Path

from arch.child import python_command
from arch.command_line import Help, integer, program, real, run_command, seeds
from arch.errors import OnefourError
from arch.files import check_folder, check_target, read_text, write_whole
from arch.machine import MACHINES, Machine, machine_named
from boards.devices import DEVICES
from boards.sdram.part import USUAL_DELAY

DEFAULT_CLOCK = 100.0
SYNTH = Path("build") / ".synth"
"""Beside the builds, under a name that no network's build has by default."""
BLOCKS = Path("build") / ".blocks"
BOARD_CLOCK = 70.0
"""MHz that a board design asks of its PLL."""
BOARD_COMMANDS = {
    "build": "make the bitstream of a board for a build's machine",
    "flash": "write that bitstream to the board",
    "run": "a picture through a board: program in, picture in, boxes out",
    "test": "test a board's memory at every read timing, and at every phase of its clock",
    "netlist": "a frame in what the bitstream says, read back and simulated, and in its source",
    "doctor": "find out what is there and what is missing",
}


def _parser() -> argparse.ArgumentParser:
    defaults = {"formatter_class": Help}
    parser = argparse.ArgumentParser(
        prog=program("boards", "boards"), description="The accelerator on FPGAs.", **defaults
    )
    commands = parser.add_subparsers(dest="command", required=True)
    synth = commands.add_parser(
        "synth", help="synthesise, place and route a machine; report its size and clock", **defaults
    )
    what = synth.add_mutually_exclusive_group(required=True)
    what.add_argument("build", nargs="?", type=Path, help="build folder, which names the machine")
    what.add_argument("--machine", choices=list(MACHINES), help="machine, instead of a build")
    synth.add_argument("--device", choices=list(DEVICES), help="device (default: the machine's)")
    synth.add_argument("--seeds", type=seeds, default="1,2,3", help="placements to make")
    synth.add_argument(
        "--clock", type=real(1, 2000), default=DEFAULT_CLOCK, help="clock rate to aim at, in MHz"
    )
    synth.add_argument("--router", choices=["router1", "router2"], help="nextpnr's router")
    synth.add_argument(
        "--out", type=Path, help="folder for everything (default: build/.synth/NAME)"
    )
    synth.add_argument("--record", type=Path, help="write the figures to this file, too")
    resources = commands.add_parser(
        "resources", help="synthesise single blocks of a machine; report their sizes", **defaults
    )
    resources.add_argument("--machine", choices=list(MACHINES), default="ecp5_25f")
    resources.add_argument(
        "--out", type=Path, help="folder for everything (default: build/.blocks/MACHINE)"
    )
    resources.add_argument("--record", type=Path, help="write the figures to this file")
    resources.add_argument("--page", type=Path, help="put the table into this page")
    figures = commands.add_parser(
        "figures", help="refresh a page's table of measured figures", **defaults
    )
    _add_board_commands(commands)
    figures.add_argument("page", nargs="?", type=Path, default=Path("README.md"))
    figures.add_argument("--bench", type=Path, default=Path("bench"), help="folder of the records")
    return parser


def _add_board_commands(commands: argparse._SubParsersAction) -> None:
    defaults = {"formatter_class": Help}
    for name, text in BOARD_COMMANDS.items():
        command = commands.add_parser(name, help=text, **defaults)
        needs_build = name in ("build", "flash", "run", "netlist")
        if name != "doctor":
            command.add_argument(
                "build", nargs=None if needs_build else "?", type=Path, help="build folder"
            )
        command.add_argument("--board", help="board (default: the one that the machine is for)")
        if name in ("build", "flash", "test", "netlist"):
            command.add_argument(
                "--out", type=Path, help="folder of the bitstream (default: below build/.boards)"
            )
        if name == "build":
            command.add_argument(
                "--seed", type=seeds, default="1,2,3", metavar="SEEDS",
                help="placement to make; of several the first that is led and fast enough",
            )  # fmt: skip
        if name in ("build", "run", "netlist"):
            command.add_argument("--record", type=Path, help="write the figures to this file, too")
        if name == "flash":
            command.add_argument(
                "--to", choices=["ram", "flash"], default="ram", help="until it is off, or for good"
            )
        if name not in ("flash", "netlist"):
            command.add_argument(
                "--clock", type=real(10, 140), default=BOARD_CLOCK, help="clock rate in MHz"
            )
        if name in ("run", "test", "doctor"):
            command.add_argument("--port", help="serial port (default: found by its USB chip)")
            command.add_argument(
                "--simulate", action="store_true", help="no board: its design in simulation"
            )
            command.add_argument("--keep", type=Path, help="folder for a simulation's files")
        if name in ("run", "test", "doctor", "netlist"):
            command.add_argument(
                "--delay", type=real(0, 20), default=USUAL_DELAY,
                help="ns that a simulated board's pads and wires take, out and in together",
            )  # fmt: skip
        if name in ("run", "netlist"):
            text = "the picture" + (", or a folder of them" if name == "run" else "")
            command.add_argument("--image", type=Path, required=True, help=text)
    run = commands.choices["run"]
    run.add_argument(
        "--draw", type=Path, help="write the picture with the boxes found; a folder for a folder"
    )
    run.add_argument(
        "--one-by-one", action="store_true",
        help="of a folder: no picture goes in before the last one's results are out",
    )  # fmt: skip
    run.add_argument("--score", type=real(0, 1), default=0.4, help="least score of a box")
    run.add_argument(
        "--whole-link", action="store_true",
        help="load a simulated board's program over the line, too: slow",
    )  # fmt: skip
    moved = commands.add_parser(
        "traffic", help="what frames move over a line, and how long that takes", **defaults
    )
    moved.add_argument("build", type=Path, help="build folder")
    moved.add_argument("--image", type=Path, nargs="+", required=True, help="pictures")
    moved.add_argument("--score", type=real(0, 1), default=0.4, help="least score of a box")
    moved.add_argument("--record", type=Path, help="write the figures to this file, too")
    test = commands.choices["test"]
    test.add_argument(
        "--bytes", type=integer(256), default=65536, help="to write and read, for each setting"
    )
    test.add_argument(
        "--sweep", action="store_true",
        help="try the phases of the memory's clock, too, and keep the best one",
    )  # fmt: skip


def _board(arguments: argparse.Namespace) -> None:
    from boards.use import commands, memory_test, netlist  # need the packages of boards

    place = {"test": memory_test, "netlist": netlist}.get(arguments.command, commands)
    getattr(place, arguments.command)(arguments)


def _traffic(arguments: argparse.Namespace) -> None:
    from boards.use.traffic import traffic

    traffic(arguments)


def _machine(arguments: argparse.Namespace) -> Machine:
    if arguments.machine:
        return machine_named(arguments.machine)
    from compiler.build_folder import read_build  # only a build needs the compiler's packages

    return read_build(arguments.build).machine


def _synth(arguments: argparse.Namespace) -> None:
    from boards.devices import GowinDevice, device_named
    from boards.ecp5 import device_for
    from boards.gowin import check_gowin_tools
    from boards.gowin import synthesise_machine as synthesise_for_gowin
    from boards.synth import Trial, synthesise_machine
    from boards.toolchain import check_tools

    machine = _machine(arguments)
    device = device_named(arguments.device) if arguments.device else device_for(machine)
    gowin = isinstance(device, GowinDevice)
    if gowin and arguments.router:
        raise OnefourError(f"--router is for ECP5; {device.name} takes nextpnr's own choice")
    check_gowin_tools() if gowin else check_tools()
    trial = Trial(
        machine=machine,
        device=device,
        seeds=tuple(arguments.seeds),
        clock_mhz=arguments.clock,
        router=arguments.router,
    )
    folder = arguments.out or SYNTH / machine.name
    check_folder(folder)
    folder = folder.resolve()
    if arguments.record:
        check_target(arguments.record)
    report = (synthesise_for_gowin if gowin else synthesise_machine)(trial, folder)
    print(report.table())
    print(f"{folder}: report and logs")
    if arguments.record:
        command = trial.command(
            "python -m boards synth", device=device_for(machine), clock_mhz=DEFAULT_CLOCK
        )
        records = [record | {"command": command} for record in report.records()]
        write_whole(arguments.record, json.dumps(records, indent=1) + "\n")


def _resources(arguments: argparse.Namespace) -> None:
    from boards.resources import insert_blocks, measure_blocks, table

    folder = (arguments.out or BLOCKS / arguments.machine).resolve()
    check_folder(folder)
    if arguments.record:
        check_target(arguments.record)
    page = read_text(arguments.page) if arguments.page else None
    figures = measure_blocks(machine_named(arguments.machine), folder)
    print(table(figures))
    if page is not None:
        write_whole(arguments.page, insert_blocks(page, figures))
    if arguments.record:
        write_whole(arguments.record, figures.to_json())


def _figures(arguments: argparse.Namespace) -> None:
    from boards.figures import figure_table, insert_table, read_records

    page = read_text(arguments.page)
    table = figure_table(read_records(arguments.bench))
    write_whole(arguments.page, insert_table(page, table))


def _main(argv: list[str] | None) -> None:
    arguments = _parser().parse_args(argv)
    commands = {"synth": _synth, "resources": _resources, "figures": _figures,
                "traffic": _traffic}  # fmt: skip
    commands |= dict.fromkeys(BOARD_COMMANDS, _board)
    commands[arguments.command](arguments)


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0, or 2 with one message on standard error when the user can mend it."""
    return run_command(_main, argv)


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Amaranth's names come from sets: figures repeat only if the text does.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, python_command("boards", sys.argv[1:]))
    sys.exit(main())
