"""How the weights of a group become codes: two uniform schemes and one that is not.

The three of Baghbanbashi et al., "Quantizing YOLOv7" (CSICC 2023, arXiv 2407.04943), whose text was
not at hand: the uniform formulas are the usual ones (Jacob et al., CVPR 2018, section 2.1), the
non-uniform scheme is Lloyd's (IEEE Trans. Information Theory 28(2), 1982), which is our choice.

Each takes ``groups`` [g, n], rows that share their parameters, and returns what the codes stand
for, of the same shape. Parameters are kept in half precision, and computed with as they are kept.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: Lloyd's iterations; a few dozen are enough for histograms of weights.
MOST_ITERATIONS = 100


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """A way to quantise, and the ``parameters`` (of half precision) that a group needs for it.

    ``budget``: of all weights' bits the share that parameters may take when granularities are
    combined; with 4 bits, what makes the paper's 3.92 and 3.86 of 4.
    """

    name: str
    quantise: Callable[[np.ndarray, int], np.ndarray]
    parameters: Callable[[int], int]
    budget: float


def half(x: np.ndarray) -> np.ndarray:
    """As it is kept: rounded to half precision."""
    return np.asarray(x, np.float16).astype(np.float64)


def _step(span: np.ndarray, levels: int) -> np.ndarray:
    # A step rounded down could leave the largest weight outside; one of 0 would divide by it.
    step = half(span / levels)
    step = np.where(step * levels < span, half(np.nextafter(np.float16(step), np.float16(9))), step)
    return np.maximum(step, float(np.finfo(np.float16).smallest_subnormal))


def symmetric(groups: np.ndarray, bits: int) -> np.ndarray:
    """One step, max |w| / (2^(b-1) - 1); codes -(2^(b-1) - 1) .. 2^(b-1) - 1, zero point 0."""
    top = 2 ** (bits - 1) - 1
    step = _step(np.abs(groups).max(1, keepdims=True), top)
    return np.clip(np.round(groups / step), -top, top) * step


def affine(groups: np.ndarray, bits: int) -> np.ndarray:
    """One step, (max - min) / (2^b - 1), and a zero point, round(-min / step); 0 stays 0."""
    top = 2**bits - 1
    low = np.minimum(groups.min(1, keepdims=True), 0)
    step = _step(np.maximum(groups.max(1, keepdims=True), 0) - low, top)
    zero = np.round(-low / step)
    return (np.clip(np.round(groups / step) + zero, 0, top) - zero) * step


def codebook(groups: np.ndarray, bits: int) -> np.ndarray:
    """2^b values a group, those with the least squared error that Lloyd's algorithm finds."""
    return np.stack([_lloyd(row, 2**bits) for row in groups])


def _lloyd(row: np.ndarray, count: int) -> np.ndarray:
    """Values of one row, the nearer of two: centres that start at quantiles serve the many small
    weights, centres that start evenly the few large ones.
    """
    ordered = np.sort(row)
    starts = (
        np.quantile(ordered, (np.arange(count) + 0.5) / count),
        np.linspace(ordered[0], ordered[-1], count),
    )
    found = [_nearest(row, _centres(ordered, start)) for start in starts]
    return min(found, key=lambda values: ((values - row) ** 2).sum())


def _centres(ordered: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Each centre becomes the mean of the weights that are nearest to it, until none moves."""
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    ends = None
    for _ in range(MOST_ITERATIONS):
        inner = np.searchsorted(ordered, (centres[1:] + centres[:-1]) / 2)
        found = np.concatenate([[0], inner, [len(ordered)]])
        if ends is not None and (found == ends).all():
            break
        ends = found
        members = np.diff(ends)
        # A centre without weights stays where it is.
        centres = np.where(members > 0, np.diff(sums[ends]) / np.maximum(members, 1), centres)
    return np.sort(half(centres))


def _nearest(row: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return centres[np.searchsorted((centres[1:] + centres[:-1]) / 2, row)]


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme(name="symmetric", quantise=symmetric, parameters=lambda _bits: 1, budget=0.0204),
        Scheme(name="affine", quantise=affine, parameters=lambda _bits: 2, budget=0.0204),
        Scheme(name="codebook", quantise=codebook, parameters=lambda bits: 2**bits, budget=0.0362),
    )
}
