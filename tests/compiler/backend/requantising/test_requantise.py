"""Multiplications in place of thresholds: equal for every sum, or not made."""

import numpy as np
import pytest

from compiler.backend.requantising.requantise import codes, of_layer, smallest
from golden.network import Thresholds


def step_function(rng, count: int) -> tuple[np.ndarray, np.ndarray, Thresholds]:
    """Sums, their codes and thresholds of a rounded affine function in float32."""
    low, high = -int(rng.integers(1, 3000)), int(rng.integers(1, 3000))
    sums = np.arange(low, high + 1)
    slope, offset = 10 ** rng.uniform(-3, 0.5), rng.uniform(-50, 300)
    wanted = np.clip(np.rint((sums * slope + offset).astype(np.float32)), 0, count - 1).astype(int)
    levels = np.array([first_at_least(sums, wanted, code) for code in range(1, count)])
    return sums, wanted, Thresholds(levels=levels[None], sign=np.ones(1, np.int8))


def first_at_least(sums: np.ndarray, codes: np.ndarray, code: int) -> int:
    reached = np.flatnonzero(codes >= code)
    if not reached.size:
        return Thresholds.FAR
    return -Thresholds.FAR if reached[0] == 0 else int(sums[reached[0]])


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("falls", [False, True])
def test_every_sum_gets_its_code(seed, falls):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 257))
    sums, wanted, thresholds = step_function(rng, count)
    if falls:
        thresholds = Thresholds(levels=thresholds.levels, sign=-thresholds.sign)
        sums = -sums
    low, high = int(sums.min()), int(sums.max())
    found = smallest(thresholds, 0, low, high)
    assert (codes(found, sums, count) == wanted).all()
    assert (found.factor < 0) == (falls and len(np.unique(wanted)) > 1)
    wide = of_layer(thresholds, np.array([low]), np.array([high]), 24)[0]
    assert (codes(wide, sums, count) == wanted).all()
    assert found.factor_bits <= wide.factor_bits <= 24


def test_a_smaller_factor_does_not_do():
    """Every factor of fewer bits is tried, with every shift and every offset."""
    sums = np.arange(-60, 61)
    wanted = np.clip(np.rint(sums * 0.0721 + 3.3), 0, 7).astype(int)
    levels = np.array([first_at_least(sums, wanted, code) for code in range(1, 8)])
    thresholds = Thresholds(levels=levels[None], sign=np.ones(1, np.int8))
    found = smallest(thresholds, 0, -60, 60)
    assert found.factor_bits > 1
    offsets = np.arange(-1 << 12, 1 << 12)[:, None]
    for factor in range(1 << (found.factor_bits - 1)):
        for shift in range(12):
            got = np.clip((factor * sums[None] + offsets) >> shift, 0, 7)
            assert not (got == wanted).all(axis=1).any(), (factor, shift)


def test_a_crooked_function_has_none():
    levels = np.array([[10, 20, 35, 40]])
    thresholds = Thresholds(levels=levels, sign=np.ones(1, np.int8))
    assert smallest(thresholds, 0, 0, 100) is None
    assert of_layer(thresholds, np.array([0]), np.array([100]), 24) == [None]
    # Where only a part of it is reached, that part counts.
    assert smallest(thresholds, 0, 0, 30) is not None


def test_channels_share_a_shift():
    levels = np.stack([np.arange(1, 16) * 100, np.arange(1, 16) * 7])
    thresholds = Thresholds(levels=levels, sign=np.ones(2, np.int8))
    ends = np.zeros(2, np.int64), np.full(2, 2000)
    made = of_layer(thresholds, *ends, 16)
    assert made[0].shift == made[1].shift
    assert max(each.factor_bits for each in made) == 16
    for channel, each in enumerate(made):
        sums = np.arange(2001)
        wanted = (sums[:, None] >= levels[channel]).sum(axis=1)
        assert (codes(each, sums, 16) == wanted).all()


def test_a_constant_channel():
    far = Thresholds.FAR
    levels = np.array([[-far, -far, far, far]])
    found = smallest(Thresholds(levels=levels, sign=np.ones(1, np.int8)), 0, -50, 50)
    assert (codes(found, np.arange(-50, 51), 5) == 2).all()
