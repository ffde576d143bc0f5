"""Options that name the machine and the memory that a program is for."""

import argparse
from dataclasses import replace

from arch.boards import BOARDS, DEFAULT_BOARD, Board, board_named
from arch.machine import MACHINES, machine_named
from arch.memory import IDEAL, MEMORIES, memory_named


def add_target(parser: argparse.ArgumentParser) -> None:
    """``--board``, or ``--machine``, and ``--memory``."""
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "--board",
        choices=sorted(BOARDS),
        default=DEFAULT_BOARD,
        help="board, which names machine and memory: "
        + ", ".join(
            f"{name} ({board.machine.name}, {board.memory.name})" for name, board in BOARDS.items()
        ),
    )
    target.add_argument(
        "--machine",
        choices=sorted(MACHINES),
        default=argparse.SUPPRESS,
        help=f"machine, instead of a board (its memory: {IDEAL.name})",
    )
    parser.add_argument(
        "--memory",
        choices=list(MEMORIES),
        default=argparse.SUPPRESS,
        help="memory that the program is arranged for and its cycles are told for, as in "
        "docs/memory.md (default: the board's)",
    )


def target_of(arguments: argparse.Namespace) -> Board:
    """The machine and the memory that the options ask for."""
    machine, memory = getattr(arguments, "machine", None), getattr(arguments, "memory", None)
    board = Board(machine_named(machine), IDEAL) if machine else board_named(arguments.board)
    return board if memory is None else replace(board, memory=memory_named(memory))
