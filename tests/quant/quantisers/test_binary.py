"""One bit: what the sign of zero is, and how gradients pass a sign."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from compiler.check.reference import run_float64
from quant.exports.export_qonnx import export
from quant.quantisers.binary import BinaryWeight, ClippedSign, ParabolaSign, ShiftedSign


@pytest.mark.parametrize("sign", [ParabolaSign, ClippedSign])
def test_zero_is_plus_one(sign):
    x = torch.tensor([-2.0, -1e-30, -0.0, 0.0, 1e-30, 2.0])
    assert sign.apply(x).tolist() == [-1, -1, 1, 1, 1, 1]


def test_gradients_of_the_signs():
    points = [-2.0, -1.5, -1.0, -0.5, 0.0, 0.25, 1.0, 1.6]
    for sign, expected in (
        (ParabolaSign, [0, 0, 0, 1, 2, 1.5, 0, 0]),
        (ClippedSign, [0, 1, 1, 1, 1, 1, 1, 0]),
    ):
        x = torch.tensor(points, requires_grad=True)
        sign.apply(x).backward(torch.full((8,), 3.0))
        assert x.grad.tolist() == [3 * e for e in expected]


def test_weights_are_two_values_for_each_channel(seed):
    dice = torch.Generator().manual_seed(seed)
    w = torch.randn(6, 4, 3, 3, generator=dice) * torch.arange(1, 7).view(6, 1, 1, 1) + 1
    q = BinaryWeight(6)
    y = q(w)
    alpha = w.abs().mean((1, 2, 3))
    for channel, size in zip(y, alpha, strict=True):
        assert channel.unique().tolist() == pytest.approx([-float(size), float(size)])
    torch.testing.assert_close(y, q.codes(w) * q.scale_of(w))
    # The threshold is the channel's mean, and what equals it is +1.
    w = torch.tensor([-1.0, 0.0, 1.0, 4.0]).view(1, 4, 1, 1)
    assert BinaryWeight(1).codes(w).flatten().tolist() == [-1, -1, 1, 1]
    assert BinaryWeight(1).codes(w[:, :3]).flatten().tolist() == [-1, 1, 1]


def test_the_scale_has_no_gradient(seed):
    w = torch.randn(2, 8, 1, 1, generator=torch.Generator().manual_seed(seed), requires_grad=True)
    q = BinaryWeight(2)
    q(w).sum().backward()
    (through,) = torch.autograd.grad(ClippedSign.apply(q.standardised(w)).sum(1), w,
                                     grad_outputs=q.scale_of(w)[:, 0])  # fmt: skip
    torch.testing.assert_close(w.grad, through)


def test_shifts_move_the_sign_and_learn():
    q = ShiftedSign(2)
    q.shift.data.copy_(torch.tensor([0.5, -0.5]).view(1, 2, 1, 1))
    q.started.fill_(True)
    x = torch.tensor([-0.5, 0.5]).view(1, 2, 1, 1)
    assert q(x).flatten().tolist() == q.codes(x).flatten().tolist() == [1, 1]
    assert q(x - 1e-6).flatten().tolist() == [-1, -1]
    q(x).sum().backward()
    assert q.shift.grad.flatten().tolist() == [2, 2]


def test_shifts_start_where_both_values_occur(seed):
    torch.manual_seed(seed)
    q = ShiftedSign(3)
    x = torch.randn(4, 3, 5, 5).relu() + torch.tensor([0.0, 1.0, -2.0]).view(1, 3, 1, 1)
    share = (q(x) > 0).float().mean((0, 2, 3))
    torch.testing.assert_close((x + q.shift).mean((0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-5)
    assert ((share > 0.2) & (share < 0.6)).all()
    shift = q.shift.clone()
    q(x + 1)
    assert torch.equal(q.shift, shift)


def test_switched_off_activations_still_shift():
    q = ShiftedSign(1)
    q.shift.data.fill_(0.25)
    q.enabled = False
    assert q(torch.ones(1, 1, 1, 1)).item() == 1.25


class Layer(nn.Module):
    """1-bit activations and weights in a 1x1 convolution."""

    def __init__(self):
        super().__init__()
        self.sign, self.weight_quant = ShiftedSign(3), BinaryWeight(5)
        self.weight = nn.Parameter(torch.randn(5, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv2d(self.sign(x), self.weight_quant(self.weight))


def test_exported_node_computes_the_same(seed, tmp_path):
    torch.manual_seed(seed)
    layer = Layer()
    layer.sign.started.fill_(True)
    layer.sign.shift.data.copy_(torch.tensor([0.5, 0.0, -0.25]).view(1, 3, 1, 1))
    x = torch.round(torch.randn(1, 3, 6, 6) * 4) / 4  # many lie exactly on a threshold
    assert (x + layer.sign.shift == 0).any()
    export(layer, tmp_path / "one.onnx", x, ("y",), "x")
    found = run_float64(str(tmp_path / "one.onnx"), x.double().numpy())["y"]
    with torch.no_grad():
        np.testing.assert_allclose(found, layer(x).numpy(), rtol=1e-6, atol=1e-6)
