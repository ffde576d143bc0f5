"""From YOLO logits to boxes to average precision, in NumPy.

Boxes are float [n, 4], x0 y0 x1 y1 in pixels. The decoding is YOLOv5's (github.com/ultralytics/
yolov5, described in its documentation, "Eliminate grid sensitivity"):
``xy = (2 s - 0.5 + cell) * stride``, ``wh = (2 s)^2 * anchor``, ``score = objectness * class``,
with s the sigmoid of the logit.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Detections:
    """``boxes`` [n, 4], ``scores`` [n] and ``labels`` [n], best score first."""

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of each box of ``a`` [n, 4] with each of ``b`` [m, 4]: [n, m]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.clip(high - low, 0, None).prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (a, b)]
    return overlap / np.maximum(areas[0][:, None] + areas[1][None] - overlap, 1e-9)


def decode(logits: np.ndarray, stride: int, anchors: np.ndarray, floor: float) -> Detections:
    """Boxes of one detection map [anchors * (5 + classes), h, w] scoring at least ``floor``.

    Channels are anchor-major: x y w h objectness classes, for each anchor in turn. Each cell and
    anchor yields its best class only.
    """
    anchors = np.asarray(anchors, float)
    s = sigmoid(logits.reshape(len(anchors), -1, *logits.shape[1:]).astype(float))
    labels = s[:, 5:].argmax(1)
    scores = s[:, 4] * s[:, 5:].max(1)
    anchor, row, column = np.nonzero(scores >= floor)
    cell = np.stack([column, row], 1)
    at = s[anchor, :, row, column]
    centre = (2 * at[:, :2] - 0.5 + cell) * stride
    half = (2 * at[:, 2:4]) ** 2 * anchors[anchor] / 2
    kept = (anchor, row, column)
    boxes = np.concatenate([centre - half, centre + half], 1)
    return Detections(boxes=boxes, scores=scores[kept], labels=labels[kept])


def suppress(found: Detections, limit: float, most: int = 100) -> Detections:
    """Greedy per-class non-maximum suppression at intersection over union ``limit``."""
    order = np.argsort(-found.scores, kind="stable")
    iou = box_iou(found.boxes[order], found.boxes[order])
    clash = (iou > limit) & (found.labels[order][:, None] == found.labels[order])
    alive = np.ones(len(order), bool)
    for i in range(len(order)):
        if alive[i]:
            alive[i + 1 :] &= ~clash[i, i + 1 :]
    kept = order[alive][:most]
    return Detections(boxes=found.boxes[kept], scores=found.scores[kept], labels=found.labels[kept])


def detect(
    maps: list[np.ndarray], strides: tuple, anchors: tuple, floor: float = 0.01, iou: float = 0.5
) -> Detections:
    """Detections of one picture from its detection maps, each [anchors * (5 + classes), h, w]."""
    scales = [decode(m, s, a, floor) for m, s, a in zip(maps, strides, anchors, strict=True)]
    boxes, scores, labels = (
        np.concatenate([getattr(s, name) for s in scales]) for name in ("boxes", "scores", "labels")
    )
    return suppress(Detections(boxes=boxes, scores=scores, labels=labels), iou)


def class_average_precision(
    found: list[Detections],
    truth: list[tuple[np.ndarray, np.ndarray]],
    label: int,
    threshold: float,
) -> float:
    """Area under the precision-recall curve of one class; ``nan`` where the truth has none.

    A detection is right when it is the best-scored one to claim a true box that it overlaps at
    ``threshold`` or more. Precision is made non-increasing and integrated over every recall step
    (PASCAL VOC 2010 development kit, section 3.4.1).
    """
    count = sum(int((labels == label).sum()) for _, labels in truth)
    if count == 0:
        return float("nan")
    scores, right = [], []
    for detections, (boxes, labels) in zip(found, truth, strict=True):
        mine = np.flatnonzero(detections.labels == label)
        mine = mine[np.argsort(-detections.scores[mine], kind="stable")]
        iou = box_iou(detections.boxes[mine], boxes[labels == label])
        scores.extend(detections.scores[mine])
        for row in iou:
            best = int(row.argmax()) if row.size else -1
            hit = best >= 0 and row[best] >= threshold
            right.append(hit)
            if hit:
                iou[:, best] = -1  # a true box counts once
    order = np.argsort(-np.array(scores), kind="stable")
    hits = np.cumsum(np.array(right, float)[order])
    precision = hits / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float((precision * np.diff(hits, prepend=0.0)).sum() / count)


def average_precision(
    found: list[Detections],
    truth: list[tuple[np.ndarray, np.ndarray]],
    classes: int,
    threshold: float = 0.5,
) -> tuple[float, list[float]]:
    """Mean over classes, and each class's, average precision; ``truth`` holds (boxes, labels)."""
    each = [class_average_precision(found, truth, label, threshold) for label in range(classes)]
    return float(np.nanmean(each)), each
