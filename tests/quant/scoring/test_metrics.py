"""COCO's average precision: by hand, against a second reading, and where something is missing."""

import math

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from host.detection import Detections
from quant.scoring.metrics import evaluate_boxes

NAMES = ("disc", "ring")
NONE = Detections(boxes=np.zeros((0, 4)), scores=np.zeros(0), labels=np.zeros(0, int))
NOTHING = (np.zeros((0, 4)), np.zeros(0, int))


def detections(*rows: tuple) -> Detections:
    """From (x0, y0, x1, y1, score, label)."""
    rows = np.array(rows, float)
    return Detections(boxes=rows[:, :4], scores=rows[:, 4], labels=rows[:, 5].astype(int))


def truth(*rows: tuple) -> tuple[np.ndarray, np.ndarray]:
    """From (x0, y0, x1, y1, label)."""
    rows = np.array(rows, float)
    return rows[:, :4], rows[:, 4].astype(int)


def test_a_case_by_hand():
    expected = [truth((0, 0, 10, 10, 0), (20, 20, 30, 30, 0), (50, 50, 60, 60, 1))]
    found = [
        detections(
            (0, 0, 10, 10, 0.9, 0),  # right
            (40, 0, 50, 10, 0.8, 0),  # nothing there
            (20, 20, 30, 28, 0.7, 0),  # overlap 0.8
            (50, 50, 60, 60, 0.6, 1),  # right
        )
    ]
    scores = evaluate_boxes(found, expected, NAMES)
    # Disc: precision 1 up to a recall of 0.5 (51 of 101 points), then 2/3.
    disc = (51 + 50 * 2 / 3) / 101
    assert scores.class_ap50 == pytest.approx({"disc": disc, "ring": 1})
    assert scores.ap50 == pytest.approx((disc + 1) / 2)
    # The third box counts at the seven thresholds 0.5 to 0.8.
    assert scores.ap == pytest.approx(((7 * disc + 3 * 51 / 101) / 10 + 1) / 2)


#: Precision 1 up to a recall of 0.5 (51 of COCO's 101 points), then 2/3.
RIGHT_WRONG_RIGHT = (51 + 50 * 2 / 3) / 101


def test_area_under_a_known_curve():
    real = truth((0, 0, 10, 10, 0), (20, 0, 30, 10, 0))
    found = detections((0, 0, 10, 10, 0.9, 0), (50, 50, 60, 60, 0.8, 0), (20, 0, 30, 10, 0.7, 0))
    assert evaluate_boxes([found], [real], NAMES).ap50 == pytest.approx(RIGHT_WRONG_RIGHT)


def test_second_claim_on_a_box_is_wrong():
    real = truth((0, 0, 10, 10, 0))
    found = detections((0, 0, 10, 10, 0.9, 0), (0, 0, 10, 9, 0.95, 0))
    assert evaluate_boxes([found], [real], NAMES).ap50 == pytest.approx(1)
    second = truth((50, 50, 60, 60, 0))
    boxes = [found, detections((50, 50, 60, 60, 0.5, 0))]
    # Order of scores: right, wrong (claimed before), right.
    assert evaluate_boxes(boxes, [real, second], NAMES).ap50 == pytest.approx(RIGHT_WRONG_RIGHT)


def test_wrong_class_and_poor_overlap_do_not_count():
    real = truth((0, 0, 10, 10, 0))
    assert evaluate_boxes([detections((0, 0, 10, 10, 0.9, 1))], [real], NAMES).ap50 == 0
    assert evaluate_boxes([detections((0, 0, 10, 4.9, 0.9, 0))], [real], NAMES).ap50 == 0


def test_perfect_and_empty():
    expected = [truth((1, 2, 11, 22, 0)), NOTHING, truth((5, 5, 9, 9, 1))]
    perfect = [detections((1, 2, 11, 22, 0.5, 0)), NONE, detections((5, 5, 9, 9, 0.4, 1))]
    assert evaluate_boxes(perfect, expected, NAMES).ap == pytest.approx(1)
    nothing = evaluate_boxes([NONE] * 3, expected, NAMES)
    assert (nothing.ap50, nothing.ap) == (0, 0)


def test_classes_without_truth_do_not_count():
    scores = evaluate_boxes(
        [detections((0, 0, 9, 9, 0.9, 0), (0, 0, 9, 9, 0.9, 1))], [truth((0, 0, 9, 9, 0))], NAMES
    )
    assert scores.ap50 == pytest.approx(1)
    assert scores.class_ap50["disc"] == pytest.approx(1)
    assert math.isnan(scores.class_ap50["ring"])


@pytest.mark.parametrize("found", [NONE, detections((0, 0, 9, 9, 0.9, 1))])
def test_no_truth_at_all(found):
    scores = evaluate_boxes([found], [NOTHING], NAMES)
    assert math.isnan(scores.ap50)
    assert math.isnan(scores.ap)


def test_says_nothing(capsys):
    evaluate_boxes([NONE], [NOTHING], NAMES)
    assert capsys.readouterr() == ("", "")


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="detections of 1 pictures, truth of 2"):
        evaluate_boxes([NONE], [NOTHING] * 2, NAMES)


def box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of each box of ``a`` [n, 4] with each of ``b`` [m, 4]: [n, m]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.clip(high - low, 0, None).prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (a, b)]
    return overlap / np.maximum(areas[0][:, None] + areas[1][None] - overlap, 1e-9)


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


def test_agrees_with_a_second_reading(rng):
    """Up to COCO's 101 points of recall against every step of it."""
    found, expected = [], []
    for _ in range(30):
        corner = rng.uniform(0, 80, (8, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(10, 20, (8, 2))], 1)
        labels = rng.integers(2, size=8)
        expected.append((boxes, labels))
        moved = boxes + rng.normal(0, 1.5, boxes.shape)
        wrong = np.where(rng.random(8) < 0.2, 1 - labels, labels)
        found.append(Detections(boxes=moved, scores=rng.random(8), labels=wrong))
    each = [class_average_precision(found, expected, label, 0.5) for label in range(2)]
    ap50 = float(np.mean(each))
    scores = evaluate_boxes(found, expected, NAMES)
    assert 0.3 < ap50 < 0.95
    assert scores.ap50 == pytest.approx(ap50, abs=0.02)
    assert list(scores.class_ap50.values()) == pytest.approx(each, abs=0.02)
    assert scores.ap < scores.ap50
