"""COCO's average precision: by hand, against our own, and where something is missing."""

import math

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from golden.detection import Detections
from quant.detection import average_precision
from quant.metrics import evaluate_boxes

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


def test_agrees_with_our_own(rng):
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
    ap50, each = average_precision(found, expected, 2)
    scores = evaluate_boxes(found, expected, NAMES)
    assert 0.3 < ap50 < 0.95
    assert scores.ap50 == pytest.approx(ap50, abs=0.02)
    assert list(scores.class_ap50.values()) == pytest.approx(each, abs=0.02)
    assert scores.ap < scores.ap50
