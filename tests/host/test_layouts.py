"""Layouts are recognised where shapes leave no doubt, and read as their exporters mean them."""

import numpy as np
import pytest

from host.description import DescriptionError, Table
from host.layouts import Boxes, described, detections, recognised, strides_of

COCO = tuple(f"class {i}" for i in range(80))
SIZE = (640, 640)


def test_strides():
    assert strides_of((640, 640), 8400) == (8, 16, 32)
    assert strides_of((320, 416), 40 * 52) == (8,)
    assert strides_of((320, 320), 500) == (16, 32)
    assert strides_of((100, 100), 13 * 13 + 7 * 7) == (8, 16)
    assert strides_of((640, 640), 300) == ()
    assert strides_of((640, 640), 0) == ()


@pytest.mark.parametrize(
    ("shape", "classes", "decoded", "layout"),
    [
        ((1, 25200, 85), COCO, True, "yolov5"),
        ((1, 25200, 85), (), True, "yolov5"),
        ((1, 25200, 6), ("one",), True, "yolov5"),
        ((1, 8400, 85), COCO, False, "yolox"),
        ((1, 8400, 85), COCO, True, "yolov5"),
        ((1, 84, 8400), COCO, True, "yolov8"),
        ((1, 84, 8400), (), True, "yolov8"),
        ((1, 116, 8400), COCO, True, "yolov8"),
        ((1, 300, 6), COCO, True, "end2end"),
        ((0, 7), COCO, True, "batched"),
        # In doubt, or none of them:
        ((1, 8400, 85), (), False, None),
        ((1, 8400, 84), COCO, True, None),
        ((1, 8400, 112), (), False, None),
        ((1, 25200, 80), COCO, True, None),
        ((1, 25200, 85), COCO, False, None),
        ((1, 84, 8400), COCO, False, None),
        ((1, 80, 8400), COCO, True, None),
        ((1, 300, 6), ("a", "b"), True, None),
        ((1, 300, 84), COCO, True, None),
        ((1, 0, 85), COCO, True, None),
        ((1, 3, 80, 80, 85), COCO, True, None),
        ((1, 1000), (), True, None),
        ((), (), True, None),
    ],
)
def test_recognised(shape, classes, decoded, layout):
    found = recognised({"out": shape}, SIZE, classes, decoded=decoded)
    assert (found and found.layout) == layout
    if found:
        assert found.classes == classes
        assert (found.strides == (8, 16, 32)) == (layout == "yolox")


def test_two_readings_are_none():
    """8 columns are 5 + 3 of 3 x 16 places; and 48 rows are 4 + 44 of 8 places."""
    assert recognised({"out": (1, 48, 8)}, (32, 32), ("a", "b", "c")).layout == "yolov5"
    assert recognised({"out": (1, 24, 8)}, (16, 32), ("a", "b", "c")) is None


def test_two_outputs_that_may_be_boxes_are_none():
    shapes = {"a": (1, 84, 8400), "b": (1, 84, 8400)}
    assert recognised(shapes, SIZE, COCO) is None
    shapes["b"] = (1, 32, 160, 160)
    assert recognised(shapes, SIZE, COCO).output == "a"


def found(table, layout, **more):
    outputs = {"out": np.asarray(table, np.float32)}
    boxes = Boxes(layout=layout, output="out", classes=("a", "b"), **more)
    return detections(outputs, boxes, (32, 64), floor=0.4)


def test_yolov5():
    table = [[[20, 10, 8, 4, 0.5, 0.1, 0.9], [20, 10, 8, 4, 0.5, 0.1, 0.5]]]
    each = found(table, "yolov5")
    np.testing.assert_allclose(each.boxes, [[16, 8, 24, 12]])
    np.testing.assert_allclose(each.scores, [0.45], rtol=1e-6)
    assert each.labels.tolist() == [1]


