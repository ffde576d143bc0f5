"""Exact step functions: from a black-box function of an integer to its thresholds.

``codes(v)`` maps float64 sums [channels, n] to int64 codes of the same shape. It is evaluated as
the graph would be, in float64 or in integers, so that ties and every rounding mode come out as they
do there. Thresholds found by bisection hold if the function only rises or only falls; that is
proved for every sum, by limits of the function on whole ranges and by its value where those do not
decide.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from compiler.errors import QuantisationError
from golden.network import Thresholds

CodeFunction = Callable[[np.ndarray], np.ndarray]

#: Ranges per batch of a proof, and how many are looked at before giving up.
BATCH = 1 << 17
MOST_RANGES = 1 << 24


@dataclass(frozen=True, eq=False)
class Ranges:
    """Ranges of sums low[p]..high[p] of channel[p], on which the thresholds give code[p]."""

    channel: np.ndarray
    low: np.ndarray
    high: np.ndarray
    code: np.ndarray

    def __len__(self) -> int:
        return self.channel.size

    def part(self, chosen: slice | np.ndarray) -> "Ranges":
        return Ranges(self.channel[chosen], self.low[chosen], self.high[chosen], self.code[chosen])

    def halves(self) -> "Ranges":
        """What lies between the ends, in two parts each."""
        middle = self.low + (self.high - self.low) // 2
        both = Ranges(
            np.concatenate([self.channel] * 2),
            np.concatenate([self.low + 1, middle + 1]),
            np.concatenate([middle, self.high - 1]),
            np.concatenate([self.code] * 2),
        )
        return both.part(both.low <= both.high)


#: Codes [P] of sums [P] of channels [P]: ``at(channels, sums)``.
CodesAt = Callable[[np.ndarray, np.ndarray], np.ndarray]
#: Smallest and largest code [P] on ranges of sums: ``limits(channels, lows, highs)``.
CodeLimits = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def bisect(
    codes: CodeFunction, low: np.ndarray, high: np.ndarray, count: int, where: str
) -> Thresholds:
    """Thresholds of a monotone function on the integers low[c]..high[c] of each channel.

    ``count``: number of codes. The function may rise in one channel and fall in another.
    """
    channels = low.size
    first, last = (codes(end[:, None].astype(np.float64))[:, 0] for end in (low, high))
    sign = np.where(last >= first, 1, -1)
    # In terms of u = sign * v the function rises, u = below..above.
    below = np.where(sign > 0, low, -high)
    above = np.where(sign > 0, high, -low)
    wanted = np.arange(1, count)[None, :]
    left = np.repeat(below[:, None], count - 1, axis=1).astype(np.int64)
    right = np.repeat(above[:, None] + 1, count - 1, axis=1).astype(np.int64)
    # Invariant: code(left - 1) < wanted <= code(right), with code(above + 1) counted as large.
    while (left < right).any():
        middle = (left + right) // 2
        reached = codes((sign[:, None] * np.minimum(middle, above[:, None])).astype(np.float64))
        reached = reached >= wanted
        right = np.where(reached & (left < right), middle, right)
        left = np.where(~reached & (left < right), middle + 1, left)
    levels = np.where(left > above[:, None], Thresholds.FAR, left)
    levels = np.where(left <= below[:, None], -Thresholds.FAR, levels)
    if (np.diff(levels, axis=1) < 0).any():
        raise falls_and_rises(where, int(np.argwhere(np.diff(levels, axis=1) < 0)[0, 0]))
    return Thresholds(
        levels=levels.reshape(channels, count - 1).astype(np.int64), sign=sign.astype(np.int8)
    )


def constant_ranges(thresholds: Thresholds, low: np.ndarray, high: np.ndarray) -> Ranges:
    """The ranges between the thresholds, which cover low[c]..high[c] of every channel."""
    rises = thresholds.sign[:, None] > 0
    below = np.where(rises, low[:, None], -high[:, None]).astype(np.int64)
    above = np.where(rises, high[:, None], -low[:, None]).astype(np.int64)
    edges = np.clip(thresholds.levels, below, above + 1)
    first = np.concatenate([below, edges], axis=1)
    last = np.concatenate([edges, above + 1], axis=1) - 1
    channel, code = np.nonzero(first <= last)
    first, last = first[channel, code], last[channel, code]
    rises = rises[channel, 0]
    return Ranges(
        channel, np.where(rises, first, -last), np.where(rises, last, -first), code.astype(np.int64)
    )


def verify(
    thresholds: Thresholds,
    at: CodesAt,
    limits: CodeLimits,
    low: np.ndarray,
    high: np.ndarray,
    where: str,
) -> None:
    """QuantisationError unless the thresholds give the codes of all integers low[c]..high[c].

    Ranges on which the limits do not show that the code is constant are halved, down to single
    sums. Gives up, with an error, where that takes too long.
    """
    waiting = [constant_ranges(thresholds, low, high)]
    looked_at = 0
    while waiting:
        ranges = waiting.pop()
        if len(ranges) > BATCH:
            waiting.append(ranges.part(slice(BATCH, None)))
            ranges = ranges.part(slice(BATCH))
        looked_at += len(ranges)
        if looked_at > MOST_RANGES:
            raise undecided(where, int(ranges.channel[0]))
        least, most = limits(ranges.channel, ranges.low, ranges.high)
        ranges = ranges.part((least != ranges.code) | (most != ranges.code))
        if not len(ranges):
            continue
        for sums in (ranges.low, ranges.high):
            wrong = at(ranges.channel, sums) != ranges.code
            if wrong.any():
                raise falls_and_rises(where, int(ranges.channel[wrong.argmax()]))
        ranges = ranges.halves()
        if len(ranges):
            waiting.append(ranges)


def undecided(where: str, channel: int) -> QuantisationError:
    return QuantisationError(
        f"{where}: whether the codes only rise or only fall with the sums cannot be decided in "
        f"{MOST_RANGES} steps (channel {channel}); supported are monotone functions such as ReLU, "
        "LeakyReLU, Clip and sigmoid, and SiLU, HardSwish or Mish. Use one of those."
    )


def falls_and_rises(where: str, channel: int) -> QuantisationError:
    return QuantisationError(
        f"{where}: the codes neither only rise nor only fall with the sums (channel {channel}); "
        "supported are monotone functions such as ReLU, LeakyReLU, PReLU with slopes of 0 or more, "
        "Clip, sigmoid, and SiLU or HardSwish where the quantiser has no negative level. Replace "
        "the activation, quantise its result without negative levels, or put a quantiser before "
        "it too."
    )


def count_levels(thresholds: Thresholds, sums: np.ndarray) -> np.ndarray:
    """Codes int64 [channels, n] of integer sums [channels, n]."""
    directed = sums * thresholds.sign[:, None].astype(np.int64)
    result = np.zeros(directed.shape, np.int64)
    for level in thresholds.levels.T:
        result += directed >= level[:, None]
    return result


def from_table(sums: np.ndarray, table: np.ndarray, count: int) -> Thresholds | None:
    """Thresholds with ``table`` [channels, n] at the integers ``sums`` [n], or None.

    None where the table is not monotone in a channel, or where equal sums need different codes.
    """
    order = np.argsort(sums, kind="stable")
    sums, table = sums[order], table[:, order]
    equal = np.diff(sums) == 0
    steps = np.diff(table, axis=1)
    if (steps[:, equal] != 0).any():
        return None
    rises, falls = (steps >= 0).all(axis=1), (steps <= 0).all(axis=1)
    if not (rises | falls).all():
        return None
    sign = np.where(rises, 1, -1)
    directed = np.where(sign[:, None] > 0, sums[None, :], -sums[None, ::-1])
    table = np.where(sign[:, None] > 0, table, table[:, ::-1])
    reached = table[:, :, None] >= np.arange(1, count)[None, None, :]
    first = reached.argmax(axis=1)
    levels = np.take_along_axis(directed, first, axis=1)
    levels = np.where(reached[:, 0, :], -Thresholds.FAR, levels)
    levels = np.where(reached[:, -1, :], levels, Thresholds.FAR)
    return Thresholds(levels=levels.astype(np.int64), sign=sign.astype(np.int8))


def pair_factors(largest: int) -> Iterator[tuple[int, int]]:
    """Pairs of factors without common divisor, smallest first, positive second sign last."""
    for size in range(1, largest + 1):
        for small in range(size + 1):
            if np.gcd(size, small) != 1:
                continue
            for pair in {(size, small), (small, size)}:
                for signs in ((1, 1), (1, -1)):
                    if 0 in pair and signs == (1, -1):
                        continue
                    yield pair[0] * signs[0], pair[1] * signs[1]


def find_factors(
    first: np.ndarray, second: np.ndarray, table: np.ndarray, count: int, largest: int = 127
) -> tuple[tuple[int, int], Thresholds] | None:
    """Small factors (p, q) such that ``table`` is a step function of p * first + q * second.

    ``first`` [a] and ``second`` [b] are the integers of the two inputs' codes, ``table`` int64
    [channels, a, b] the code for every pair. Checked for all pairs; None where no factors exist.
    """
    flat = table.reshape(table.shape[0], -1)
    rows = np.unique(flat, axis=0)
    grid = np.meshgrid(first, second, indexing="ij")
    for factors in pair_factors(largest):
        sums = (factors[0] * grid[0] + factors[1] * grid[1]).reshape(-1)
        if from_table(sums, rows[:1], count) is None:
            continue
        if from_table(sums, rows, count) is None:
            continue
        return factors, from_table(sums, flat, count)
    return None
