"""Thresholds as base and step: threshold k = (base + k * step) >> fraction, k = 0, 1, ...

A layer with a scale, a bias and a quantiser has thresholds at even distances, rounded up. Loaded as
two numbers they are a few bytes a channel, whatever the bits of its codes.
"""

from dataclasses import dataclass

import numpy as np

from compiler.backend.requantising.lines import Points, lines

#: Most fraction bits that are tried.
MOST_FRACTION = 20


@dataclass(frozen=True, eq=False)
class ThresholdLines:
    """For each channel two whole numbers, the bits of them that are a fraction, and whether there
    is a line: int64 and bool [R]."""

    base: np.ndarray
    step: np.ndarray
    fraction: np.ndarray
    found: np.ndarray

    def levels(self, count: int) -> np.ndarray:
        """The thresholds int64 [R, count]."""
        places = np.arange(count, dtype=np.int64)
        return self.base[:, None] + places * self.step[:, None] >> self.fraction[:, None]


def threshold_lines(
    levels: np.ndarray, low: np.ndarray, high: np.ndarray, spacing: int = 1
) -> ThresholdLines:
    """The lines of fewest fraction bits for thresholds [R, L].

    Sums of a row are low, low + spacing, ..., high, int64 [R]; those of a layer on an even grid are
    all odd or all even: ``spacing`` 2. Any threshold that tells the same sums apart will do; there
    is none where no line of ``MOST_FRACTION`` bits gives one.
    """
    low, high = low[:, None], high[:, None]
    places = np.broadcast_to(np.arange(levels.shape[1], dtype=np.int64), levels.shape)
    always, never = levels <= low, levels > high
    # The first sum that reaches a level: thresholds down to the sum before it are the same.
    first = low - (low - levels) // spacing * spacing
    least = np.where(never, high + 1, first - spacing + 1)
    most = np.where(always, low, first) + 1
    points = Points((places, least, ~always), (places, most, ~never))
    slopes = points.slopes()
    base, step, fraction = np.zeros((3, len(levels)), np.int64)
    found, left = np.zeros(len(levels), bool), np.arange(len(levels))
    for bits in range(MOST_FRACTION + 1):
        interval = slopes[0][left], slopes[1][left]
        slope, offset, good = lines(points[left], 1 << bits, interval)
        rows = left[good]
        step[rows], base[rows], fraction[rows], found[rows] = slope[good], offset[good], bits, True
        left = left[~good]
        if not left.size:
            break
    return ThresholdLines(base, step, fraction, found)
