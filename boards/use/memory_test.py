"""What ``python -m boards test`` does: is the memory read at the right time?"""

import argparse
import json
from contextlib import AbstractContextManager

from arch.errors import OnefourError
from arch.link import BoardRegister
from arch.machine import TINY, Machine
from boards.bitstream import REPORT
from boards.design import Design
from boards.platforms.board import Board
from boards.toolchain import check_tools
from boards.use.loader import load
from boards.use.opened import Opened, chosen_board, made_bitstream, opened
from boards.use.phase import best_phase, pack_with_phase, phases
from compiler.build_folder import read_build
from host.read_timing import wrong_at_every_timing


def test(arguments: argparse.Namespace) -> None:
    """Write patterns to the board's memory and read them, for each setting of the read timing."""
    machine = read_build(arguments.build).machine if arguments.build else TINY
    board = chosen_board(arguments, machine)
    if arguments.sweep:
        _sweep(arguments, board, machine)
        return
    with opened(arguments, board, machine) as there:
        usual, wrong = _wrong(there, arguments.bytes)
    for late, count in enumerate(wrong):
        print(f"read timing {late}: {count} of {arguments.bytes} bytes wrong")
    if wrong[usual]:
        raise OnefourError(
            f"the memory does not answer rightly at its usual read timing {usual} (good: "
            f"{_named(_good(wrong))}); see docs/boards.md, 'When memory reads wrong'"
        )
    print(f"memory of {board.title}: good at read timing {usual}")


def _wrong(there: Opened, amount: int) -> tuple[int, list[int]]:
    """The read timing that the board has, and the bytes that are wrong at each."""
    identity = there.device.identify()
    if not identity.memory_ready:
        raise OnefourError("the board's memory is not initialised; press its reset button")
    link = there.device.link
    usual = link.read_register(BoardRegister.READ_LATE)
    return usual, wrong_at_every_timing(link, there.board.memory.size, amount)


def _good(wrong: list[int]) -> list[int]:
    return [late for late, count in enumerate(wrong) if not count]


def _named(timings: list[int]) -> str:
    return ", ".join(map(str, timings)) or "none"


def _sweep(arguments: argparse.Namespace, board: Board, machine: Machine) -> None:
    """Try the phases of the memory's clock, and leave the best one on the board."""
    folder = None
    clock = arguments.clock
    if not arguments.simulate:
        check_tools()
        bitstream = made_bitstream(board, machine, arguments.out, arguments.build)
        folder = bitstream.parent.resolve()
        clock = json.loads((folder / REPORT).read_text())["clock_mhz"]
    design = Design(board=board, machine=machine, clock_mhz=clock)

    def at(phase: float) -> AbstractContextManager[Opened]:
        if folder is not None:
            load(board, pack_with_phase(folder, design, phase, keep=False))
        return opened(arguments, board, machine, phase_ns=phase)

    good = {}
    for phase in phases(design):
        with at(phase) as there:
            _, wrong = _wrong(there, arguments.bytes)
        good[phase] = _good(wrong)
        print(f"phase {phase:5.2f} ns: right at read timing {_named(good[phase])}", flush=True)
    best = best_phase(good)
    if best is None:
        raise OnefourError(
            f"no phase reads rightly at {design.pll.clock_mhz:g} MHz; build the bitstream with a "
            "lower --clock. Is the memory's chip one of those in docs/boards.md?"
        )
    phase, late = best
    print(f"best: phase {phase:.2f} ns, read timing {late}")
    if folder is not None:
        load(board, pack_with_phase(folder, design, phase, keep=True))
        print(
            f"{board.title}: the bitstream has it now, and the board until it is switched off "
            "(for good: python -m boards flash BUILD --to flash)"
        )
