"""Arrays of real numbers: float64 with an error bound, and the exact numbers behind it on request.

Arithmetic runs in float64 and carries a bound on how far every element may be from the exact
result. Where a step function (a rounding, a comparison) could fall on either side within that
bound, those elements alone are computed again as fractions. Square roots, exponentials and what is
made of them have no fractions; they count as the float64 number of their exact argument.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

Array = np.ndarray
#: A float only where a fraction cannot be: infinity and NaN.
Number = Fraction | float

#: Twice the rounding error of a float64 operation, relative to its result; the factor covers the
#: rounding of the bounds themselves.
UNIT = 2.0**-52
#: And absolutely, where a result underflows.
TINY = 2.0**-1000


@dataclass(frozen=True, eq=False)
class Levels:
    """Elements as ``numbers[index]``: equal elements are computed once."""

    numbers: list[Number]
    index: Array

    def at(self, places: Array) -> Levels:
        return Levels(self.numbers, self.index[places])


def number(value: float) -> Number:
    """A float64 as what it is exactly."""
    return Fraction(value) if math.isfinite(value) else float(value)


def compact(codes: Array, count: int) -> tuple[Array, Array]:
    """The codes 0..count-1 that occur, ascending, and every element's place among them."""
    if count > 2 * codes.size + (1 << 16):
        used, index = np.unique(codes, return_inverse=True)
        return used, index.reshape(-1)
    places = np.zeros(count, np.intp)
    places[codes] = 1
    used = np.flatnonzero(places)
    places[used] = np.arange(used.size)
    return used, places[codes]


def distinct(values: Array) -> Levels:
    """The levels of float64 values [n], taken as exact."""
    if not values.size:
        return Levels([], np.zeros(0, np.intp))
    low, high = values.min(), values.max()
    if -(2.0**40) < low <= high < 2.0**41 and high - low < 2 * values.size + (1 << 16):
        offsets = values - low
        if (np.rint(offsets) == offsets).all() and (low + offsets == values).all():
            used, index = compact(offsets.astype(np.intp), int(high - low) + 1)
            first = Fraction(float(low))
            return Levels([first + int(offset) for offset in used], index)
    found, index = np.unique(values, return_inverse=True)
    return Levels([number(float(value)) for value in found], index.reshape(-1))


def combine(parts: list[Levels], rule: Callable[..., Number], size: int) -> Levels:
    """``rule`` of ``size`` elements of several arrays, once for every combination that occurs.

    Arrays of one element go with every element of the others.
    """
    codes, count = np.broadcast_to(parts[0].index, (size,)), len(parts[0].numbers)
    for part in parts[1:]:
        codes, count = codes * len(part.numbers) + part.index, count * len(part.numbers)
    used, index = compact(codes, count)
    results = []
    for code in used.tolist():
        chosen = []
        for part in reversed(parts):
            code, place = divmod(code, len(part.numbers))
            chosen.append(part.numbers[place])
        results.append(rule(*reversed(chosen)))
    return Levels(results, index)


def broadcast(levels: Callable[[Array | None], Levels], shape: tuple, places: Array | None,
              into: tuple) -> Levels:  # fmt: skip
    """Levels of an array of ``shape`` at flat places of ``into``, to which it is broadcast.

    None: at all places, in order. A single element stays one.
    """
    if shape == into:
        return levels(places)
    if math.prod(shape) == 1:
        return levels(None)
    spread = np.broadcast_to(np.arange(math.prod(shape)).reshape(shape), into)
    if places is not None:
        return levels(spread[np.unravel_index(places, into)])
    everything = levels(None)
    index = np.broadcast_to(everything.index.reshape(shape), into).reshape(-1)
    return Levels(everything.numbers, index)


