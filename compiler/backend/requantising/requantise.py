"""Thresholds as a multiplication: code = clamp((m * sum + b) >> shift, 0, codes - 1).

For codes of 5 to 8 bits a channel has up to 255 thresholds, and two numbers instead of them where
they stand at even distances, as those of a scale and a rounding do. Equality holds for every sum of
the range: it is checked on both sides of every threshold, and a line does not turn between them.
"""

from dataclasses import dataclass

import numpy as np

from compiler.backend.requantising.lines import Points, lines, together
from golden.network import Thresholds

#: With it codes of 8 bits times 2^shift take 52 bits.
LARGEST_SHIFT = 44


@dataclass(frozen=True)
class Requantiser:
    """One channel's numbers; ``factor`` is negative where the codes fall with the sums."""

    factor: int
    offset: int
    shift: int

    @property
    def factor_bits(self) -> int:
        """Bits of the factor's magnitude."""
        return abs(self.factor).bit_length()


def steps(levels: np.ndarray, low: int, high: int) -> Points | None:
    """What a line must pass for levels [L], ascending, on sums low..high; None: a constant code."""
    first = int((levels <= low).sum())
    last = int((levels <= high).sum())
    if first == last:
        return None
    reached = np.unique(levels[first:last])
    # Codes on both sides of a level: more than one apart where levels coincide.
    after = np.searchsorted(levels, reached, side="right")
    before = np.searchsorted(levels, reached, side="left")
    above, below = (reached, after), (reached - 1, before + 1)
    if first > 0:
        above = np.append(above[0], low), np.append(above[1], first)
    if last < levels.size:
        below = np.append(below[0], high), np.append(below[1], last + 1)
    above, below = ((*map(np.int64, side), np.ones(len(side[0]), bool)) for side in (above, below))
    return Points(above, below)


def directed(
    thresholds: Thresholds, channel: int, low: int, high: int
) -> tuple[np.ndarray, int, int, int]:
    """(levels, low, high, sign) of a channel in terms of sign * sum."""
    sign = int(thresholds.sign[channel])
    low, high = (low, high) if sign > 0 else (-high, -low)
    return thresholds.levels[channel], low, high, sign


def smallest(thresholds: Thresholds, channel: int, low: int, high: int) -> Requantiser | None:
    """The requantiser of the smallest factor for a channel's sums low..high; None if there is none.

    ``LARGEST_SHIFT`` limits the search.
    """
    levels, low, high, sign = directed(thresholds, channel, low, high)
    points = steps(levels, low, high)
    if points is None:
        return Requantiser(0, int((levels <= low).sum()), 0)
    slopes = points.slopes()
    for shift in range(LARGEST_SHIFT):
        slope, offset, found = lines(points, 1 << shift, slopes)
        if found[0]:
            return Requantiser(sign * int(slope[0]), int(offset[0]), shift)
    return None


def of_layer(
    thresholds: Thresholds, low: np.ndarray, high: np.ndarray, width: int
) -> list[Requantiser | None]:
    """A requantiser for every channel, all with one shift and factors of at most ``width`` bits.

    The shift is the largest that the widest factor allows. None for a channel where that is not
    exact: it needs its thresholds, or a wider factor.
    """
    channels = range(len(thresholds.levels))
    whole = [directed(thresholds, c, int(low[c]), int(high[c])) for c in channels]
    points = [steps(levels, least, most) for levels, least, most, _ in whole]
    sloping = [each for each in points if each is not None]
    joined = together(sloping) if sloping else None
    slopes = joined.slopes() if sloping else (np.zeros(0), np.zeros(0))
    least, most = slopes
    steepest = float(least[(least > 0) & (least < most)].max(initial=0.0))
    shift = LARGEST_SHIFT
    if steepest:
        shift = min(shift, int(np.floor(width - np.log2(steepest))))
    while shift > 0 and steepest * (1 << shift) >= (1 << width) - 1:
        shift -= 1
    shift = max(shift, 0)
    found = zip(*lines(joined, 1 << shift, slopes), strict=True) if sloping else iter(())
    made: list[Requantiser | None] = []
    for (levels, least, _, sign), each in zip(whole, points, strict=True):
        if each is None:
            made.append(Requantiser(0, int((levels <= least).sum()) << shift, shift))
            continue
        slope, offset, there = next(found)
        fits = there and int(abs(slope)).bit_length() <= width
        made.append(Requantiser(sign * int(slope), int(offset), shift) if fits else None)
    return made


def codes(requantiser: Requantiser, sums: np.ndarray, count: int) -> np.ndarray:
    """Codes int64 of integer sums, 0..count - 1."""
    whole = (requantiser.factor * sums.astype(np.int64) + requantiser.offset) >> requantiser.shift
    return np.clip(whole, 0, count - 1)
