"""The table of the networks in ``examples/``: what each scores, weighs and takes on the machines.

    python -m quant zoo examples/*/*.onnx --page docs/training_results.md

Scores come from the side-cars (``export --record``), sizes from the files, cycles from compiling
them.
"""

import json
import os
from pathlib import Path

from arch.machine import machine_named
from arch.memory import memory_named
from compiler.flow import compile_file
from host.description import side_car
from quant.errors import TrainingError

MACHINES = ("ecp5_25f", "ecp5_85f")
MEMORIES = ("ideal", "sdr16_133")
CLOCK_MHZ = 100.0
HEADINGS = (
    "network",
    "data",
    "recipe",
    "AP50",
    "bits",
    "input",
    "file, KB",
    "weights, KB",
    "GBOPs",
)


def read_training(model: Path) -> dict:
    """What a network's side-car says of its training; raises :class:`TrainingError`."""
    path = side_car(model)
    try:
        return json.loads(path.read_text())["training"]
    except (OSError, ValueError, KeyError, TypeError):
        raise TrainingError(
            f"{path}: has no training record; export with --record to add one"
        ) from None


def row(model: Path, folder: Path) -> list[str]:
    """One line of the table on a page in ``folder``."""
    record = read_training(model)
    compiled = [
        compile_file(model, machine_named(machine), memory_named(memory))
        for machine in MACHINES
        for memory in MEMORIES
    ]
    picture = compiled[0].network.tensors[compiled[0].network.input]
    return [
        f"[{model.stem}]({Path(os.path.relpath(model, folder)).as_posix()})",
        f"{record['data']} {record['split']} ({record['pictures']})",
        record["name"],
        f"{100 * record['ap50']:.1f}",
        " ".join(record["bits"]),
        f"{picture.width}x{picture.height}",
        f"{model.stat().st_size / 1000:.0f}",
        f"{record['weight_bytes'] / 1000:.0f}",
        f"{record['bops'] / 1e9:.2f}",
        *(
            f"{c.prediction.cycles:,} ({CLOCK_MHZ * 1e6 / c.prediction.cycles:,.0f}/s)"
            for c in compiled
        ),
    ]


def zoo(models: list[Path], folder: Path = Path()) -> str:
    """The table, below it the command of each training: Markdown for a page in ``folder``."""
    headings = [
        *HEADINGS,
        *(
            f"cycles on {machine}, memory {memory} (frames at 100 MHz)"
            for machine in MACHINES
            for memory in MEMORIES
        ),
    ]
    rows = [headings, ["---"] * len(headings), *(row(model, folder) for model in models)]
    lines = ["| " + " | ".join(cells) + " |" for cells in rows]
    for model in models:
        lines += ["", f"`{model.stem}`:", "", f"    {read_training(model)['command']}"]
    return "\n".join(lines)
