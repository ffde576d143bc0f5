"""Ranges of activations."""

import numpy as np
import pytest

from compiler.quantize.ranges import (
    Grid,
    Seen,
    adds_exactly,
    enlarged,
    find_grid,
    grid_of,
    thinned,
)


def seen(samples: np.ndarray, *functions) -> Seen:
    return Seen(float(samples.min()), float(samples.max()), samples, functions)


def error(grid: Grid, x: np.ndarray, f=lambda x: x) -> float:
    return float(((f(grid.rounded(x)) - f(x)) ** 2).mean())


def silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


def test_all_that_was_seen(rng):
    samples = rng.normal(1, 2, 5000).astype(np.float32)
    grid = find_grid([seen(samples)], 8, "minmax")
    assert grid.scale == np.float32((samples.max() - samples.min()) / 255)
    assert np.abs(grid.rounded(samples) - samples).max() <= 1.01 * grid.scale
    assert grid.rounded(np.zeros(1, np.float32)) == 0


def test_zero_is_a_value_of_every_range():
    assert grid_of(2, 6, 4) == Grid(float(np.float32(0.4)), 0, 4)
    assert grid_of(-6, -2, 4).zero == 15
    assert grid_of(0, 0, 8).scale > 0


@pytest.mark.parametrize(("bits", "share"), [(3, 0.3), (4, 0.4), (8, 0.95)])
def test_least_error(rng, bits, share):
    """Heavy tails: the range that holds all is not the best one."""
    samples = rng.standard_t(3, 40_000).astype(np.float32)
    best, widest = (find_grid([seen(samples)], bits, method) for method in ("mse", "minmax"))
    assert error(best, samples) < share * error(widest, samples)
    # Better than those beside it.
    for factor in (0.8, 1.25):
        other = Grid(best.scale * factor, best.zero, bits)
        assert error(best, samples) < error(other, samples)


def test_percentile_leaves_out_the_rarest(rng):
    samples = np.append(rng.uniform(-1, 1, 100_000), [50.0]).astype(np.float32)
    grid = find_grid([seen(samples)], 8, "percentile")
    assert grid.scale * 255 == pytest.approx(2, rel=0.01)


def test_error_behind_a_function(rng):
    """Negative values of large magnitude are all the same to SiLU: no codes are spent on them."""
    samples = rng.normal(-4, 6, 40_000).astype(np.float32)
    before = find_grid([seen(samples)], 8, "mse")
    behind = find_grid([seen(samples, silu)], 8, "mse")
    assert error(behind, samples, silu) < 0.7 * error(before, samples, silu)
    assert behind.scale * behind.zero < 0.6 * before.scale * before.zero


@pytest.mark.parametrize(("bits", "functions", "as_method"), [
    (8, (), "minmax"), (8, (silu,), "mse"), (4, (), "mse"), (4, (silu,), "mse"),
])  # fmt: skip
def test_what_is_chosen_by_itself(rng, bits, functions, as_method):
    """Nothing is cut off where there are 256 codes and no function behind them."""
    samples = rng.normal(size=20000).astype(np.float32) ** 3
    chosen, expected, other = (
        find_grid([seen(samples, *functions)], bits, method)
        for method in ("auto", as_method, {"mse": "minmax", "minmax": "mse"}[as_method])
    )
    assert chosen == expected != other


def test_shared_grids_hold_all_their_tensors(rng):
    parts = [rng.normal(0, spread, 5000).astype(np.float32) for spread in (1, 8)]
    grid = find_grid([seen(part) for part in parts], 8, "minmax")
    assert np.abs(grid.rounded(parts[1]) - parts[1]).max() <= 1.01 * grid.scale


def test_without_negative_values(rng):
    samples = rng.normal(0, 1, 5000).astype(np.float32)
    assert find_grid([seen(samples)], 4, "mse", unsigned=True).zero == 0


def test_thinned_samples_stand_for_all(rng):
    samples = rng.normal(0, 1, 100_000).astype(np.float32)
    values, weights = thinned(samples)
    assert weights.sum() == pytest.approx(samples.size)
    assert {samples.min(), samples.max()} <= set(values.tolist())
    assert (weights * values**2).sum() == pytest.approx((samples**2).sum(), rel=1e-3)


def test_steps_that_cannot_be_added():
    """58 times the second step is 5.49999 of the others: float32 rounds it up or down, as the first
    operand has it. A thousandth more, and all is as real numbers say."""
    one, two = Grid(0.0007230959599837661, 113, 8), Grid(6.856932304799557e-05, 146, 8)
    for sign in (1, -1):
        assert not adds_exactly(one, two, one, sign, np.asarray)
        assert adds_exactly(one, enlarged(two), one, sign, np.asarray)
    assert adds_exactly(one, one, one, 1, np.asarray)
    assert not adds_exactly(one, two, one, 1, lambda x: np.maximum(x, 0).ravel())
