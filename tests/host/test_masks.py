"""Masks are what the prototypes' sums say, inside of the boxes, wherever the picture lies."""

import numpy as np
import pytest
from PIL import Image

from host.boxes import from_outputs
from host.detection import Detections
from host.draw import draw_boxes
from host.layouts import Boxes, recognised
from host.masks import masks_on_picture
from host.picture import Placement

SIZE = 64, 96
"""Height and width of a network's input; its prototypes have a quarter of each."""


def halves():
    """Two prototypes: above 0 in the left half and in the upper half of the input."""
    prototypes = np.ones((2, 16, 24), np.float32)
    prototypes[0, :, 12:] = -1
    prototypes[1, 8:] = -1
    return prototypes


def found(boxes, coefficients):
    count = len(boxes)
    return Detections(
        boxes=np.array(boxes, float), scores=np.full(count, 0.9), labels=np.arange(count),
        coefficients=np.array(coefficients, float),
    )  # fmt: skip


def test_sums_inside_of_boxes():
    placement = Placement(width=96, height=64, scale_x=1.0, scale_y=1.0)
    boxes = [[8, 8, 88, 56], [0, 0, 96, 64], [40, 10, 60, 20]]
    masks = masks_on_picture(found(boxes, [[1, 0], [1, 1.5], [0, -1]]), halves(), SIZE, placement)
    assert masks.shape == (3, 64, 96)
    assert masks[0, 8:56, 8:48].all()
    assert masks[0].sum() == 48 * 40
    assert masks[1, :30].all()  # the second prototype weighs more
    assert not masks[1, 34:].any()
    assert not masks[2].any()


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_letterboxed_pictures(scale):
    """The input is the picture with margins to its left and right."""
    width, height = round(64 / scale), round(64 / scale)
    placement = Placement(width=width, height=height, scale_x=scale, scale_y=scale, left=16)
    whole = [[0, 0, width, height]]
    (left,) = masks_on_picture(found(whole, [[1, 0]]), halves(), SIZE, placement)
    assert left[:, : width // 2].all()
    assert not left[:, width // 2 :].any()
    (upper,) = masks_on_picture(found(whole, [[0, 1]]), halves(), SIZE, placement)
    assert upper.sum() == width * height / 2


@pytest.mark.parametrize(("layout", "first"), [("yolov8", 4), ("yolov5", 5)])
def test_outputs_with_masks_are_recognised(layout, first):
    """Where the classes' names leave as many numbers as another output has prototypes."""
    names = ("cat", "dog", "cow")
    cells = 8 * 12 + 4 * 6 + 2 * 3
    places = cells * (3 if layout == "yolov5" else 1)
    shape = (first + 5, places) if layout == "yolov8" else (places, first + 5)
    shapes = {"table": (1, *shape), "maps": (1, 2, 16, 24)}
    boxes = recognised(shapes, SIZE, names)
    assert (boxes.layout, boxes.prototypes) == (layout, "maps")
    assert recognised(shapes, SIZE).prototypes == ""
    assert recognised(shapes | {"maps": (1, 3, 16, 24)}, SIZE, names).prototypes == ""

    table = np.zeros((places, first + 5))
    table[7, :4] = 48, 32, 40, 20
    if layout == "yolov5":
        table[7, 4] = 1
    table[7, first + 1] = 0.8
    table[7, first + 3 :] = 1, 0
    table = table.T[None] if layout == "yolov8" else table[None]
    placement = Placement(width=96, height=64, scale_x=1.0, scale_y=1.0)
    result = from_outputs({"table": table, "maps": halves()[None]}, boxes, SIZE, placement, 0.25)
    assert result.labels.tolist() == [1]
    assert result.masks.sum() == 20 * 20
    assert result.masks[0, 22:42, 28:48].all()


def test_key_points_are_no_masks():
    boxes = Boxes(layout="yolov8", output="table", classes=("person",))
    table = np.zeros((1, 5 + 51, 3))
    table[0, :5, 1] = 10, 10, 8, 8, 0.9
    placement = Placement(width=96, height=64, scale_x=1.0, scale_y=1.0)
    result = from_outputs({"table": table}, boxes, SIZE, placement, 0.25)
    assert len(result) == 1
    assert result.masks is None


def test_masks_are_drawn_under_their_boxes():
    placement = Placement(width=96, height=64, scale_x=1.0, scale_y=1.0)
    one = found([[8, 8, 88, 56]], [[1, 0]])
    masks = masks_on_picture(one, halves(), SIZE, placement)
    picture = Image.new("RGB", (96, 64))
    with_mask = Detections(boxes=one.boxes, scores=one.scores, labels=one.labels, masks=masks)
    plain, drawn = (np.asarray(draw_boxes(picture, each, ["a"])) for each in (one, with_mask))
    factor = drawn.shape[0] // 64
    inside = np.s_[40 * factor : 50 * factor, 20 * factor : 40 * factor]
    outside = np.s_[40 * factor : 50 * factor, 55 * factor : 80 * factor]
    assert not plain[inside].any()
    assert drawn[inside].any(axis=2).all()
    np.testing.assert_array_equal(plain[outside], drawn[outside])
