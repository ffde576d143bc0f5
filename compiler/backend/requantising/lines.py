"""Straight lines with whole numbers: m * x + b above some points and below others.

Two unknowns and one inequality a point. What the steps of a quantiser are on the machine, and what
thresholds at even distances are, is found so, exactly; for all channels of a layer at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Slopes that are tried, from the middle of those that may do.
TRIED = 8
_FAR = 1 << 60
_PAIRS = 1 << 20
"""Pairs of points that are looked at together."""


@dataclass(frozen=True, eq=False)
class Points:
    """m * x + b must be at least y * unit at ``above``, and at most y * unit - 1 at ``below``.

    Each (x, y, there): int64, int64 and bool arrays [R, N] for R lines, or [N] for one; points that
    are not there say nothing. x to 2^29, y * unit to 2^60.
    """

    above: tuple[np.ndarray, np.ndarray, np.ndarray]
    below: tuple[np.ndarray, np.ndarray, np.ndarray]

    def __post_init__(self):
        for name in ("above", "below"):
            arrays = tuple(map(np.atleast_2d, getattr(self, name)))
            object.__setattr__(self, name, arrays)

    def __len__(self) -> int:
        return len(self.above[0])

    def __getitem__(self, rows: np.ndarray | slice) -> "Points":
        """The points of some lines."""
        above, below = (tuple(each[rows] for each in side) for side in (self.above, self.below))
        return Points(above, below)

    def slopes(self) -> tuple[np.ndarray, np.ndarray]:
        """The open intervals of m / unit in which a line of real numbers lies, float64 [R] each.

        (1, 0), which is empty, where there is none.
        """
        together = max(1, _PAIRS // max(1, self.above[0].shape[1] * self.below[0].shape[1]))
        parts = [
            self[first : first + together]._slopes() for first in range(0, len(self), together)
        ]
        return tuple(np.concatenate(each) for each in zip(*parts, strict=True))

    def _slopes(self) -> tuple[np.ndarray, np.ndarray]:
        (x_above, y_above, is_above), (x_below, y_below, is_below) = self.above, self.below
        pairs = is_below[:, None, :] & is_above[:, :, None]
        rise = (y_below[:, None, :] - y_above[:, :, None]).astype(np.float64)
        run = x_below[:, None, :] - x_above[:, :, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = rise / run
        least = np.where(pairs & (run < 0), ratio, -np.inf).max((1, 2), initial=-np.inf)
        most = np.where(pairs & (run > 0), ratio, np.inf).min((1, 2), initial=np.inf)
        none = (pairs & (run == 0) & (rise <= 0)).any((1, 2))
        return np.where(none, 1.0, least), np.where(none, 0.0, most)

    def offsets(self, slopes: np.ndarray, unit: int) -> tuple[np.ndarray, np.ndarray]:
        """Offsets b for slopes m [R], in the middle of those that do, and whether one does."""
        (x_above, y_above, is_above), (x_below, y_below, is_below) = self.above, self.below
        least = np.where(is_above, y_above * unit - slopes[:, None] * x_above, -_FAR)
        most = np.where(is_below, y_below * unit - 1 - slopes[:, None] * x_below, _FAR)
        low, high = least.max(1, initial=-_FAR), most.min(1, initial=_FAR)
        middle = np.where(low == -_FAR, high, np.where(high == _FAR, low, (low + high) // 2))
        return middle, low <= high


def together(points: Sequence[Points]) -> Points:
    """The points of several lines as one."""

    def side(sides: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[np.ndarray, ...]:
        size = max(each[0].shape[1] for each in sides)
        return tuple(
            np.concatenate(
                [np.pad(array, ((0, 0), (0, size - array.shape[1]))) for array in arrays]
            )
            for arrays in zip(*sides, strict=True)
        )

    return Points(side([each.above for each in points]), side([each.below for each in points]))


def lines(
    points: Points, unit: int, slopes: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(m, b, whether there is one) of lines for one unit, m within ``slopes`` times the unit."""
    least, most = slopes
    low, high, middle = _range(least, most, unit)
    found = np.zeros(len(points), bool)
    slope, offset = np.zeros((2, len(points)), np.int64)
    for distance in range(TRIED + 1):
        open_rows = ~found & (least < most) & (distance <= high - low + 1)
        for step in (-distance, distance)[: 1 + (distance > 0)]:
            tried = middle + step
            rows = np.flatnonzero(open_rows & ~found & (low <= tried) & (tried <= high))
            if not rows.size:
                continue
            offsets, good = points[rows].offsets(tried[rows], unit)
            rows = rows[good]
            slope[rows], offset[rows], found[rows] = tried[rows], offsets[good], True
        if found.all():
            break
    return slope, offset, found


def _range(
    least: np.ndarray, most: np.ndarray, unit: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(least, largest slope to try, the one to begin with): int64 [R] each."""
    low, high = np.floor(least * unit), np.ceil(most * unit)
    neither = np.isinf(low) & np.isinf(high)
    low, high = np.where(neither, 0.0, low), np.where(neither, 0.0, high)
    open_low, open_high = np.isinf(low), np.isinf(high)
    low, high = np.where(open_low, high - TRIED, low), np.where(open_high, low + TRIED, high)
    low, high = low.astype(np.int64), high.astype(np.int64)
    with np.errstate(invalid="ignore"):
        middle = np.rint((least + most) / 2 * unit)
    sure = np.isfinite(least) & np.isfinite(most)
    middle = np.where(sure, np.where(sure, middle, 0).astype(np.int64), (low + high) // 2)
    return low, high, middle
