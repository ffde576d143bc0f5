"""How much of its bus the SDRAM controller uses: ``python -m boards.sdram.bandwidth``.

Simulated at the pins, with the memory's times checked; a few minutes.
"""

import argparse
import sys

from tqdm import tqdm

from arch.command_line import Help, integer, real, run_command
from arch.errors import OnefourError
from boards.sdram.part import ANY_16, ANY_32
from boards.sdram.traffic import megabytes, send, share_of_bus, traffic_model

BEATS = (1, 2, 4, 8, 16, 32, 64)
KINDS = {"reads": 1, "writes": 2, "both": 3}
ROW_OF_ANOTHER = 4096
"""Bytes from a row to the next one in the same bank."""
BURSTS = 1000


def _main(argv: list[str] | None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m boards.sdram.bandwidth", description=__doc__.splitlines()[0],
        formatter_class=Help,
    )  # fmt: skip
    parser.add_argument("--wires", type=int, choices=[16, 32], default=16)
    parser.add_argument("--port", type=int, choices=[64, 128], default=64, help="bits of a beat")
    parser.add_argument("--clock", type=real(10, 140), default=100.0, help="MHz")
    parser.add_argument("--bursts", type=integer(10), default=BURSTS)
    arguments = parser.parse_args(argv)
    part = ANY_16 if arguments.wires == 16 else ANY_32
    model = traffic_model(part, arguments.port, arguments.clock).build()
    print("| bursts | beats | one behind the other | same bank, new row | anywhere |")
    print("|---|---|---|---|---|")
    total = len(KINDS) * len(BEATS) * 3
    with tqdm(total=total, disable=None, unit="run") as bar:
        for kind, number in KINDS.items():
            for beats in BEATS:
                cells = []
                for step in (beats * arguments.port // 8, ROW_OF_ANOTHER, 0):
                    found = send(
                        model, kinds=number, beats=beats, step=step, bursts=arguments.bursts,
                        window=part.size // 2,
                    )  # fmt: skip
                    if found.differing or found.sdram_errors:
                        raise OnefourError(f"the controller is wrong: {found}")
                    rate = megabytes(found, arguments.port, arguments.clock)
                    cells.append(f"{rate:.0f} ({share_of_bus(found, part, arguments.port):.0%})")
                    bar.update()
                print(f"| {kind} | {beats} | {' | '.join(cells)} |", flush=True)


def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    return run_command(_main, argv)


if __name__ == "__main__":
    sys.exit(main())
