"""Anchors from boxes: found where the boxes are, the same each time, in order of size."""

import numpy as np
import pytest

pytest.importorskip("torch")

from quant.data.anchors import fit_anchors
from quant.errors import TrainingError

CENTRES = np.array([[8, 10], [16, 9], [12, 30], [30, 28], [60, 25], [50, 70], [90, 80],
                    [150, 90], [200, 220]], float)  # fmt: skip


@pytest.fixture
def boxes(rng):
    """Nine tight clusters, as many boxes in each."""
    spread = np.exp(rng.normal(0, 0.02, (9, 40, 2)))
    return (CENTRES[:, None] * spread).reshape(-1, 2)


def test_finds_the_clusters(boxes):
    found = np.array(fit_anchors(boxes)).reshape(9, 2)
    by_area = CENTRES[np.argsort(CENTRES.prod(1))]
    np.testing.assert_allclose(found, by_area, rtol=0.02)


def test_three_for_each_stride_from_small_to_large(boxes):
    anchors = fit_anchors(boxes)
    assert [len(scale) for scale in anchors] == [3, 3, 3]
    areas = [w * h for scale in anchors for w, h in scale]
    assert areas == sorted(areas)


def test_the_order_of_boxes_does_not_matter(boxes, rng):
    assert fit_anchors(boxes) == fit_anchors(rng.permutation(boxes))


def test_few_and_tiny_boxes():
    assert fit_anchors(np.array([[0.2, 30.0]])) == (((1.0, 30.0),) * 3,) * 3


def test_no_boxes():
    with pytest.raises(TrainingError, match="the training split has no boxes"):
        fit_anchors(np.zeros((0, 2)))
