"""Scores of trainings as JSON records, and tables of them.

A record says what was trained, how, with what, and what it scored; equal trainings with other seeds
become one row of a table, with mean and spread.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from quant.errors import TrainingError
from quant.runs.settings import Settings

if TYPE_CHECKING:
    from quant.model.detector import Detector
    from quant.scoring.metrics import Scores

PACKAGES = ("torch", "numpy", "pycocotools")
#: What a table needs of a record.
KEYS = {
    "name", "model", "data", "split", "epochs", "seed", "ap50", "ap", "weight_bytes", "bops",
    "bits", "command",
}  # fmt: skip
COLUMNS = (
    "data", "network", "recipe", "epochs", "seeds", "AP50", "spread", "AP", "weights, KB", "GBOPs",
    "bits",
)  # fmt: skip


def command_of(settings: Settings) -> str:
    """The command line of a training, but for its folders."""
    options = settings.options
    flags = [f"--no-{name}" for name in ("ema", "correction") if not getattr(options, name)]
    flags += ["--progressive"] * options.progressive
    flags += ["--all-binary"] * options.all_binary
    flags += [f"--bits {settings.bits}"] * (settings.bits is not None)
    flags += ["--weights START_RUN"] * (settings.weights is not None)
    flags += [f"--rate {settings.rate:g}"] * (settings.rate != 1.0)
    return " ".join(
        [
            f"python -m quant train --data data.yaml --recipe {settings.recipe}",
            f"--model {settings.model} --size {settings.width}x{settings.height}",
            f"--fit {settings.fit} --augmentation {settings.augmentation}",
            f"--epochs {settings.epochs} --batch {settings.batch} --seed {settings.seed}",
            *flags,
            "--out RUN",
        ]
    )


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What was scored, and on which pictures: what ``eval`` does, and what its record says of it.

    ``data`` is the data.yaml, ``machine`` that of the build whose program was scored (None: the
    network itself).
    """

    data: Path
    split: str
    uncorrected: bool = False
    machine: str | None = None

    @property
    def note(self) -> str:
        """What is added to the recipe's name."""
        return ", before QC" * self.uncorrected + ", compiled" * (self.machine is not None)

    def command(self, settings: Settings) -> str:
        """The command line of the evaluation, but for its folders."""
        words = [f"python -m quant eval RUN --split {self.split}"]
        if self.data.resolve() != Path(settings.data).resolve():
            words.append("--data data.yaml")
        words += ["--uncorrected"] * self.uncorrected
        if self.machine is not None:
            words.append("--build BUILD")
        return " ".join(words)


def make_record(
    model: Detector, settings: Settings, scores: Scores, evaluation: Evaluation, *, pictures: int
) -> dict:
    """What ``eval --record`` writes."""
    # A table of records needs no PyTorch.
    from quant.runs.run_folder import build_recipe
    from quant.scoring.accounting import compression, layer_costs

    size = compression(layer_costs(model))
    bits = {str(layer.precision) for layer in model.convolutions()}
    record = {
        "name": f"{build_recipe(settings).name}{evaluation.note}",
        "model": settings.model,
        "data": evaluation.data.parent.name,
        "split": evaluation.split,
        "pictures": pictures,
        "epochs": settings.epochs,
        "seed": settings.seed,
        "ap50": round(scores.ap50, 5),
        "ap": round(scores.ap, 5),
        "class_ap50": {k: round(v, 5) for k, v in scores.class_ap50.items()},
        "parameters": size.parameters,
        "weight_bytes": round(size.bytes),
        "bops": size.bops,
        "size_ratio": round(size.size, 2),
        "operations_ratio": round(size.operations, 2),
        "bits": sorted(bits),
        "command": command_of(settings),
        "evaluation": evaluation.command(settings),
        "tools": {name: metadata.version(name) for name in PACKAGES},
    }
    if evaluation.machine is not None:
        record["machine"] = evaluation.machine
    if evaluation.data.resolve() != Path(settings.data).resolve():
        record["trained_on"] = Path(settings.data).parent.name
    return record


def read_records(paths: list[Path]) -> list[dict]:
    """Records from files; raises :class:`TrainingError`."""
    records = []
    for path in paths:
        try:
            record = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise TrainingError(f"{path}: not a record of eval --record ({error})") from None
        if not isinstance(record, dict) or KEYS - record.keys():
            raise TrainingError(f"{path}: not a record of eval --record")
        records.append(record)
    return records


def table(records: list[dict]) -> str:
    """A Markdown table, one row for each network and recipe, in the order of their first record.

    ``spread`` is the largest score less the smallest over the seeds, in points.
    """
    groups: dict[tuple, list[dict]] = defaultdict(list)
    for record in records:
        told = re.sub(r" --seed \d+", "", record["command"])
        groups[record["model"], record["name"], record["data"], record["split"], told].append(
            record
        )
    rows = [COLUMNS, ("---",) * len(COLUMNS)]
    for (model, name, data, *_), group in groups.items():
        ap50 = np.array([100 * r["ap50"] for r in group])
        first = group[0]
        rows.append(
            (
                data,
                model,
                name,
                str(first["epochs"]),
                ", ".join(str(r["seed"]) for r in group),
                f"{ap50.mean():.1f}",
                f"{ap50.max() - ap50.min():.1f}" if len(group) > 1 else "",
                f"{np.mean([100 * r['ap'] for r in group]):.1f}",
                f"{first['weight_bytes'] / 1000:.0f}",
                f"{first['bops'] / 1e9:.2f}",
                " ".join(first["bits"]),
            )
        )
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
