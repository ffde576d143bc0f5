"""Thresholds from black-box functions, exactly."""

import numpy as np
import pytest

from compiler.errors import QuantisationError
from compiler.frontend.thresholds import bisect, count_levels, find_factors, from_table, verify
from golden.network import Thresholds


def every_sum(low, high):
    return np.tile(np.arange(low, high + 1), (1, 1))


@pytest.mark.parametrize("slope", [0.37, -0.37, 0.0, 0.125, -0.5, 1000.0])
@pytest.mark.parametrize("offset", [0.0, 0.5, -3.25])
def test_bisect_equals_the_function_everywhere(slope, offset):
    def codes(v):
        return np.clip(np.rint(v * slope + offset), 0, 15).astype(np.int64)

    low, high = np.array([-300]), np.array([211])
    thresholds = bisect(codes, low, high, 16, "test")
    sums = every_sum(-300, 211)
    assert (count_levels(thresholds, sums) == codes(sums.astype(float))).all()
    assert thresholds.levels.shape == (1, 15)
    assert (np.diff(thresholds.levels) >= 0).all()


def test_channels_rise_fall_and_rest():
    slopes = np.array([[0.5], [-0.5], [0.0]])

    def codes(v):
        return np.clip(np.floor(v * slopes), 0, 3).astype(np.int64)

    low, high = np.full(3, -20), np.full(3, 20)
    thresholds = bisect(codes, low, high, 4, "test")
    sums = np.tile(np.arange(-20, 21), (3, 1))
    assert thresholds.sign.tolist() == [1, -1, 1]
    assert (count_levels(thresholds, sums) == codes(sums.astype(float))).all()
    assert (thresholds.levels[2] == Thresholds.FAR).all()


def test_always_and_never():
    def codes(v):
        return np.full(v.shape, 2)

    thresholds = bisect(codes, np.array([-5]), np.array([5]), 4, "test")
    assert thresholds.levels.tolist() == [[-Thresholds.FAR, -Thresholds.FAR, Thresholds.FAR]]


def prove(codes, limits, low, high, count, where="Conv 'c'"):
    """Thresholds by bisection, and their proof."""

    def at(channels, sums):
        rows = np.zeros((low.size, sums.size))
        rows[channels, np.arange(sums.size)] = sums
        return codes(rows)[channels, np.arange(sums.size)]

    thresholds = bisect(codes, low, high, count, where)
    verify(thresholds, at, limits, low, high, where)
    return thresholds


def nothing_known(channels, low, high):
    return np.zeros(low.size), np.full(low.size, 99)


def test_verify_finds_a_single_bump():
    def codes(v):
        return np.where(v == 17, 1, (v > 40).astype(np.int64))

    low, high = np.array([-100]), np.array([100])
    with pytest.raises(QuantisationError, match="Conv 'c': the codes neither only rise"):
        prove(codes, nothing_known, low, high, 2)


def test_verify_finds_a_bump_among_very_many_sums():
    """One sum of 10^11, by limits that are only as good as interval arithmetic's."""
    place = 12_345_678_901

    def codes(v):
        return ((np.abs(v - place) < 0.5) | (v > 40e9)).astype(np.int64)

    def limits(channels, low, high):
        least, most = codes(low[None])[0], codes(high[None])[0]
        return least, np.maximum(most, (low <= place) & (high >= place))

    low, high = np.array([-(10**11)]), np.array([10**11])
    with pytest.raises(QuantisationError, match="neither only rise"):
        prove(codes, limits, low, high, 2)


def test_verify_gives_up_rather_than_sample(monkeypatch):
    monkeypatch.setattr("compiler.frontend.thresholds.MOST_RANGES", 1000)

    def codes(v):
        return (v > 0).astype(np.int64)

    low, high = np.full(3, -(10**6)), np.full(3, 10**6)
    with pytest.raises(QuantisationError, match="cannot be decided in 1000 steps"):
        prove(codes, nothing_known, low, high, 2)


def test_verify_takes_falling_and_constant_channels():
    slopes = np.array([[0.5], [-0.5], [0.0]])

    def codes(v):
        return np.clip(np.floor(v * slopes), 0, 3).astype(np.int64)

    def limits(channels, low, high):
        ends = np.stack([np.floor(end * slopes[channels, 0]) for end in (low, high)])
        return np.clip(ends.min(axis=0), 0, 3), np.clip(ends.max(axis=0), 0, 3)

    low, high = np.full(3, -20), np.full(3, 20)
    assert prove(codes, limits, low, high, 4).sign.tolist() == [1, -1, 1]


def test_table_that_is_not_monotone():
    assert from_table(np.arange(4), np.array([[0, 2, 1, 3]]), 4) is None


def test_equal_sums_need_equal_codes():
    assert from_table(np.array([1, 1, 2]), np.array([[0, 1, 1]]), 2) is None


@pytest.mark.parametrize("scales", [(1.0, 1.0), (0.3, 0.7), (0.11, 0.83), (1.0, -0.4)])
def test_factors_for_all_pairs(scales):
    a, b = np.arange(16), np.arange(-8, 8)
    x = a[:, None] * scales[0] + b[None, :] * scales[1]
    table = np.clip(np.rint(x / 0.9), 0, 15).astype(np.int64)[None]
    factors, thresholds = find_factors(a, b, table, 16)
    sums = factors[0] * a[:, None] + factors[1] * b[None, :]
    assert (count_levels(thresholds, sums.reshape(1, -1)) == table.reshape(1, -1)).all()
    assert max(map(abs, factors)) <= 127


def test_no_factors_for_a_product():
    a = np.arange(-4, 5)
    table = np.clip(a[:, None] * a[None, :] + 8, 0, 15)[None]
    assert find_factors(a, a, table, 16, largest=20) is None