class Reals:
    """An array of real numbers.

    ``values`` float64; no element is further than ``error`` from the exact number;
    ``find(places)`` gives the exact numbers at flat places, or everywhere for None.
    """

    def __init__(self, values: Array, error: float, find: Callable[[Array | None], Levels]):
        self.values = values
        self.error = error
        self._find = find
        self._levels: Levels | None = None

    # How they are made

    @classmethod
    def exactly(cls, values: Array | float) -> Reals:
        """Numbers that are exact as they stand in float64."""
        values = np.asarray(values, np.float64)

        def find(places: Array | None) -> Levels:
            flat = values.reshape(-1)
            return distinct(flat if places is None else flat[places])

        return cls(values, 0.0, find)

    @classmethod
    def fractions(cls, numbers: list[Number], shape: tuple) -> Reals:
        """Exact numbers in the order of a flat array."""
        values = np.array([float(n) for n in numbers], np.float64).reshape(shape)
        everything = Levels(numbers, np.arange(len(numbers)))
        size = float(np.abs(values).max(initial=0))
        exact = all(number(float(n)) == n for n in numbers)
        return cls(
            values,
            0.0 if exact else size * UNIT + TINY,
            lambda places: everything if places is None else everything.at(places),
        )

    @classmethod
    def of(cls, value: Reals | Array | float) -> Reals:
        return value if isinstance(value, Reals) else cls.exactly(value)

    # What they are

    @property
    def shape(self) -> tuple:
        return self.values.shape

    @property
    def size(self) -> float:
        """The largest magnitude, about."""
        return float(np.abs(self.values).max(initial=0))

    def levels(self, places: Array | None = None) -> Levels:
        """The exact numbers at flat places, or everywhere."""
        if self._levels is None and places is not None:
            return self._find(places)
        if self._levels is None:
            self._levels = self._find(None)
        return self._levels if places is None else self._levels.at(places)

    # Arithmetic

    def __add__(self, other: Reals | Array | float) -> Reals:
        other = Reals.of(other)
        return elementwise(np.add, lambda x, y: x + y, self.error + other.error, self, other)

    def __sub__(self, other: Reals | Array | float) -> Reals:
        other = Reals.of(other)
        return elementwise(np.subtract, lambda x, y: x - y, self.error + other.error, self, other)

    def __mul__(self, other: Reals | Array | float) -> Reals:
        other = Reals.of(other)
        error = self.error * other.size + other.error * self.size + self.error * other.error
        return elementwise(np.multiply, lambda x, y: x * y, error, self, other)

    def __truediv__(self, other: Reals | Array | float) -> Reals:
        other = Reals.of(other)
        nearest = float(np.abs(other.values).min(initial=np.inf)) - other.error
        error = math.inf
        if nearest > 0:
            error = (self.error + other.error * self.size / nearest) / nearest
        return elementwise(np.divide, divide, error, self, other)

    def __radd__(self, other: Array | float) -> Reals:
        return Reals.of(other) + self

    def __rsub__(self, other: Array | float) -> Reals:
        return Reals.of(other) - self

    def __rmul__(self, other: Array | float) -> Reals:
        return Reals.of(other) * self

    def __neg__(self) -> Reals:
        return elementwise(np.negative, lambda x: -x, self.error, self, rounds=False)

    def __abs__(self) -> Reals:
        return elementwise(np.abs, abs, self.error, self, rounds=False)


def divide(x: Number, y: Number) -> Number:
    """X / y, as in floating point where y is 0."""
    if y != 0:
        return x / y
    with np.errstate(all="ignore"):
        return float(np.divide(float(x), 0.0))


