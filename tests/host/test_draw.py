"""Drawings: boxes where they belong, labels inside the picture."""

import numpy as np
import pytest
from PIL import Image

from host.detection import Detections
from host.draw import LEAST_SIDE, class_colour, describe, draw_boxes, save_drawing

CLASSES = ("disc", "ring")


def one_box(*box: float, label: int = 1) -> Detections:
    return Detections(boxes=np.array([box]), scores=np.array([0.875]), labels=np.array([label]))


def test_the_frame_has_the_colour_of_its_class():
    image = Image.new("RGB", (600, 500))
    drawn = draw_boxes(image, one_box(100, 200, 300, 400), CLASSES)
    assert drawn.size == image.size
    for corner in ((100, 200), (300, 400), (300, 250), (100, 390)):
        assert drawn.getpixel(corner) == class_colour(1)
    assert drawn.getpixel((200, 300)) == (0, 0, 0)
    assert image.getextrema() == ((0, 0),) * 3, "the picture itself stays as it was"


def test_small_pictures_are_enlarged():
    drawn = draw_boxes(Image.new("RGB", (160, 100)), one_box(10, 20, 30, 40), CLASSES)
    assert drawn.size == (480, 300)
    assert max(drawn.size) >= LEAST_SIDE
    assert drawn.getpixel((30, 90)) == class_colour(1)


@pytest.mark.parametrize("box", [(0, 0, 30, 30), (570, 0, 600, 500), (0, 490, 600, 500)])
def test_labels_at_the_border_stay_inside(box):
    drawn = np.asarray(draw_boxes(Image.new("RGB", (600, 500)), one_box(*box), CLASSES))
    filled = (drawn == class_colour(1)).all(2)
    assert filled.sum() > 500, "the label's background is there"


def test_class_colours_differ():
    assert len({class_colour(label) for label in range(20)}) == 20


def test_descriptions():
    assert describe(one_box(1, 2, 3, 4), CLASSES) == [
        "ring         0.88      1.0    2.0    3.0    4.0"
    ]
    assert describe(one_box(1, 2, 3, 4, label=7), CLASSES)[0].startswith("class 7")


def test_a_drawing_is_saved(tmp_path):
    path = tmp_path / "new" / "boxes.png"
    save_drawing(path, Image.new("RGB", (50, 50)), one_box(1, 2, 30, 40), CLASSES)
    with Image.open(path) as drawn:
        assert drawn.format == "PNG"
