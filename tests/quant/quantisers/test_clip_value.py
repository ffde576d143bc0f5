"""AQD's quantisers: clip values that are learned, odd weights."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from quant.quantisers.clip_value import ClipValueActivation, ClipValueWeight


@pytest.fixture
def w(seed):
    dice = torch.Generator().manual_seed(seed)
    return torch.randn(16, 8, 3, 3, generator=dice, dtype=torch.float64) * 0.02 + 0.01


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_weights_are_odd_integers(w, bits):
    q, n = ClipValueWeight(bits, signed=True).double(), 2**bits - 1
    y, codes = q(w), q.codes(w)
    assert set(codes.unique().tolist()) == set(range(-n, n + 1, 2))
    torch.testing.assert_close(y, codes * q.scale())


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_weights_are_the_codes_formula(w, bits):
    q, n = ClipValueWeight(bits, signed=True).double(), 2**bits - 1
    y = q(w)
    alpha, x = float(q.clip.detach()), w.numpy()
    unit = x.std()
    x = (x - x.mean()) / unit
    expected = alpha * (2 * np.rint((np.clip(x / alpha, -1, 1) + 1) / 2 * n) / n - 1)
    np.testing.assert_allclose(y.detach().numpy() / unit, expected, atol=1e-5)


def test_the_start_is_near_the_optimum_of_a_gaussian(w):
    """Without a zero, 4 bits: spacing 0.3352 sigma (notes on quantisation, section 4.2)."""
    q = ClipValueWeight(4, signed=True).double()
    q(w)
    spacing = float(2 * q.scale().detach() / w.std(unbiased=False))
    assert spacing == pytest.approx(0.3352, abs=0.1 * 2 / 15)


def test_the_deviation_is_that_of_the_first_weights(w):
    q = ClipValueWeight(4, signed=True).double()
    q(w)
    scale = q.scale().detach().clone()
    q(w * 2)
    assert q.scale() == scale
    inside = (w - w.mean()).abs() <= float(q.alpha().detach())
    far = (q(w).detach() - (w - w.mean())).abs()
    assert (far[inside] <= float(scale) * 1.001).all()


def test_activations_are_the_codes_formula(seed):
    x = torch.randn(4000, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    q = ClipValueActivation(4, signed=False).double()
    y = q(x)
    alpha = float(q.clip.detach())
    assert 1.5 < alpha < x.max()
    expected = alpha * np.rint(np.clip(x.numpy() / alpha, 0, 1) * 15) / 15
    np.testing.assert_allclose(y.detach().numpy(), expected)
    # A clipped value moves with the clip value; others by their rounding error.
    y.sum().backward()
    v = x.clamp(0, alpha) / alpha * 15
    of_clip = torch.where(x > alpha, 1.0, (v.round() - v) / 15).sum()
    assert float(q.clip.grad) == pytest.approx(float(of_clip))


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_activations_start_at_the_least_error(bits, seed):
    x = torch.randn(4000, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    q = ClipValueActivation(bits, signed=False).double()

    def error(alpha: float) -> float:
        grid = alpha * (x / alpha).clamp(0, 1).mul(2**bits - 1).round() / (2**bits - 1)
        return float((grid - x.clamp_min(0)).square().mean())

    q(x)
    found = error(float(q.clip.detach()))
    assert found <= 1.02 * min(error(a) for a in np.linspace(0.3, 5, 200))
