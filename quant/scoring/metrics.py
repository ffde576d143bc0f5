"""Average precision as COCO measures it, by its own program (``pycocotools``)."""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from host.detection import Detections

#: As average precision is usually measured: nearly all boxes count, the worst least.
SCORE_FLOOR, OVERLAP = 0.001, 0.6
#: Best-scored boxes of a class and picture that count.
MOST_BOXES = 100


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Average precision, 0 to 1: ``ap50`` at an overlap of 0.5, ``ap`` the mean over 0.5 to 0.95.

    Both are means over the classes that the truth has; ``class_ap50`` is ``nan`` for others, and
    all are where it has none.
    """

    ap50: float
    ap: float
    class_ap50: dict[str, float]


def evaluate_boxes(
    found: Sequence[Detections],
    truth: Sequence[tuple[np.ndarray, np.ndarray]],
    names: Sequence[str],
) -> Scores:
    """Compare ``found`` with ``truth``: for each picture boxes [n, 4], x0 y0 x1 y1 in pixels, and
    labels [n].
    """
    if len(found) != len(truth):
        raise ValueError(f"detections of {len(found)} pictures, truth of {len(truth)}")
    expected = [_boxes(at, boxes, labels) for at, (boxes, labels) in enumerate(truth)]
    detected = [_boxes(at, each.boxes, each.labels, each.scores) for at, each in enumerate(found)]
    # The program prints as it goes.
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(
            _coco(expected, len(truth), len(names)), _coco(detected, len(truth), len(names)), "bbox"
        )
        evaluation.params.maxDets = [MOST_BOXES]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    # Overlaps, recalls and classes; -1 throughout for classes without truth.
    precision = evaluation.eval["precision"][:, :, :, 0, 0]
    each = precision.mean(1)
    present = each[0] >= 0
    ap50, ap = (
        float(rows[..., present].mean()) if present.any() else np.nan for rows in (each[0], each)
    )
    class_ap50 = np.where(present, each[0], np.nan).tolist()
    return Scores(ap50=ap50, ap=ap, class_ap50=dict(zip(names, class_ap50, strict=True)))


def _boxes(
    picture: int, boxes: np.ndarray, labels: np.ndarray, scores: np.ndarray | None = None
) -> list[dict]:
    """COCO's records of one picture's boxes."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    corner, size = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    records = [
        {"image_id": picture, "category_id": int(label), "bbox": bbox, "area": area, "iscrowd": 0}
        for label, bbox, area in zip(
            labels, np.concatenate([corner, size], 1).tolist(), size.prod(1).tolist(), strict=True
        )
    ]
    if scores is not None:
        for record, score in zip(records, scores, strict=True):
            record["score"] = float(score)
    return records


def _coco(records: list[list[dict]], pictures: int, classes: int) -> COCO:
    """A data set in memory; ``COCO.loadRes`` would refuse one without detections."""
    coco = COCO()
    flat = [record for each in records for record in each]
    coco.dataset = {
        "images": [{"id": at} for at in range(pictures)],
        "categories": [{"id": label} for label in range(classes)],
        # From 1: COCOeval takes a match with number 0 for none.
        "annotations": [{**record, "id": at} for at, record in enumerate(flat, 1)],
    }
    coco.createIndex()
    return coco
