"""Decoding, suppression and average precision against values worked out by hand."""

import numpy as np
import pytest

from quant.detection import Detections, average_precision, box_iou, decode, detect, suppress

NONE = Detections(boxes=np.zeros((0, 4)), scores=np.zeros(0), labels=np.zeros(0, int))


def detections(*rows: tuple) -> Detections:
    """From (x0, y0, x1, y1, score, label)."""
    rows = np.array(rows, float)
    return Detections(boxes=rows[:, :4], scores=rows[:, 4], labels=rows[:, 5].astype(int))


def truth(*rows: tuple) -> tuple[np.ndarray, np.ndarray]:
    """From (x0, y0, x1, y1, label)."""
    rows = np.array(rows, float).reshape(-1, 5)
    return rows[:, :4], rows[:, 4].astype(int)


def test_iou():
    a = np.array([[0, 0, 10, 10], [0, 0, 4, 4]])
    b = np.array([[5, 0, 15, 10], [20, 20, 30, 30], [0, 0, 10, 10]])
    np.testing.assert_allclose(box_iou(a, b), [[1 / 3, 0, 1], [0, 0, 0.16]])


def test_zero_logits_decode_to_the_cell_centre_and_the_anchor():
    logits = np.full((2 * 7, 3, 4), -20.0)
    # Second anchor, row 1, column 2: 7 channels x y w h objectness and two classes.
    logits[7:, 1, 2] = [0, 0, 0, 0, 20, -20, 20]
    found = decode(logits, stride=8, anchors=[[10, 10], [16, 24]], floor=0.5)
    # centre = (2 * 0.5 - 0.5 + cell) * 8, size = (2 * 0.5)^2 * anchor
    np.testing.assert_allclose(found.boxes, [[20 - 8, 12 - 12, 20 + 8, 12 + 12]])
    assert found.labels.tolist() == [1]
    np.testing.assert_allclose(found.scores, [1], atol=1e-6)


def test_score_is_objectness_times_class():
    logits = np.zeros((6, 1, 1))
    logits[4:, 0, 0] = [np.log(3), np.log(4)]  # sigmoid 0.75 and 0.8
    found = detect([logits], (8,), (((8, 8),),))
    np.testing.assert_allclose(found.scores, [0.6])


def test_suppression_spares_other_classes_and_distant_boxes():
    found = detections(
        (0, 0, 10, 10, 0.5, 0),
        (0, 0, 10, 9, 0.9, 0),
        (0, 0, 10, 10, 0.6, 1),
        (30, 0, 40, 10, 0.7, 0),
    )
    kept = suppress(found, 0.5)
    np.testing.assert_allclose(kept.scores, [0.9, 0.7, 0.6])


def test_suppressed_boxes_suppress_nothing():
    found = detections((0, 0, 10, 10, 0.9, 0), (4, 0, 14, 10, 0.8, 0), (8, 0, 18, 10, 0.7, 0))
    np.testing.assert_allclose(suppress(found, 0.4).scores, [0.9, 0.7])


def test_perfect_detections_score_one():
    real = truth((0, 0, 10, 10, 0), (20, 20, 40, 40, 1))
    found = detections((0, 0, 10, 10, 0.9, 0), (20, 20, 40, 40, 0.8, 1))
    assert average_precision([found], [real], classes=2) == (1.0, [1.0, 1.0])


def test_area_under_a_known_curve():
    real = truth((0, 0, 10, 10, 0), (20, 0, 30, 10, 0))
    # Right, wrong, right: precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1.
    found = detections((0, 0, 10, 10, 0.9, 0), (50, 50, 60, 60, 0.8, 0), (20, 0, 30, 10, 0.7, 0))
    assert average_precision([found], [real], classes=1)[0] == pytest.approx((1 + 2 / 3) / 2)


def test_second_claim_on_a_box_is_wrong():
    real = truth((0, 0, 10, 10, 0))
    found = detections((0, 0, 10, 10, 0.9, 0), (0, 0, 10, 9, 0.95, 0))
    assert average_precision([found], [real], classes=1)[0] == 1.0
    second = truth((50, 50, 60, 60, 0))
    boxes = [found, detections((50, 50, 60, 60, 0.5, 0))]
    # Order of scores: right, wrong (claimed before), right.
    score, _ = average_precision(boxes, [real, second], classes=1)
    assert score == pytest.approx((1 + 2 / 3) / 2)


def test_wrong_class_and_poor_overlap_do_not_count():
    real = truth((0, 0, 10, 10, 0))
    assert average_precision([detections((0, 0, 10, 10, 0.9, 1))], [real], classes=1)[0] == 0
    assert average_precision([detections((0, 0, 10, 4.9, 0.9, 0))], [real], classes=1)[0] == 0


def test_nothing_found_scores_zero_and_absent_classes_are_left_out():
    score, each = average_precision([NONE], [truth((0, 0, 10, 10, 0))], classes=2)
    assert score == 0
    assert np.isnan(each[1])
