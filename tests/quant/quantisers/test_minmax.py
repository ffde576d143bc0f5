"""Ranges that are measured."""

import pytest

pytest.importorskip("torch")

import torch

from quant.quantisers.minmax import MOMENTUM, ActivationRangeQuantiser, WeightRangeQuantiser


def test_weights_follow_their_largest_while_training():
    q = WeightRangeQuantiser(4, signed=True, narrow=True, channels=2)
    w = torch.tensor([[0.7, -0.1], [0.2, -1.4]]).view(2, 2, 1, 1)
    assert q(w).flatten().tolist() == pytest.approx([0.7, -0.1, 0.2, -1.4])
    assert q.scale().flatten().tolist() == pytest.approx([0.1, 0.2])
    q(w * 2)
    assert q.scale().flatten().tolist() == pytest.approx([0.2, 0.4])
    q.eval()(w * 10)
    assert q.scale().flatten().tolist() == pytest.approx([0.2, 0.4])


def test_the_largest_weight_is_kept_and_no_gradient_is_lost(seed):
    w = torch.randn(3, 2, 3, 3, generator=torch.Generator().manual_seed(seed), requires_grad=True)
    q = WeightRangeQuantiser(4, signed=True, narrow=True)
    y = q(w)
    assert torch.equal(y.detach().abs().max(), w.detach().abs().max())
    y.sum().backward()
    assert torch.equal(w.grad, torch.ones_like(w))


def test_activations_average_their_largest():
    q = ActivationRangeQuantiser(4, signed=False)
    q(torch.tensor([0.0, 1.5]))  # starts at 0.1, and is averaged with itself
    q(torch.tensor([3.0, 0.3]))
    assert float(q.step) == pytest.approx((1 - MOMENTUM) * 0.1 + MOMENTUM * 0.2)
    step = float(q.step)
    assert q.eval()(torch.tensor([100.0])).item() == pytest.approx(15 * step)
    assert float(q.step) == step
