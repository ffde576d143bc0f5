"""Anchors from a data set: the sizes that its boxes cluster at."""

import numpy as np

from quant.errors import TrainingError

PER_SCALE = 3
ROUNDS = 100


def fit_anchors(sizes: np.ndarray, scales: int = 3) -> tuple[tuple[tuple[float, float], ...], ...]:
    """For each of ``scales`` maps, finest first, (width, height) pairs in pixels.

    ``sizes``: the boxes' [n, 2].
    k-means on the logarithms: a box twice as large is as far off as one half as large. The start
    is spread evenly over the boxes ordered by area, so equal data gives equal anchors. Raises
    :class:`TrainingError` where there are no boxes.
    """
    if not len(sizes):
        raise TrainingError("the training split has no boxes: nothing to choose anchors from")
    points = np.log(np.maximum(np.asarray(sizes, np.float64), 1.0))
    points = points[np.argsort(points.sum(1), kind="stable")]
    count = PER_SCALE * scales
    middles = points[((np.arange(count) + 0.5) / count * len(points)).astype(int)].copy()
    for _ in range(ROUNDS):
        nearest = np.square(points[:, None] - middles).sum(2).argmin(1)
        moved = np.array(
            [points[nearest == i].mean(0) if (nearest == i).any() else middles[i]
             for i in range(count)]
        )  # fmt: skip
        if np.allclose(moved, middles):
            break
        middles = moved
    middles = middles[np.argsort(middles.sum(1), kind="stable")]
    pairs = [(round(float(w), 1), round(float(h), 1)) for w, h in np.exp(middles)]
    return tuple(
        tuple(pairs[scale * PER_SCALE : (scale + 1) * PER_SCALE]) for scale in range(scales)
    )
