"""Ranges of activations: which values the codes of a tensor stand for.

``minmax``: all that was seen. ``percentile``: without the rarest values. ``mse``: the range with
the least mean squared error of what was seen, and where a function follows that becomes a table, of
the function's values: below -8, SiLU needs no codes. ``gaussian``: the one of two half Gaussians
that were fitted to it (``compiler.quantize.gaussian``). ``auto``: ``minmax`` where there are the
256 codes of 8 bits and no such function, else ``mse``: with so many codes the peaks that ``mse``
cuts off cost detections more than the smaller steps bring (docs/quantising.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from compiler.frontend.functions.table_sums import find_tables
from compiler.quantize.gaussian import fitted_step, pieces

METHODS = ("auto", "mse", "percentile", "minmax", "gaussian")
MANY = 8
"""Bits of as many codes as need no values cut off."""
PERCENTILE = 99.99
TAIL, MIDDLE = 512, 12288
"""Order statistics that the search looks at: the rarest each by itself, the others thinned out."""
SHRUNK = np.geomspace(1.0, 0.05, 60)
"""Shares of an end of the range that are tried."""
LEAST = 1e-6
"""Least magnitude of a range: of tensors that hold nothing else than zeros."""


@dataclass(frozen=True)
class Grid:
    """Code c of ``bits`` bits stands for (c - zero) * scale; ``scale`` is a float32 number."""

    scale: float
    zero: int
    bits: int

    @property
    def top(self) -> int:
        """The largest code."""
        return (1 << self.bits) - 1

    def rounded(self, x: np.ndarray) -> np.ndarray:
        """The values that the codes of ``x`` stand for, float32, as QuantizeLinear rounds them."""
        scale = np.float32(self.scale)
        codes = np.clip(np.rint(x / scale) + self.zero, 0, self.top)
        return ((codes - self.zero) * scale).astype(np.float32)


def grid_of(low: float, high: float, bits: int) -> Grid:
    """The grid of a range; 0 is one of its values."""
    low, high = min(low, 0.0), max(high, 0.0)
    top = (1 << bits) - 1
    scale = float(np.float32(max(high - low, LEAST) / top))
    return Grid(scale, int(np.clip(np.rint(-low / scale), 0, top)), bits)


def adds_exactly(
    first: Grid, second: Grid, result: Grid, sign: int, function: Callable[[np.ndarray], np.ndarray]
) -> bool:
    """Whether ``function`` of a sum (or difference: ``sign`` -1), rounded to the codes of
    ``result``, is a table for each operand, which is what the array adds.

    Runtimes add in float32. Where a multiple of one step is nearer to half a step of the result
    than these round (one scale in some hundreds), the other operand decides which way it goes, and
    no table says that.
    """
    parts = [
        (np.arange(grid.top + 1) - grid.zero).astype(np.float32) * np.float32(grid.scale)
        for grid in (first, second)
    ]
    parts[1] *= np.float32(sign)
    sums = parts[0][:, None] + parts[1]
    codes = np.rint(function(sums).reshape(sums.shape) / np.float32(result.scale)) + result.zero
    codes = np.clip(codes, 0, result.top).astype(np.int64)
    shares = (part.astype(np.float64) for part in parts)
    return find_tables(*shares, codes, result.scale, -result.zero * result.scale) is not None


def enlarged(grid: Grid) -> Grid:
    """A grid with steps a thousandth larger: as good, and other sums fall on half a step."""
    return replace(grid, scale=float(np.float32(grid.scale * (1 + 2**-10))))


@dataclass(frozen=True, eq=False)
class Seen:
    """A sample of what a tensor holds, its ends, and the functions whose values count."""

    low: float
    high: float
    samples: np.ndarray
    functions: Sequence[Callable[[np.ndarray], np.ndarray]] = ()


def thinned(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(values, weights): order statistics of a sample, and how many elements each stands for."""
    ordered = np.sort(samples)
    if ordered.size <= 2 * TAIL + MIDDLE:
        return ordered, np.ones(ordered.size)
    inner = ordered[TAIL:-TAIL]
    picked = inner[(np.arange(MIDDLE) + 0.5).astype(int) * inner.size // MIDDLE]
    values = np.concatenate([ordered[:TAIL], picked, ordered[-TAIL:]])
    weights = np.concatenate([np.ones(TAIL), np.full(MIDDLE, inner.size / MIDDLE), np.ones(TAIL)])
    return values, weights


def gaussian_grid(samples: np.ndarray, signed: bool, bits: int) -> Grid:
    """The grid of two half Gaussians, whose codes are shared out as their deviations are."""
    top = (1 << bits) - 1
    left, right = pieces(samples)
    zero = round(top * left / max(left + right, LEAST)) if signed else 0
    step = fitted_step(samples, -zero, top - zero)
    return Grid(float(np.float32(max(step, LEAST / top))), zero, bits)


def find_grid(seen: Sequence[Seen], bits: int, method: str, *, unsigned: bool = False) -> Grid:
    """The grid that several tensors share. ``unsigned``: code 0 stands for 0, whatever was seen."""
    low, high = min(each.low for each in seen), max(each.high for each in seen)
    if method == "auto":
        plain = bits >= MANY and not any(each.functions for each in seen)
        method = "minmax" if plain else "mse"
    if method == "percentile":
        ends = [np.percentile(each.samples, [100 - PERCENTILE, PERCENTILE]) for each in seen]
        low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    low = 0.0 if unsigned else min(low, 0.0)
    high = max(high, 0.0)
    if method == "gaussian":
        return gaussian_grid(np.concatenate([each.samples for each in seen]), low < 0, bits)
    if method != "mse":
        return grid_of(low, high, bits)
    parts = [(*thinned(each.samples), each.functions) for each in seen]
    wanted = [[f(x) for f in functions] or [x] for x, _, functions in parts]

    def error(low: float, high: float) -> float:
        grid, total = grid_of(low, high, bits), 0.0
        for (x, weights, functions), targets in zip(parts, wanted, strict=True):
            rounded = grid.rounded(x)
            for f, target in zip(functions or (lambda x: x,), targets, strict=True):
                total += float((weights * (f(rounded) - target).astype(np.float64) ** 2).sum())
        return total

    found_low, found_high = low, high
    for _ in range(2):
        found_high = min(SHRUNK * high, key=lambda end: error(found_low, end))
        if low < 0:
            found_low = min(SHRUNK * low, key=lambda end: error(end, found_high))
    return grid_of(found_low, found_high, bits)
