"""Box decoding against a loop over every cell, the integer prefilter, and suppression."""

from dataclasses import replace

import numpy as np
import pytest

from golden.network import Output
from host.description import DescriptionError, Head
from host.detection import (
    Detections,
    box_overlap,
    decode_map,
    detect,
    least_logit,
    passing,
    sigmoid,
    suppress,
)

CLASSES = ("a", "b", "c")
ANCHORS = np.array([[10.0, 14.0], [23.0, 27.0]])


def make_head(kind="yolov5", classes=CLASSES, **options) -> Head:
    return Head(kind=kind, classes=classes, strides=(8,), anchors=(ANCHORS,), **options)


def make_output(channels: int, rng=None, name="maps") -> Output:
    if rng is None:
        return Output(name=name, tensor=name, scale=np.ones(channels), bias=np.zeros(channels))
    scale = rng.uniform(0.002, 0.01, channels) * rng.choice([-1, 1], channels)
    return Output(name=name, tensor=name, scale=scale, bias=rng.normal(size=channels))


def loop(sums, output, head, floor) -> list[tuple]:
    """The formulas of the module's docstring, one cell and anchor at a time."""
    found = []
    width = 5 + len(head.classes)
    for a, (anchor_w, anchor_h) in enumerate(head.anchors[0]):
        for y in range(sums.shape[1]):
            for x in range(sums.shape[2]):
                part = slice(a * width, (a + 1) * width)
                t = sums[part, y, x] * output.scale[part] + output.bias[part]
                s = 1 / (1 + np.exp(-t))
                if head.kind == "yolov5":
                    cx, cy = (2 * s[0] - 0.5 + x) * 8, (2 * s[1] - 0.5 + y) * 8
                    w, h = (2 * s[2]) ** 2 * anchor_w, (2 * s[3]) ** 2 * anchor_h
                else:
                    k = head.scale_xy[0]
                    cx = (k * s[0] - (k - 1) / 2 + x) * 8
                    cy = (k * s[1] - (k - 1) / 2 + y) * 8
                    w, h = np.exp(t[2]) * anchor_w, np.exp(t[3]) * anchor_h
                classes = s[5:]
                if head.kind == "yolov2":
                    classes = np.exp(t[5:]) / np.exp(t[5:]).sum()
                score = s[4] * (classes.max() if len(head.classes) > 1 else 1)
                if score >= floor:
                    box = (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)
                    found.append((*box, score, classes.argmax()))
    return found


def test_scales_of_the_description_multiply_the_outputs(rng):
    plain, scaled = make_head("yolov5", CLASSES), make_head("yolov5", CLASSES, scales=(0.25,))
    output = make_output(plain.channels(0), rng)
    quarter = replace(output, scale=output.scale / 4, bias=output.bias / 4)
    sums = rng.integers(-400, 400, (plain.channels(0), 5, 7))
    found = decode_map(sums, output, scaled, 0, floor=0.3)
    expected = decode_map(sums, quarter, plain, 0, floor=0.3)
    assert len(found)
    np.testing.assert_allclose(found.boxes, expected.boxes, rtol=1e-12)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-12)


