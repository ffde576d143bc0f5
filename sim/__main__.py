"""Command line: ``python -m sim run BUILD --image X.jpg``."""

import argparse
import sys
from pathlib import Path

from arch.command_line import Help, integer, program, real, run_command
from arch.memory import MEMORIES

MOST_LATENCY = 10_000
LARGEST_SEED = 2**32 - 1
"""The memory model's random numbers start from 32 bits."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program("sim", "sim"), description="Simulates the accelerator.",
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run",
        help="one frame of a build in RTL, compared with golden layer by layer",
        formatter_class=Help,
    )
    run.add_argument("build", type=Path, help="folder made by `python -m compiler build`")
    run.add_argument(
        "--image", type=Path, required=True, help="the picture, or codes as a .npy array"
    )
    run.add_argument("--draw", type=Path, help="write the picture with the boxes found")
    run.add_argument(
        "--machine-check",
        action="store_true",
        help="also compare every byte of memory, and check that no result depends on timing",
    )
    run.add_argument(
        "--score", type=real(0, 1), default=0.4, help="least score of a box that is drawn"
    )
    run.add_argument("--record", type=Path, help="write the figures to this file, for bench/")
    run.add_argument(
        "--stalls", type=integer(0, LARGEST_SEED), metavar="SEED", help="memory stalls at random"
    )
    run.add_argument(
        "--memory",
        choices=list(MEMORIES),
        default=argparse.SUPPRESS,
        help="memory at the port (default: the one that the build was made for)",
    )
    run.add_argument(
        "--latency",
        type=integer(1, MOST_LATENCY),
        default=argparse.SUPPRESS,
        help="read latency in cycles (default: the memory's)",
    )
    run.add_argument("--keep", type=Path, help="keep the run's files in this folder")
    run.add_argument(
        "--waves",
        action="store_true",
        help="write a waveform into the folder of --keep: tens of kilobytes for every cycle",
    )
    return parser


def _main(argv: list[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    from sim.command import run  # needs the packages of the simulation

    return run(arguments)


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0, 1 where RTL and golden differ, 2 for what the user can put right."""
    return run_command(_main, argv)


if __name__ == "__main__":
    sys.exit(main())
