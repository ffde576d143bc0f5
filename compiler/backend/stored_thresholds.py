"""Thresholds of the channels of a span, and of codes in their stored form."""

import numpy as np

from compiler.backend.job import ChannelSpan
from compiler.backend.storage import Storage
from golden.network import Thresholds


def rows_of(thresholds: Thresholds | None, span: ChannelSpan) -> Thresholds | None:
    """The thresholds of a span's channels."""
    if thresholds is None:
        return None
    rows = slice(span.first, span.stop)
    return Thresholds(levels=thresholds.levels[rows], sign=thresholds.sign[rows])


def stored_thresholds(thresholds: Thresholds | None, storage: Storage) -> Thresholds | None:
    """Thresholds for stored codes: multiplier m repeats each level, shifts are always passed."""
    if thresholds is None or (storage.multiplier, storage.shift) == (1, 0):
        return thresholds
    levels = np.repeat(thresholds.levels, storage.multiplier, axis=1)
    shift = np.full((levels.shape[0], storage.shift), -Thresholds.FAR)
    return Thresholds(levels=np.concatenate([shift, levels], axis=1), sign=thresholds.sign)
