"""Thresholds as base and step tell the same sums apart."""

import numpy as np
import pytest

from compiler.backend.requantising.threshold_lines import threshold_lines


def threshold_line(levels, low, high, spacing=1):
    """(lines of one row, its thresholds); None without one."""
    lines = threshold_lines(levels[None], np.array([low]), np.array([high]), spacing)
    return lines if lines.found[0] else None


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("spacing", [1, 2])
def test_every_sum_reaches_the_same_thresholds(seed, spacing):
    rng = np.random.default_rng(seed)
    low = int(rng.integers(-500, 0))
    sums = low + spacing * np.arange(int(rng.integers(10, 2000)))
    step, base = rng.uniform(0.3, 200), rng.uniform(-600, 600)
    levels = np.ceil(base + step * np.arange(15)).astype(np.int64)
    if spacing == 2:  # as they come from thresholds on half as many numbers
        levels = low + 2 * -((low - levels) // 2)
    line = threshold_line(levels, low, int(sums[-1]), spacing)
    found = line.levels(15)[0]
    assert ((sums[:, None] >= found).sum(1) == (sums[:, None] >= levels).sum(1)).all()
    assert line.fraction <= 10


def test_even_distances_need_no_fraction():
    line = threshold_line(np.array([-7, -2, 3, 8]), -100, 100)
    assert [line.base[0], line.step[0], line.fraction[0]] == [-7, 5, 0]


def test_crooked_thresholds_have_no_line():
    assert threshold_line(np.array([0, 10, 30]), -100, 100) is None
    assert threshold_line(np.array([0, 10, 30]), -100, 20) is not None


def test_thresholds_that_are_never_or_always_reached_may_move():
    far = 1 << 40
    line = threshold_line(np.array([-far, 4, 9, far, far]), 0, 13)
    found = line.levels(5)[0]
    assert found[0] <= 0
    assert found[1:3].tolist() == [4, 9]
    assert (found[3:] > 13).all()
    assert threshold_line(np.array([-far, 4, 9, far, far]), 0, 20) is None  # 14 would be reached


def test_one_threshold():
    assert threshold_line(np.array([17]), 0, 100).levels(1).tolist() == [[17]]
