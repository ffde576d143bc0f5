"""``python -m golden score MODEL|BUILD ... --data data.yaml``: average precision, in one table.

Labelled pictures through ONNX files in onnxruntime, through their integer networks, and through
builds' programs on the golden machine. No PyTorch.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from arch.command_line import Help, integer, program
from arch.files import check_target, write_whole
from arch.packages import need
from compiler.frontend.dialect import is_float
from compiler.frontend.reader.onnx_reader import load_model
from host.picture import open_picture
from quant.data.dataset import Dataset, read_dataset
from quant.data.labels import Sample
from quant.errors import TrainingError
from quant.scoring.kept import detections_of
from quant.scoring.metrics import Scores, evaluate_boxes
from quant.scoring.subjects import Subject, as_program, in_integers, in_runtime, runs
from quant.tables.page import write_page

PACKAGES = ("onnxruntime", "numpy", "pillow", "pycocotools")
"""What a score depends on besides ourselves."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program("golden score", "golden score"),
        description="Average precision of ONNX files in onnxruntime and of builds on the golden "
        "machine, on labelled pictures. What was found is kept: a run that was stopped goes on.",
        formatter_class=Help,
    )
    parser.add_argument(
        "subjects", metavar="MODEL|BUILD", nargs="+", type=Path, help="ONNX files, build folders"
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="data.yaml of a YOLO data set (docs/training.md)"
    )
    parser.add_argument("--split", default="val", help="which of its pictures: val, train, test")
    parser.add_argument(
        "--pictures", type=integer(1), help="the first so many of them (default: all)"
    )
    parser.add_argument(
        "--description", type=Path, help="side-car for all of them (default: MODEL.json, or "
        "the build's)"
    )  # fmt: skip
    parser.add_argument(
        "--integers", action="store_true",
        help="quantised ONNX files as integer networks too, which is what a build of them "
        "computes (always for QONNX, which onnxruntime cannot execute)",
    )  # fmt: skip
    parser.add_argument("--threads", type=integer(1), default=1, help="of onnxruntime")
    parser.add_argument("--record", type=Path, help="also write the table as JSON")
    parser.add_argument(
        "--page", type=Path,
        help="also put it into this page, where it has the name of the record (needs --record)",
    )  # fmt: skip
    return parser


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; ``seconds`` are those of this run."""

    name: str
    kind: str
    made: str
    scores: Scores
    seconds: float


def subjects_of(paths: Sequence[Path], given: Path | None, *, integers: bool,
                threads: int) -> list[Subject]:  # fmt: skip
    """What is to be scored; each is read before the first is run."""
    found = []
    for path in paths:
        if path.is_dir():
            found.append(as_program(path, given))
            continue
        executable = runs(path)
        if executable:
            found.append(in_runtime(path, given, threads))
        if not executable or (integers and not is_float(load_model(path))):
            found.append(in_integers(path, given))
    return found


def truth(samples: Sequence[Sample]) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each picture boxes [n, 4], x0 y0 x1 y1 in its pixels, and labels [n]."""
    found = []
    for sample in samples:
        size = np.array(open_picture(sample.picture).size * 2, np.float64)
        centre, extent = sample.boxes[:, :2], sample.boxes[:, 2:]
        corners = np.concatenate([centre - extent / 2, centre + extent / 2], 1)
        found.append((corners * size, sample.labels))
    return found


def check_classes(subjects: Sequence[Subject], dataset: Dataset, data: Path) -> None:
    """TrainingError where a network has other classes than the labels."""
    for subject in subjects:
        known = subject.decoding.classes
        if known not in (0, len(dataset.names)):
            raise TrainingError(
                f"{subject.name}: has {known} classes, {data} has {len(dataset.names)}; a score "
                "needs the same ones in the same order"
            )


def score(subject: Subject, samples: tuple[Sample, ...], expected: list, names: tuple) -> Row:
    """One subject on all pictures."""
    started = time.monotonic()
    found = detections_of(subject, samples)
    scores = evaluate_boxes(found, expected, names)
    return Row(
        name=subject.name, kind=subject.kind, made=subject.made, scores=scores,
        seconds=time.monotonic() - started,
    )  # fmt: skip


def lines_of(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """The table's heading and rows, with what each lost against the first."""
    lines = [("network", "executed by", "AP50", "AP", "AP50 lost", "s")]
    for row in rows:
        lost = rows[0].scores.ap50 - row.scores.ap50
        lines.append(
            (
                row.name,
                row.kind,
                f"{100 * row.scores.ap50:.1f}",
                f"{100 * row.scores.ap:.1f}",
                f"{100 * lost:.1f}" if row is not rows[0] else "",
                f"{row.seconds:.0f}",
            )
        )
    return lines


def table(rows: Sequence[Row]) -> list[str]:
    """The rows as lines of text."""
    lines = lines_of(rows)
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return [
        "  ".join(
            each.ljust(width) if place < 2 else each.rjust(width)
            for place, (each, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def markdown(rows: Sequence[Row]) -> str:
    """The rows for a page, without the seconds, which are the computer's."""
    heading, *lines = (line[:-1] for line in lines_of(rows))
    rule = ["---", "---", *["---:"] * (len(heading) - 2)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (heading, rule, *lines))


def record(rows: Sequence[Row], pictures: int, split: str, data: Path) -> str:
    """The table as JSON, with the versions of what measured it."""
    return json.dumps(
        {
            "data": f"{data.parent.name}/{data.name}",
            "split": split,
            "pictures": pictures,
            "rows": [
                {
                    "network": row.name,
                    "executed by": row.kind,
                    "made": row.made,
                    "ap50": round(row.scores.ap50, 5),
                    "ap": round(row.scores.ap, 5),
                }
                for row in rows
            ],
            "tools": {name: metadata.version(name) for name in PACKAGES},
        },
        indent=1,
    ) + "\n"  # fmt: skip


def run(argv: list[str] | None) -> int:
    """Score and print; 0, or an error for everything else."""
    arguments = _parser().parse_args(argv)
    need("yaml", "pycocotools")
    if arguments.record:
        check_target(arguments.record)
    elif arguments.page:
        raise TrainingError("--page: the table has the name of its record there; give --record")
    dataset = read_dataset(arguments.data)
    samples = dataset.split(arguments.split)[: arguments.pictures]
    subjects = subjects_of(
        arguments.subjects,
        arguments.description,
        integers=arguments.integers,
        threads=arguments.threads,
    )
    check_classes(subjects, dataset, arguments.data)
    expected = truth(samples)
    rows = [score(each, samples, expected, dataset.names) for each in subjects]
    for line in table(rows):
        print(line)
    print(f"{len(samples)} pictures of {arguments.data} ({arguments.split})")
    if arguments.record:
        told = record(rows, len(samples), arguments.split, arguments.data)
        write_whole(arguments.record, told)
    if arguments.page:
        write_page(arguments.page, arguments.record.stem, markdown(rows))
    return 0
