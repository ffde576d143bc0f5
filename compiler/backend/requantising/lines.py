"""Straight lines with whole numbers: m * x + b above some points and below others.

Two unknowns and one inequality a point. What the steps of a quantiser are on the machine, and what
thresholds at even distances are, is found so, exactly.
"""

from dataclasses import dataclass

import numpy as np

#: Slopes that are tried, from the middle of those that may do.
TRIED = 8


@dataclass(frozen=True, eq=False)
class Points:
    """m * x + b must be at least y * unit at ``above``, and at most y * unit - 1 at ``below``.

    Each (x, y): int64 arrays of one length. x to 2^29, y * unit to 2^60.
    """

    above: tuple[np.ndarray, np.ndarray]
    below: tuple[np.ndarray, np.ndarray]

    def slopes(self) -> tuple[float, float]:
        """The open interval of m / unit in which a line of real numbers lies, as float64.

        (1, 0), which is empty, where there is none.
        """
        rise = (self.below[1][None, :] - self.above[1][:, None]).astype(np.float64)
        run = self.below[0][None, :] - self.above[0][:, None]
        if (rise[run == 0] <= 0).any():
            return 1.0, 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = rise / run
        least = ratio[run < 0].max(initial=-np.inf)
        most = ratio[run > 0].min(initial=np.inf)
        return float(least), float(most)

    def offset(self, slope: int, unit: int) -> int | None:
        """An offset b for the slope m, in the middle of those that do; None where none does."""
        low = int((self.above[1] * unit - slope * self.above[0]).max(initial=-(1 << 60)))
        high = int((self.below[1] * unit - 1 - slope * self.below[0]).min(initial=1 << 60))
        if low > high:
            return None
        if low == -(1 << 60) or high == 1 << 60:  # one side is open
            return high if low == -(1 << 60) else low
        return (low + high) // 2


def line(points: Points, unit: int, slopes: tuple[float, float]) -> tuple[int, int] | None:
    """(m, b) for the points and one unit, m within ``slopes`` times the unit; None if none does."""
    least, most = slopes
    if least >= most:
        return None
    ends = [np.floor(least * unit), np.ceil(most * unit)]
    if np.isinf(ends).all():
        ends = [0.0, 0.0]
    low = int(ends[0] if np.isfinite(ends[0]) else ends[1] - TRIED)
    high = int(ends[1] if np.isfinite(ends[1]) else ends[0] + TRIED)
    middle = round((least + most) / 2 * unit) if np.isfinite(least + most) else (low + high) // 2
    for distance in range(min(TRIED, high - low + 1) + 1):
        for slope in sorted({middle - distance, middle + distance}):
            if low <= slope <= high:
                offset = points.offset(slope, unit)
                if offset is not None:
                    return slope, offset
    return None
