"""Thresholds as base and step: threshold k = (base + k * step) >> fraction, k = 0, 1, ...

A layer with a scale, a bias and a quantiser has thresholds at even distances, rounded up. Loaded as
two numbers they are a few bytes a channel, whatever the bits of its codes.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from compiler.backend.requantising.lines import Points, line

#: Most fraction bits that are tried.
MOST_FRACTION = 20


@dataclass(frozen=True)
class ThresholdLine:
    """Two whole numbers and the bits of them that are a fraction."""

    base: int
    step: int
    fraction: int

    def levels(self, count: int) -> np.ndarray:
        """The thresholds int64 [count]."""
        return (self.base + np.arange(count, dtype=np.int64) * self.step) >> self.fraction


def threshold_line(
    levels: np.ndarray, low: int, high: int, spacing: int = 1
) -> ThresholdLine | None:
    """The line of fewest fraction bits for thresholds [L] of sums low, low + spacing, ..., high.

    Sums of a layer on an even grid are all odd or all even: ``spacing`` 2. Any threshold that tells
    the same sums apart will do; none where no line of ``MOST_FRACTION`` bits gives one.
    """
    return _line_of(np.asarray(levels, np.int64).tobytes(), low, high, spacing)


@lru_cache(maxsize=1 << 15)  # programs that keep other maps on chip have the same thresholds
def _line_of(content: bytes, low: int, high: int, spacing: int) -> ThresholdLine | None:
    levels = np.frombuffer(content, np.int64)
    places = np.arange(levels.size, dtype=np.int64)
    always, never = levels <= low, levels > high
    # The first sum that reaches a level: thresholds down to the sum before it are the same.
    first = low - (low - levels) // spacing * spacing
    least = np.where(never, high + 1, first - spacing + 1)
    most = np.where(always, low, first) + 1
    points = Points((places[~always], least[~always]), (places[~never], most[~never]))
    slopes = points.slopes()
    for fraction in range(MOST_FRACTION + 1):
        found = line(points, 1 << fraction, slopes)
        if found is not None:
            return ThresholdLine(found[1], found[0], fraction)
    return None
