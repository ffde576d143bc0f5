"""How much of its bus the SDRAM controller uses: ``python -m boards.sdram.bandwidth``.

Simulated at the pins, with the memory's times checked; a few minutes. With ``--litedram``,
LiteDRAM's controller is measured beside ours, by the same source of bursts on the same memory.
"""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from arch.command_line import Help, integer, real, run_command
from arch.errors import OnefourError
from arch.files import check_target
from boards.sdram.comparison import OURS, THEIRS, Rate, sizes, write_record
from boards.sdram.part import ANY_16, ANY_32, Part
from boards.sdram.traffic import litedram_model, megabytes, send, share_of_bus, traffic_model
from sim.verilator import Model

BEATS = (1, 2, 4, 8, 16, 32, 64)
KINDS = {"reads": 1, "writes": 2, "both": 3}
ROW_OF_ANOTHER = 4096
"""Bytes from a row to the next one in the same bank."""
PLACES = ("one behind the other", "same bank, new row", "anywhere")
BURSTS = 1000
WINDOW = 1 << 20
"""Bytes of memory that are read and written: 256 rows of each bank on 16 wires."""


def _steps(beats: int, port: int) -> tuple[int, ...]:
    """Bytes from one burst to the next, as PLACES names them."""
    return (beats * port // 8, ROW_OF_ANOTHER, 0)


def _rate(model: Model, part: Part, options: argparse.Namespace, **settings: int) -> Rate:
    """One run; OnefourError if any beat or any of the memory's times was wrong."""
    found = send(model, bursts=options.bursts, window=WINDOW, **settings)
    if found.differing or found.sdram_errors or not found.done:
        raise OnefourError(f"the controller is wrong: {found}")
    return Rate(
        megabytes=round(megabytes(found, options.port, options.clock), 1),
        share=round(share_of_bus(found, part, options.port), 3),
    )


def _main(argv: list[str] | None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m boards.sdram.bandwidth", description=__doc__.splitlines()[0],
        formatter_class=Help,
    )  # fmt: skip
    parser.add_argument("--wires", type=int, choices=[16, 32], default=16)
    parser.add_argument("--port", type=int, choices=[64, 128], default=64, help="bits of a beat")
    parser.add_argument("--clock", type=real(10, 140), default=100.0, help="MHz")
    parser.add_argument("--bursts", type=integer(10), default=BURSTS)
    parser.add_argument("--litedram", action="store_true", help="LiteDRAM's controller beside ours")
    parser.add_argument("--record", type=Path, help="keep rates and sizes of both (JSON)")
    arguments = parser.parse_args(argv)
    if arguments.record:
        if not arguments.litedram:
            raise OnefourError("--record keeps a comparison; it needs --litedram")
        check_target(arguments.record)
    part = ANY_16 if arguments.wires == 16 else ANY_32
    where = (part, arguments.port, arguments.clock)
    models = {OURS: traffic_model(*where)}
    if arguments.litedram:
        models[THEIRS] = litedram_model(*where)
    for model in models.values():
        model.build()
    if arguments.litedram:
        print(f"million bytes a second and share of the bus: {OURS} / {THEIRS}")
    print(f"| bursts | beats | {' | '.join(PLACES)} |")
    print("|---|---|---|---|---|")
    found: dict[tuple[str, int, str, str], Rate] = {}
    total = len(KINDS) * len(BEATS) * len(PLACES) * len(models)
    with tqdm(total=total, disable=None, unit="run") as bar:
        for kind, number in KINDS.items():
            for beats in BEATS:
                cells = []
                for place, step in zip(PLACES, _steps(beats, arguments.port), strict=True):
                    rates = []
                    for name, model in models.items():
                        rate = _rate(model, part, arguments, kinds=number, beats=beats, step=step)
                        found[kind, beats, place, name] = rate
                        rates.append(rate)
                        bar.update()
                    cells.append(" / ".join(str(rate) for rate in rates))
                print(f"| {kind} | {beats} | {' | '.join(cells)} |", flush=True)
    if arguments.record:
        areas = sizes(*where)
        for name, size in areas.items():
            print(f"{name}: {size.slots} slots, {size.flip_flops} flip-flops (yosys)")
        write_record(arguments.record, part, arguments, found, areas)


def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    return run_command(_main, argv)


if __name__ == "__main__":
    sys.exit(main())
