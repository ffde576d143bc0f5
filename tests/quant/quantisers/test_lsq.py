"""LSQ's gradients, against the paper's equations by hand and against autograd."""

import math

import pytest

pytest.importorskip("torch")

import torch

from quant.quantisers.lsq import LearnedStepQuantiser


def quantiser(step: float, bits: int, **options: object) -> LearnedStepQuantiser:
    made = LearnedStepQuantiser(bits, **options).double()
    made.started.fill_(True)
    made.step.data.fill_(step)
    return made


def test_gradients_by_hand():
    """Equations 1 to 3 with s = 0.5, codes -2 to 1: v = x / s."""
    q = quantiser(0.5, 2, signed=True)
    x = torch.tensor([-2.0, -0.8, -0.1, 0.2, 0.4, 0.9], dtype=torch.float64, requires_grad=True)
    # v = -4, -1.6, -0.2, 0.4, 0.8, 1.8; the first and the last are clipped.
    y = q(x)
    assert y.tolist() == [-1.0, -1.0, 0.0, 0.0, 0.5, 0.5]
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 1, 0]
    of_step = -2 + (-2 + 1.6) + (0 + 0.2) + (0 - 0.4) + (1 - 0.8) + 1
    weight = 1 / math.sqrt(6 * 1)  # six values, largest code 1
    assert float(q.step.grad) == pytest.approx(of_step * weight)


def naive(x: torch.Tensor, step: torch.Tensor, low: int, high: int, weight: float):
    """What autograd makes of the formula, with a weighed step and a rounding that passes."""
    step = (step - step * weight).detach() + step * weight
    v = (x / step).clamp(low, high)
    return (v + (v.round() - v).detach()) * step


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("channels", [None, 5])
@pytest.mark.parametrize("options", [{"signed": True, "narrow": True}, {"signed": False}], ids=str)
def test_gradients_equal_autograds(bits, channels, options, seed):
    dice = torch.Generator().manual_seed(seed)
    # Long tails: something is clipped in any number of bits.
    x = torch.randn(5, 7, 3, 3, dtype=torch.float64, generator=dice) ** 5
    upstream = torch.randn(x.shape, dtype=torch.float64, generator=dice)
    q = quantiser(1.0, bits, channels=channels, **options)
    size = x.abs() if q.signed else x.clamp_min(0)
    q.step.data.copy_(2 * q.mean(size) / math.sqrt(q.high))
    grads = []
    for compute in (
        q,
        lambda x: naive(
            x, q.scale(), q.low, q.high, 1 / math.sqrt(x.numel() / (channels or 1) * q.high)
        ),
    ):
        own = x.clone().requires_grad_()
        q.zero_grad()
        y = compute(own)
        y.backward(upstream)
        grads.append((y.detach(), own.grad, q.step.grad.clone()))
    assert (grads[0][1] == 0).any()
    assert q.step.grad.shape == q.per_channel
    for mine, theirs in zip(*grads, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bits", [2, 3, 4])
@pytest.mark.parametrize("options", [{"signed": True, "narrow": True}, {"signed": False}], ids=str)
def test_starts_near_the_step_with_the_least_error(bits, options, seed):
    dice = torch.Generator().manual_seed(seed)
    # Two channels of very different size.
    x = torch.randn(2, 4000, 1, 1, generator=dice, dtype=torch.float64)
    x *= torch.tensor([0.01, 5.0]).view(2, 1, 1, 1)
    q = LearnedStepQuantiser(bits, channels=2, **options).double()
    q(x)
    for channel in range(2):
        own = x[channel]

        def error(step: float, own: torch.Tensor = own) -> float:
            codes = (own / step).clamp(q.low, q.high).round()
            return float((codes * step - own).square().mean())

        started = float(q.step.detach()[channel])
        least = min(error(started * 1.05**power) for power in range(-40, 40))
        usual = 2 * own.abs().mean().item() / math.sqrt(q.high)
        assert error(started) < 1.1 * least
        assert error(started) <= error(usual)


def test_a_tensor_of_zeros_has_a_step():
    q = LearnedStepQuantiser(4, signed=True, narrow=True, channels=2)
    assert q(torch.zeros(2, 3, 1, 1)).abs().sum() == 0
    assert (q.step > 0).all()


def test_a_step_of_the_wrong_sign_is_a_step():
    q = quantiser(-0.5, 4, signed=False)
    assert q(torch.tensor([1.1])).item() == pytest.approx(1.0)
