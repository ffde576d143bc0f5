"""The study: a float network's average precision with its weights quantised in many ways.

    python -m quant study yolov5n.onnx --data coco128/data.yaml --record study.json

Weights only; everything else stays float (Baghbanbashi et al., see ``schemes``). What an
accelerator makes of the schemes is in docs/post_training.md.
"""

import json
import math
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
from onnx import ModelProto
from tqdm import tqdm

from arch.files import write_whole
from host.description import Description, read_head, side_car
from quant.data.dataset import read_dataset
from quant.data.pictures import Loaded, load_pictures
from quant.errors import TrainingError
from quant.exports.onnx_file import read_onnx
from quant.post_training.granularity import GRANULARITIES, HALF_BITS, quantise_weights
from quant.post_training.onnx_network import (
    OnnxNetwork,
    convolution_weights,
    with_weights,
)
from quant.post_training.schemes import SCHEMES
from quant.scoring.evaluate import boxes, predict
from quant.scoring.metrics import Scores, evaluate_boxes

BITS = range(2, 9)
PACKAGES = ("onnxruntime", "numpy", "pycocotools")
COLUMNS = (
    "weights", "scheme", "granularity", "AP50", "AP", "AP lost", "smaller than FP16", "SQNR, dB",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to quantise: its scores, bits of all weights with their parameters, and ``sqnr``,
    the weights' energy over that of their errors in dB (None: no errors). The float network has no
    scheme.
    """

    bits: int
    scheme: str
    granularity: str
    ap50: float
    ap: float
    weight_bits: int
    sqnr: float | None


def score_network(network: OnnxNetwork, loaded: Loaded) -> Scores:
    """Average precision of an ONNX network on a split."""
    head = network.description.head
    found = boxes(predict(network, loaded.pixels), network.described(), head)
    return evaluate_boxes(found, loaded.truth(), head.classes)


def study(
    model: ModelProto,
    description: Description,
    data: Path,
    *,
    split: str = "val",
    bits: tuple[int, ...] = (4,),
) -> list[Row]:
    """The float network's row, then one for each of ``bits``, scheme and granularity."""
    weights = convolution_weights(model)
    count = sum(w.size for w in weights.values())
    energy = sum(float((w.astype(np.float64) ** 2).sum()) for w in weights.values())
    network = OnnxNetwork(model, description)
    loaded = load_pictures(
        read_dataset(data).split(split),
        height=network.height,
        width=network.width,
        fit=description.fit,
        progress=split,
    )
    scores = score_network(network, loaded)
    first = {"bits": 32, "scheme": "float", "granularity": "", "sqnr": None}
    rows = [Row(**first, ap50=scores.ap50, ap=scores.ap, weight_bits=count * HALF_BITS)]
    cases = [(b, s, g) for b in bits for s in SCHEMES.values() for g in GRANULARITIES]
    for width, scheme, granularity in tqdm(cases, desc="study"):
        quantised = quantise_weights(weights, scheme, width, granularity)
        changed = with_weights(model, {name: q.values for name, q in quantised.items()})
        scores = score_network(OnnxNetwork(changed, description), loaded)
        error = sum(q.squared_error for q in quantised.values())
        rows.append(
            Row(
                bits=width,
                scheme=scheme.name,
                granularity=granularity,
                ap50=scores.ap50,
                ap=scores.ap,
                weight_bits=sum(q.bits for q in quantised.values()),
                sqnr=10 * math.log10(energy / error) if error else None,
            )
        )
    return rows


def read_study(
    path: Path, data: Path, *, split: str, bits: tuple[int, ...], description: Path | None
) -> list[Row]:
    """:func:`study` of a file, by default with the side-car beside it; checks ``bits``."""
    for width in bits:
        if width not in BITS:
            raise TrainingError(f"weights of {width} bits; expected {BITS[0]} to {BITS[-1]}")
    model, told = read_onnx(path), read_head(description or side_car(path))
    try:
        return study(model, told, data, split=split, bits=bits)
    except TrainingError as error:
        raise TrainingError(f"{path}: {error}") from None


def write_study(
    path: Path, rows: list[Row], network: str, data: str, command: str
) -> None:
    """Keep the rows as JSON, with the versions of what measured them."""
    record = {
        "network": network,
        "data": data,
        "rows": [asdict(row) for row in rows],
        "command": command,
        "tools": {name: metadata.version(name) for name in PACKAGES},
    }
    write_whole(path, json.dumps(record, indent=1) + "\n")


def table(rows: list[Row]) -> str:
    """The rows in Markdown; what is lost and saved is against the first one, the float network."""
    first = rows[0]
    lines = [COLUMNS, ("---",) * len(COLUMNS)]
    for row in rows:
        quantised = row is not first
        lines.append(
            (
                f"{row.bits} bits",
                row.scheme,
                row.granularity,
                f"{100 * row.ap50:.1f}",
                f"{100 * row.ap:.1f}",
                f"{100 * (first.ap - row.ap):.1f}" if quantised else "",
                f"{first.weight_bits / row.weight_bits:.2f}" if quantised else "",
                f"{row.sqnr:.1f}" if row.sqnr is not None else "",
            )
        )
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
