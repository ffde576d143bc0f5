"""DoReFa's odd grid of weights and fixed grid of activations."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from quant.quantisers.dorefa import TanhWeightQuantiser, UnitActivationQuantiser


@pytest.fixture
def w(seed):
    dice = torch.Generator().manual_seed(seed)
    return torch.randn(16, 8, 3, 3, generator=dice, dtype=torch.float64)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_weights_are_odd_integers(w, bits):
    q, n = TanhWeightQuantiser(bits, signed=True), 2**bits - 1
    codes = q.codes(w)
    assert set(codes.unique().tolist()) == set(range(-n, n + 1, 2))
    torch.testing.assert_close(q(w), codes / n, rtol=0, atol=1e-12)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_weights_are_the_papers_formula(w, bits):
    n, squashed = 2**bits - 1, np.tanh(w.numpy())
    expected = 2 * np.rint((squashed / (2 * np.abs(squashed).max()) + 0.5) * n) / n - 1
    np.testing.assert_allclose(TanhWeightQuantiser(bits, signed=True)(w).numpy(), expected)


def test_the_gradient_is_that_of_the_squashing(w):
    w.requires_grad_()
    TanhWeightQuantiser(4, signed=True)(w).sum().backward()
    expected = (1 - torch.tanh(w) ** 2) / torch.tanh(w).abs().max()
    torch.testing.assert_close(w.grad, expected.detach())


def test_activations_lie_in_the_unit_range():
    x = torch.tensor([-1.0, 0.0, 0.49, 0.51, 1.0, 7.0], requires_grad=True)
    y = UnitActivationQuantiser(2, signed=False)(x)
    assert y.tolist() == pytest.approx([0, 0, 1 / 3, 2 / 3, 1, 1])
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 1, 0]


def test_exported_codes_are_those_of_float64():
    """Between two codes float32 may decide otherwise; the file must not."""
    q = TanhWeightQuantiser(4, signed=True)
    w = torch.randn(1 << 21, generator=torch.Generator().manual_seed(2))
    exact = q.codes(w.double())
    assert (q.codes(w) != exact).any(), "no weight shows the difference"
    assert torch.equal(torch.round(q.exported(w).double() * 15), exact)
