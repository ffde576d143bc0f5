"""A board to talk to: the one that is plugged in, or its simulation."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from arch.errors import OnefourError
from arch.machine import Machine
from arch.packages import need
from boards.bitstream import BITSTREAM, REPORT
from boards.design import Design
from boards.platforms.board import Board
from boards.platforms.registry import board_named, usual_board
from host.device import Device
from host.link import Link
from host.serial_line import SerialLine, the_port

BITSTREAMS = Path("build") / ".boards"


def chosen_board(arguments: argparse.Namespace, machine: Machine) -> Board:
    return board_named(arguments.board) if arguments.board else usual_board(machine)


def bitstream_folder(board: Board, machine: Machine) -> Path:
    """Where ``build`` puts a bitstream, and ``flash`` finds it: it serves every program."""
    return BITSTREAMS / f"{board.name}-{machine.name}"


def made_bitstream(board: Board, machine: Machine, folder: Path | None, build: Path | None) -> Path:
    """The bitstream in ``folder`` (None: the usual one); OnefourError if it is none of these."""
    bitstream = (folder or bitstream_folder(board, machine)) / BITSTREAM
    if not bitstream.exists():
        raise OnefourError(
            f"{bitstream}: there is none yet; make it with: python -m boards build "
            f"{build or 'BUILD'} --board {board.name}"
        )
    report = json.loads(bitstream.with_name(REPORT).read_text())
    if report["board"] != board.name:
        raise OnefourError(f"{bitstream}: is for {report['board']}, not for {board.name}")
    return bitstream


@dataclass
class Opened:
    """A board that answers, and what a simulation of it can do besides."""

    board: Board
    device: Device
    clock_mhz: float
    simulated: object | None = None


def _clock(arguments: argparse.Namespace, board: Board, machine: Machine) -> float:
    """MHz of a board's design: what its bitstream was made for, if that is still there."""
    report = bitstream_folder(board, machine) / REPORT
    return json.loads(report.read_text())["clock_mhz"] if report.exists() else arguments.clock


@contextmanager
def opened(
    arguments: argparse.Namespace,
    board: Board,
    machine: Machine,
    verilog: str | None = None,
    phase_ns: float | None = None,
) -> Iterator[Opened]:
    """The board that is plugged in, or its simulation.

    ``verilog`` is in the accelerator's place, ``phase_ns`` in that of the design's phase; both are
    for simulations alone.
    """
    if not arguments.simulate:
        port = arguments.port or the_port(board.usb, board.title)
        line = SerialLine(port, board.baud)
        try:
            yield Opened(board, Device(Link(line)), _clock(arguments, board, machine))
        finally:
            line.close()
        return
    need("cocotb", "cocotbext")
    from boards.use.simulation import board_model, for_simulation, simulated, start_seconds

    design = for_simulation(Design(board=board, machine=machine, clock_mhz=arguments.clock))
    model = board_model(design, verilog)
    if not model.is_built:
        print(f"building the simulation of {board.title} with {machine.name}, once: minutes")
        sys.stdout.flush()
    delays = {"delay_ns": arguments.delay, "phase_ns": phase_ns}
    with simulated(design, model, folder=arguments.keep, **delays) as line:
        line.wait(start_seconds(design))
        yield Opened(board, Device(Link(line)), design.pll.clock_mhz, line)