def test_yolov8_leaves_what_follows_the_classes():
    places = [[20, 10, 8, 4, 0.7, 0.1, 99], [21, 10, 8, 4, 0.6, 0.1, 99], [50, 10, 8, 4, 0, 0.5, 9]]
    each = found(np.array([places]).transpose(0, 2, 1), "yolov8")
    np.testing.assert_allclose(each.boxes, [[16, 8, 24, 12], [46, 8, 54, 12]])
    assert each.labels.tolist() == [0, 1]


def test_yolox_decodes_cells_of_every_stride():
    table = np.zeros((1, 4 * 8 + 2 * 4, 7))
    table[0, 8 + 3, :6] = [0.5, 0.25, 0, np.log(2), 1, 0.9]  # stride 8: row 1, column 3
    table[0, 32 + 5, [0, 1, 4, 6]] = [0.5, 0.5, 0.8, 1]  # stride 16: row 1, column 1
    each = found(table, "yolox", strides=(8, 16))
    np.testing.assert_allclose(each.boxes, [[24, 2, 32, 18], [16, 16, 32, 32]], rtol=1e-6)
    np.testing.assert_allclose(each.scores, [0.9, 0.8], rtol=1e-6)
    assert each.labels.tolist() == [0, 1]


def test_suppressed_lists_are_taken_as_they_are():
    rows = [[1, 2, 3, 4, 0.5, 1], [1, 2, 3, 4, 0.9, 1], [1, 2, 3, 4, 0.1, 0]]
    each = found([rows], "end2end")
    np.testing.assert_allclose(each.scores, [0.9, 0.5])
    assert each.labels.tolist() == [1, 1]
    each = found([[0, 1, 2, 3, 4, 1, 0.5], [0, 1, 2, 3, 4, 0, 0.7]], "batched")
    np.testing.assert_allclose(each.scores, [0.7, 0.5])
    assert each.labels.tolist() == [0, 1]
    assert len(found(np.zeros((0, 7)), "batched")) == 0


def test_ssd():
    outputs = {
        "boxes": np.array([[[0.25, 0.5, 0.5, 1.0]]], np.float32),
        "scores": np.array([[[0.9, 0.2, 0.8]]], np.float32),
    }
    boxes = Boxes(layout="ssd", output="boxes", scores="scores")
    each = detections(outputs, boxes, (32, 64), floor=0.4)
    np.testing.assert_allclose(each.boxes, [[16, 16, 32, 32]])
    assert each.labels.tolist() == [1]


def test_described():
    shapes = {"a": (1, 8400, 85), "b": (1, 8400, 4)}
    found = described(shapes, SIZE, Table(layout="yolox", output="a"))
    assert (found.layout, found.output, found.strides) == ("yolox", "a", (8, 16, 32))
    found = described(shapes, SIZE, Table(layout="ssd", output="b", scores="a"))
    assert (found.output, found.scores) == ("b", "a")
    assert described({"a": (0, 7)}, SIZE, Table(layout="batched")).output == "a"
    assert described({"a": (1, 0, 6)}, SIZE, Table(layout="end2end")).layout == "end2end"


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"layout": "yolox"}, "'output' and 'scores' must be outputs of the model, which are a, b"),
        ({"layout": "yolox", "output": "c"}, "not c"),
        ({"layout": "yolox", "output": "b"}, "not that of yolox"),
        ({"layout": "yolov5", "output": "a", "classes": COCO + ("x",)}, "with 81 classes"),
        ({"layout": "end2end", "output": "a"}, "not that of end2end"),
        ({"layout": "batched", "output": "a"}, "not that of batched"),
        ({"layout": "ssd", "output": "b"}, "'scores' names"),
        ({"layout": "yolov5", "output": "a", "scores": "b"}, "'scores' names"),
        ({"layout": "yolov8", "output": "b", "classes": ("x",) * 9000}, "not that of yolov8"),
    ],
)
def test_descriptions_that_do_not_fit(table, text):
    shapes = {"a": (1, 8400, 85), "b": (1, 8400, 4)}
    with pytest.raises(DescriptionError, match=text):
        described(shapes, SIZE, Table(**table))