def elementwise(
    function: Callable[..., Array],
    rule: Callable[..., Number],
    error: float,
    *operands: Reals,
    rounds: bool = True,
) -> Reals:
    """A function of each element: ``function`` on float64 arrays, ``rule`` on exact numbers.

    ``error``: how far errors of the operands move the result; the rounding of the result itself is
    added where it ``rounds``.
    """
    with np.errstate(all="ignore"):
        values = np.asarray(function(*(operand.values for operand in operands)), np.float64)

    def find(places: Array | None) -> Levels:
        parts = [broadcast(o.levels, o.shape, places, values.shape) for o in operands]
        return combine(parts, rule, values.size if places is None else places.size)

    if rounds:
        error = error * (1 + UNIT) + UNIT * float(np.abs(values).max(initial=0)) + TINY
    return Reals(values, error, find)


def maximum(x: Reals, y: Reals | Array | float) -> Reals:
    """The larger of two."""
    y = Reals.of(y)
    return elementwise(np.maximum, max, max(x.error, y.error), x, y, rounds=False)


def minimum(x: Reals, y: Reals | Array | float) -> Reals:
    """The smaller of two."""
    y = Reals.of(y)
    return elementwise(np.minimum, min, max(x.error, y.error), x, y, rounds=False)


def transcendental(function: Callable[[Array], Array], slope: float, x: Reals) -> Reals:
    """A function without exact results: the float64 number at the exact argument.

    ``slope``: the largest magnitude of its derivative. A few units in the last place are allowed
    for, relative to 1 or to the result.
    """

    def rule(argument: Number) -> Number:
        with np.errstate(all="ignore"):
            return number(float(function(np.array([float(argument)]))[0]))

    with np.errstate(all="ignore"):
        size = float(np.abs(function(x.values)).max(initial=1.0))
    return elementwise(function, rule, slope * x.error + 32 * UNIT * size, x)


def decide(x: Reals, function: Callable[[Array], Array], rule: Callable[[Number], int]) -> Reals:
    """A step function that never falls: ``function`` on arrays, ``rule`` on an exact number."""
    with np.errstate(all="ignore"):
        values = np.asarray(function(x.values), np.float64)
        if x.error == 0:
            return Reals.exactly(values)
        reach = x.error * (1 + UNIT) + UNIT * x.size
        undecided = function(x.values - reach) != function(x.values + reach)
    places = np.flatnonzero(undecided | ~np.isfinite(x.values) | (not math.isfinite(reach)))
    if places.size:
        levels = x.levels(places)
        decided = np.array(
            [rule(n) if isinstance(n, Fraction) else float(function(np.float64(n)))
             for n in levels.numbers], np.float64,
        )  # fmt: skip
        values = values.copy()
        values.reshape(-1)[places] = decided[levels.index]
    return Reals.exactly(values)


def gather(sources: list[Reals], places: Array) -> Reals:
    """Elements moved: result[...] = all sources, flat, one after another, at ``places``[...]."""
    starts = np.cumsum([0, *(source.values.size for source in sources)])
    pool = np.concatenate([source.values.reshape(-1) for source in sources])

    def find(wanted: Array | None) -> Levels:
        chosen = places.reshape(-1) if wanted is None else places.reshape(-1)[wanted]
        if len(sources) == 1:
            return sources[0].levels().at(chosen) if wanted is None else sources[0].levels(chosen)
        numbers: list[Number] = []
        index = np.zeros(chosen.size, np.intp)
        for source, start, stop in zip(sources, starts, starts[1:], strict=False):
            inside = np.flatnonzero((chosen >= start) & (chosen < stop))
            if not inside.size:
                continue
            levels = source.levels(chosen[inside] - start)
            index[inside] = levels.index + len(numbers)
            numbers.extend(levels.numbers)
        return Levels(numbers, index)

    return Reals(pool[places], max(source.error for source in sources), find)


def multiples(numbers: list[Fraction]) -> tuple[list[int], Fraction]:
    """Numbers as whole multiples of the largest unit that they have in common."""
    scale = math.lcm(*(n.denominator for n in numbers))
    whole = [n.numerator * (scale // n.denominator) for n in numbers]
    divisor = math.gcd(*whole) or scale
    return [n // divisor for n in whole], Fraction(divisor, scale)
