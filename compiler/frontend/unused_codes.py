"""Codes that no sum leads to take no bits."""

import numpy as np

from compiler.frontend.encoding import Encoding
from golden.network import Thresholds


def drop_unused_codes(thresholds: Thresholds, encoding: Encoding) -> tuple[Thresholds, Encoding]:
    """The same function with fewer bits, where codes that no sum leads to allow that.

    Typical: the 0 of ONNX Sign, which no sum gives exactly, leaves +-1 in one bit.
    """
    channels = thresholds.levels.shape[0]
    ends = np.full((channels, 1), Thresholds.FAR)
    edges = np.concatenate([-ends, thresholds.levels, ends], axis=1)
    used = np.flatnonzero((np.diff(edges, axis=1) > 0).any(axis=0))
    if used.size < 2:
        return thresholds, encoding
    gap = int(np.gcd.reduce(np.diff(used)))
    kept = np.arange(used[0], used[-1] + 1, gap)
    fewer = Encoding(
        scale=encoding.scale,
        step=encoding.step * gap,
        offset=encoding.offset + encoding.step * int(used[0]),
        count=kept.size,
    )
    if fewer.bits == encoding.bits:
        return thresholds, encoding
    return Thresholds(levels=thresholds.levels[:, kept[1:] - 1], sign=thresholds.sign), fewer