@pytest.mark.parametrize("kind", ["yolov5", "yolov3", "yolov2"])
@pytest.mark.parametrize("classes", [CLASSES, ("only",)])
@pytest.mark.parametrize("seed", range(3))
def test_decoding_equals_the_formulas(kind, classes, seed, rng):
    head = make_head(kind, classes, scale_xy=(1.1 if kind == "yolov3" else 1.0,))
    output = make_output(head.channels(0), rng)
    sums = rng.integers(-400, 400, (head.channels(0), 5, 7))
    found = decode_map(sums, output, head, 0, floor=0.3)
    expected = loop(sums, output, head, floor=0.3)
    assert 0 < len(found) < 70
    got = np.column_stack([found.boxes, found.scores, found.labels])
    np.testing.assert_allclose(got, expected, rtol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_the_integer_comparison_equals_the_float_one(seed, rng):
    scale = float(rng.choice([-1, 1]) * 10 ** rng.uniform(-5, 1))
    bias, floor = float(rng.normal()), float(rng.uniform(0.01, 0.99))
    edge = int((least_logit(floor) - bias) / scale)
    sums = np.arange(edge - 50, edge + 51)[None]
    expected = sums * scale + bias >= least_logit(floor)
    assert expected.any()
    assert not expected.all()
    np.testing.assert_array_equal(passing(sums, scale, bias, floor), expected)


def test_a_tie_with_the_floor_passes():
    assert passing(np.array([[-1, 0, 1]]), 0.5, 0.0, 0.5).tolist() == [[False, True, True]]
    assert passing(np.array([[-1, 0, 1]]), -0.5, 0.0, 0.5).tolist() == [[True, True, False]]


@pytest.mark.parametrize(("bias", "passes"), [(-1.0, False), (1.0, True)])
def test_a_channel_without_scale_is_its_bias(bias, passes):
    assert (passing(np.zeros((2, 2), int), 0.0, bias, 0.5) == passes).all()


def test_a_floor_of_zero_lets_everything_through(rng):
    head = make_head()
    sums = rng.integers(-400, 400, (head.channels(0), 5, 7))
    assert len(decode_map(sums, make_output(len(sums), rng), head, 0, 0.0)) == 5 * 7 * 2


def test_extreme_sums_do_not_overflow():
    head = make_head("yolov3")
    for value in (-(1 << 22), 1 << 22):
        sums = np.full((head.channels(0), 1, 1), value)
        found = decode_map(sums, make_output(len(sums)), head, 0, 0.0)
        assert np.isfinite(found.boxes).all()
        assert np.isfinite(found.scores).all()


def test_float_maps_decode_like_sums(rng):
    head = make_head()
    output = make_output(head.channels(0), rng)
    sums = rng.integers(-400, 400, (head.channels(0), 5, 7))
    values = sums * output.scale[:, None, None] + output.bias[:, None, None]
    of_sums = decode_map(sums, output, head, 0, 0.3)
    of_values = decode_map(values, make_output(len(sums)), head, 0, 0.3)
    np.testing.assert_allclose(of_values.boxes, of_sums.boxes)


def test_zero_logits_decode_to_the_cell_centre_and_the_anchor():
    head = make_head(classes=("a", "b"))
    logits = np.full((2 * 7, 3, 4), -20.0)
    # Second anchor, row 1, column 2: 7 channels x y w h objectness and two classes.
    logits[7:, 1, 2] = [0, 0, 0, 0, 20, -20, 20]
    found = decode_map(logits, make_output(14), head, 0, floor=0.5)
    # centre = (2 * 0.5 - 0.5 + cell) * 8, size = (2 * 0.5)^2 * anchor
    width, height = ANCHORS[1] / 2
    np.testing.assert_allclose(found.boxes, [[20 - width, 12 - height, 20 + width, 12 + height]])
    assert found.labels.tolist() == [1]
    np.testing.assert_allclose(found.scores, [1], atol=1e-6)


def test_score_is_objectness_times_class():
    head = Head(kind="yolov5", classes=("a", "b"), strides=(8,), anchors=(ANCHORS[:1],))
    logits = np.zeros((7, 1, 1))
    logits[4:, 0, 0] = [np.log(3), np.log(4), -20]  # sigmoid 0.75 and 0.8
    found = detect([logits], [make_output(7)], head, floor=0.01)
    np.testing.assert_allclose(found.scores, [0.6])


def test_merged_anchors_average_boxes_and_scores(rng):
    """UltraNet: equal anchors vote (github.com/heheda365/ultra_net, model/pc_test.py)."""
    anchors = np.full((6, 2), 20.0)
    head = Head(kind="yolov3", classes=("object",), strides=(16,), anchors=(anchors,),
                merge_anchors=True, single_object=True)  # fmt: skip
    values = rng.normal(size=(36, 10, 20))
    found = detect([values], [make_output(36)], head, floor=0.1)
    t = values.reshape(6, 6, 10, 20)
    chance = sigmoid(t[:, 4]).mean(0)
    y, x = np.unravel_index(chance.argmax(), chance.shape)
    cx, cy = (sigmoid(t[:, :2, y, x]).mean(0) + (x, y)) * 16
    w, h = np.exp(t[:, 2:4, y, x]).mean(0) * 20
    assert len(found) == 1
    assert found.scores[0] == pytest.approx(chance.max())
    np.testing.assert_allclose(found.boxes[0], [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])


def rows(*rows: tuple) -> Detections:
    """From (x0, y0, x1, y1, score, label)."""
    table = np.array(rows, float)
    return Detections(boxes=table[:, :4], scores=table[:, 4], labels=table[:, 5].astype(int))


def test_suppression_spares_other_classes_and_distant_boxes():
    found = rows(
        (0, 0, 10, 10, 0.5, 0),
        (0, 0, 10, 9, 0.9, 0),
        (0, 0, 10, 10, 0.6, 1),
        (30, 0, 40, 10, 0.7, 0),
    )
    np.testing.assert_allclose(suppress(found, 0.5).scores, [0.9, 0.7, 0.6])


def test_suppressed_boxes_suppress_nothing():
    found = rows((0, 0, 10, 10, 0.9, 0), (4, 0, 14, 10, 0.8, 0), (8, 0, 18, 10, 0.7, 0))
    np.testing.assert_allclose(suppress(found, 0.4).scores, [0.9, 0.7])


def test_overlap():
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [4, 4, 4, 4]], float)
    np.testing.assert_allclose(box_overlap(boxes[0], boxes), [1, 1 / 3, 0, 0])


