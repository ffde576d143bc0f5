"""Rendered pictures are the same every time, and their boxes hold what was drawn."""

import numpy as np
import pytest

from quant.data.render import CLASSES, RenderConfig, coverage, render, shape_distance

QUIET = RenderConfig(max_shapes=4, max_distractors=0)


@pytest.mark.parametrize("index", range(3))
def test_one_seed_gives_one_picture(seed, index):
    first, second = render(seed, index), render(seed, index)
    np.testing.assert_array_equal(first.pixels, second.pixels)
    np.testing.assert_array_equal(first.boxes, second.boxes)
    np.testing.assert_array_equal(first.labels, second.labels)


def test_seed_and_index_both_count(seed):
    pictures = [render(seed, 0), render(seed, 1), render(seed + 1, 0)]
    for i, a in enumerate(pictures):
        for b in pictures[:i]:
            assert (a.pixels != b.pixels).any()


def test_boxes_lie_in_the_picture(seed):
    config = RenderConfig()
    seen = set()
    for index in range(20):
        picture = render(seed, index, config)
        assert picture.pixels.shape == (config.size, config.size, 3)
        assert picture.pixels.dtype == np.uint8
        assert 1 <= len(picture.labels) == len(picture.boxes) <= config.max_shapes
        assert (picture.boxes >= 0).all()
        assert (picture.boxes <= config.size).all()
        sides = picture.boxes[:, 2:] - picture.boxes[:, :2]
        assert sides.min() > config.min_diameter * 0.5
        assert sides.max() <= config.max_diameter + 1
        seen |= set(picture.labels.tolist())
    assert seen == set(range(len(CLASSES)))


@pytest.mark.parametrize("label", range(len(CLASSES)), ids=CLASSES)
def test_shape_fits_its_circle_and_is_not_empty(label):
    radius = 20.0
    y, x = np.mgrid[-30:30, -30:30] + 0.5
    inside = coverage(shape_distance(label, radius, 0.3, 1.0, x, y)) > 0.5
    assert not inside[np.hypot(x, y) > radius + 1].any()
    share = inside.sum() / (np.pi * radius**2)
    # The ring is hollow and the star is thin; the triangle fills 0.41 of its circle.
    assert 0.3 < share < 1.02
    assert inside[30, 30] == (CLASSES[label] != "ring")


def test_square_has_the_area_of_a_square():
    y, x = np.mgrid[-30:30, -30:30] + 0.5
    label = CLASSES.index("square")
    area = coverage(shape_distance(label, 20.0, 0.7, 1.0, x, y)).sum()
    assert area == pytest.approx(2 * 20.0**2, rel=0.01)


def test_impossible_diameters_are_refused():
    with pytest.raises(ValueError, match="min <= max"):
        RenderConfig(min_diameter=50, max_diameter=40)
