"""LSQ+: a learned zero point that stays an integer."""

import pytest

pytest.importorskip("torch")

import torch

from quant.quantisers.lsq_plus import OffsetStepQuantiser


@pytest.fixture
def x(seed):
    """Like a LeakyReLU's result: a tenth of a normal distribution below 0."""
    dice = torch.Generator().manual_seed(seed)
    x = torch.randn(2000, generator=dice, dtype=torch.float64)
    return torch.where(x < 0, 0.1 * x, x)


def test_zero_is_a_code_and_means_zero(x):
    q = OffsetStepQuantiser(4, signed=False).double()
    q(x)
    zero = q.zero()
    assert zero == zero.round()
    assert 0 < zero < 15
    assert q(torch.zeros(3, dtype=torch.float64)).tolist() == [0, 0, 0]


def test_the_range_starts_at_the_data(x):
    q = OffsetStepQuantiser(4, signed=False).double()
    y = q(x).detach()
    high = torch.minimum(x.max(), x.mean() + 4 * x.std())
    assert float(q.step.detach()) * 15 == pytest.approx(float(high - x.min()))
    # Rounding the zero point moves the range by up to half a step.
    assert float((y - x).abs().max()) < 1.01 * float(q.step.detach())


def test_nothing_below_zero_needs_no_zero_point(x):
    q = OffsetStepQuantiser(4, signed=False).double()
    q(x.clamp_min(0))
    assert q.zero() == 0


def test_step_and_zero_point_learn(x):
    """Where nothing is clipped, one more zero point moves every value by one step."""
    q = OffsetStepQuantiser(4, signed=False).double()
    q(x)
    q(x[x > 8 * q.step]).sum().backward()
    clipped = (x > (q.high - q.zero()) * q.step).sum()
    assert clipped == 0 or q.offset.grad != 0
    q.zero_grad()
    # All clipped at the top: y = (high - zero) * step.
    q(torch.full((4,), 100.0, dtype=torch.float64)).sum().backward()
    weight = 1 / (4 * 15) ** 0.5
    assert float(q.offset.grad) == pytest.approx(-4 * float(q.step.detach()) * weight)
    assert float(q.step.grad) == pytest.approx(4 * (15 - float(q.zero().detach())) * weight)
