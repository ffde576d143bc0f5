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
    x = (x - x.mean()) / x.std()
    expected = alpha * (2 * np.rint((np.clip(x / alpha, -1, 1) + 1) / 2 * n) / n - 1)
    np.testing.assert_allclose(y.detach().numpy(), expected, atol=1e-6)


def test_the_start_is_near_the_optimum_of_a_gaussian(w):
    """Without a zero, 4 bits: spacing 0.3352 sigma (notes on quantisation, section 4.2)."""
    q = ClipValueWeight(4, signed=True).double()
    q(w)
    assert float(2 * q.scale().detach()) == pytest.approx(0.3352, abs=0.1 * 2 / 15)


def test_activations_are_the_codes_formula(seed):
    x = torch.randn(4000, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    q = ClipValueActivation(4, signed=False).double()
    y = q(x)
    alpha = 0.8 * float(x.max())
    assert float(q.clip.detach()) == pytest.approx(alpha)
    expected = alpha * np.rint(np.clip(x.numpy() / alpha, 0, 1) * 15) / 15
    np.testing.assert_allclose(y.detach().numpy(), expected)
    # A clipped value moves with the clip value; others by their rounding error.
    y.sum().backward()
    v = x.clamp(0, alpha) / alpha * 15
    of_clip = torch.where(x > alpha, 1.0, (v.round() - v) / 15).sum()
    assert float(q.clip.grad) == pytest.approx(float(of_clip))