def test_suppression_keeps_the_best_of_each_class():
    found = Detections(
        boxes=np.array([[0, 0, 10, 10], [1, 0, 11, 10], [1, 0, 11, 10], [50, 50, 60, 60]], float),
        scores=np.array([0.6, 0.9, 0.5, 0.3]),
        labels=np.array([0, 0, 1, 0]),
    )
    kept = suppress(found)
    assert kept.scores.tolist() == [0.9, 0.5, 0.3]
    assert kept.labels.tolist() == [0, 1, 0]
    alone = suppress(found, exclusive=True)
    assert alone.scores.tolist() == [0.9, 0.3]


@pytest.mark.parametrize("seed", range(5))
def test_suppression_leaves_no_overlap_and_drops_nothing_that_stands_alone(seed, rng):
    corner = rng.uniform(0, 90, (200, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(2, 30, (200, 2))], 1)
    labels = rng.integers(3, size=200)
    found = Detections(boxes=boxes, scores=rng.uniform(size=200), labels=labels)
    kept = suppress(found, 0.4)
    assert (np.diff(kept.scores) <= 0).all()
    for i in range(len(kept)):
        same = (kept.labels == kept.labels[i]) & (np.arange(len(kept)) != i)
        assert not (box_overlap(kept.boxes[i], kept.boxes[same]) > 0.4).any()
    for i in range(200):
        better = (kept.labels == labels[i]) & (kept.scores >= found.scores[i])
        overlap = box_overlap(boxes[i], kept.boxes[better])
        assert (overlap > 0.4).any(), "each box is kept or overlaps a better one"


def test_nothing_found():
    head = make_head()
    sums = np.full((head.channels(0), 4, 4), -100)
    found = detect([sums], [make_output(len(sums))], head)
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)


def test_outputs_are_found_by_name(rng):
    head = Head(kind="yolov5", classes=CLASSES, strides=(8, 16), anchors=(ANCHORS, ANCHORS * 3),
                outputs=("fine", "coarse"))  # fmt: skip
    maps = [rng.integers(-3, 4, (16, 2, 2)), rng.integers(-3, 4, (16, 4, 4))]
    outputs = [make_output(16, name="coarse"), make_output(16, name="fine")]
    found = detect(maps, outputs, head, floor=0.1, overlap=1.0)
    swapped = detect(maps[::-1], outputs[::-1], head, floor=0.1, overlap=1.0)
    np.testing.assert_array_equal(found.boxes, swapped.boxes)
    by_order = detect(maps[::-1], outputs[::-1], replace(head, outputs=()), floor=0.1, overlap=1.0)
    np.testing.assert_array_equal(found.boxes, by_order.boxes)


@pytest.mark.parametrize(
    ("channels", "options", "message"),
    [
        (18, {}, "2 anchors and 3 classes need 16 channels"),
        (16, {"outputs": ("other",)}, "names output 'other'; the network has maps"),
        (16, {"strides": (8, 16)}, "the network has outputs maps; the description has 2 strides"),
    ],
)
def test_a_description_of_another_network_is_refused(channels, options, message):
    head = replace(make_head(), **options)
    with pytest.raises(DescriptionError, match=message):
        detect([np.zeros((channels, 4, 4), int)], [make_output(channels)], head)


def test_strides_in_another_order_than_the_outputs_are_refused():
    head = Head(kind="yolov5", classes=CLASSES, strides=(8, 16), anchors=(ANCHORS, ANCHORS))
    fine, coarse = (np.zeros((16, side, 3 * side), int) for side in (8, 4))
    outputs = [make_output(16, name=name) for name in "ab"]
    detect([fine, coarse], outputs, head)
    with pytest.raises(DescriptionError, match="a 4x12 with stride 8, b 8x24 with stride 16"):
        detect([coarse, fine], outputs, head)
    # 72 pixels: nine cells of 8, and four and a half of 16.
    detect([np.zeros((16, 9, 9), int), np.zeros((16, 5, 5), int)], outputs, head)
