"""Steps that are optimal for a Gaussian, against published optima."""

import pytest

pytest.importorskip("torch")

import numpy as np
import torch

from quant.quantisers.base import code_range
from quant.quantisers.gaussian import GaussianQuantiser, best_step, pieces

#: Optimal uniform quantisers of a Gaussian (Max, 1960, and numerical integration), in sigmas.
OPTIMA = {
    "full": {2: 1.0484, 3: 0.6018, 4: 0.3386, 8: 0.0308},
    "narrow": {2: 1.2240, 3: 0.6508, 4: 0.3534, 8: 0.0309},
    "half": {2: 0.6508, 3: 0.3534, 4: 0.1932, 8: 0.0165},
}
OPTIONS = {
    "full": {"signed": True, "narrow": False},
    "narrow": {"signed": True, "narrow": True},
    "half": {"signed": False, "narrow": False},
}


@pytest.mark.parametrize("grid", OPTIMA)
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_best_step_is_the_published_optimum(grid, bits):
    low, high = code_range(bits, **OPTIONS[grid])
    step = best_step(low, high, 1.0 if OPTIONS[grid]["signed"] else 0.0)
    assert step == pytest.approx(OPTIMA[grid][bits], rel=0.012)


@pytest.mark.parametrize("grid", OPTIMA)
def test_the_step_follows_the_deviation(grid, seed):
    x = 3 * torch.randn(100_000, generator=torch.Generator().manual_seed(seed))
    q = GaussianQuantiser(4, **OPTIONS[grid])
    q(x if q.signed else x.relu())
    assert float(q.step) == pytest.approx(3 * OPTIMA[grid][4], rel=0.02)


def test_no_other_step_has_less_error(seed):
    x = torch.randn(50_000, generator=torch.Generator().manual_seed(seed))
    q = GaussianQuantiser(4, signed=True, narrow=True).eval()
    errors = []
    for factor in (1.0, 0.85, 1.15):
        if factor == 1.0:
            q(x)
            best = q.step.clone()
        q.step.copy_(best * factor)
        errors.append(float((q(x) - x).square().mean()))
    assert errors[0] < min(errors[1:])


def test_a_small_side_below_the_mode(seed):
    x = torch.randn(100_000, generator=torch.Generator().manual_seed(seed))
    left, right = pieces(torch.where(x < 0, 0.1 * x, x))
    assert (left, right) == pytest.approx((0.1, 1.0), rel=0.02)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 2.0])
@pytest.mark.parametrize(("low", "high"), [(-8, 7), (-1, 2)])
def test_two_pieces_by_integration(low, high, ratio):
    """The error of every step, summed over the density: none is less than at the best step."""
    x = np.linspace(-12, 12, 24_001)
    density = np.exp(-0.5 * (x / np.where(x < 0, ratio, 1)) ** 2)

    def error(step: float) -> float:
        return float((((x / step).round().clip(low, high) * step - x) ** 2 * density).sum())

    best = best_step(low, high, ratio)
    tried = np.linspace(0.5, 1.5, 101) * best
    assert tried[np.argmin([error(step) for step in tried])] == pytest.approx(best, rel=0.021)


def test_follows_while_training_and_not_when_frozen(seed):
    x = torch.randn(5000, generator=torch.Generator().manual_seed(seed))
    q = GaussianQuantiser(4, signed=True, narrow=True)
    q(x)
    before = float(q.step)
    q(x * 10)
    assert float(q.step) == pytest.approx(before * (1 + 0.01 * 9), rel=0.01)
    q.frozen = True
    after = float(q.step)
    q(x * 10)
    q.frozen = False
    q.eval()(x * 10)
    assert float(q.step) == after


def test_nothing_at_all_has_a_step():
    q = GaussianQuantiser(4, signed=False)
    assert q(torch.zeros(10)).tolist() == [0.0] * 10
    assert q.step > 0
