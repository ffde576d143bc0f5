"""A trained network as a QONNX file, with the side-car that says how to read its results."""

import json
from pathlib import Path

import torch

from host.description import side_car
from quant.errors import TrainingError
from quant.exports.export_qonnx import export
from quant.model.detector import Detector
from quant.model.policy import FLOAT
from quant.runs.run_folder import load_final
from quant.tables.record import read_records


def description(model: Detector, fit: str) -> dict:
    """The side-car: see ``host.description``."""
    record = {
        "head": "yolov5",
        "classes": list(model.task.names),
        "strides": list(model.task.strides),
        "anchors": [[list(pair) for pair in scale] for scale in model.task.anchors],
        "outputs": list(model.task.output_names),
        "input": {"colour": "rgb", "scale": "1/255", "fit": fit},
    }
    if model.integer:
        # The file's results are integers; these make logits of them.
        record["scales"] = model.units()
    return record


def example(model: Detector) -> torch.Tensor:
    """An input of the right shape and type: networks of integers take the picture's bytes."""
    kind = torch.uint8 if model.integer else torch.float32
    return torch.zeros(1, 3, model.task.height, model.task.width, dtype=kind)


def export_run(run: Path, out: Path, scores: Path | None = None) -> tuple[Path, Path]:
    """Export the network of a training's folder; return the paths of network and side-car.

    ``scores``, a record of ``eval``, becomes part of the side-car.

    Raises :class:`TrainingError` for a network that is not quantised.
    """
    model, settings = load_final(run)
    if all(layer.precision.weights == FLOAT for layer in model.convolutions()):
        raise TrainingError(f"{run}: recipe {settings.recipe!r} quantises nothing to export")
    if model.integer:
        # Its integers and factors become constants of the file: exact, as for scores.
        model = model.double()
    out.parent.mkdir(parents=True, exist_ok=True)
    export(model, out, example(model), model.task.output_names)
    record = description(model, settings.fit)
    if scores is not None:
        record["training"] = read_records([scores])[0]
    beside = side_car(out)
    beside.write_text(json.dumps(record, indent=1) + "\n")
    return out, beside
