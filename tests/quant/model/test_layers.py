"""Layers: borders of 1-bit maps, pixels, activations, and what a policy decides."""

import pytest

pytest.importorskip("torch")

import torch
from torch.nn import functional as F

from quant.model.features import Feature, Taps
from quant.model.layers import Conv, Correction, LearnedReLU, PixelQuant
from quant.model.policy import Policy, Precision
from quant.quantisers.binary import BinaryWeight
from quant.recipes.lsq import activation, weight


def layer(precision: Precision, kernel: int = 3, stride: int = 1) -> Conv:
    policy = Policy(weight=weight, activation=activation, backbone=precision)
    return Conv(4, 6, kernel, stride, policy=policy, stage="backbone", name="model.1")


def feature(seed: int) -> Feature:
    dice = torch.Generator().manual_seed(seed)
    taps = Taps(Policy(weight=weight, activation=activation))
    taps.planned = True
    return Feature(torch.randn(2, 4, 7, 9, generator=dice), taps)


@pytest.mark.parametrize("stride", [1, 2])
def test_borders_of_one_bit_maps_are_minus_one(stride, seed):
    conv, x = layer(Precision(weights=1, activations=1), stride=stride).eval(), feature(seed)
    with torch.no_grad():
        found = conv(x).real
        codes = torch.where(x.real >= x.real.mean((0, 2, 3), keepdim=True), 1.0, -1.0)
        padded = F.pad(codes, (1, 1, 1, 1), value=-1)
        w = conv.weight_quant(conv.conv.weight)
        expected = conv.act(conv.bn(F.conv2d(padded, w, stride=stride)))
    torch.testing.assert_close(found, expected)
    # A border of zeros would be seen: the sums of a 1-bit layer are all odd or all even.
    sums = F.conv2d(padded, torch.sign(w), stride=stride)
    assert sums.unique().long().remainder(2).unique().numel() == 1
    assert isinstance(conv.weight_quant, BinaryWeight)
    assert isinstance(conv.act, LearnedReLU)


def test_borders_of_other_maps_are_zero(seed):
    conv, x = layer(Precision(weights=4, activations=4)).eval(), feature(seed)
    with torch.no_grad():
        found = conv(x).real
        w = conv.weight_quant(conv.conv.weight)
        expected = F.relu(conv.bn(F.conv2d(x.at(4), w, padding=1)))
    torch.testing.assert_close(found, expected)


def test_float_layers_quantise_nothing(seed):
    conv, x = layer(Precision()), feature(seed)
    with torch.no_grad():
        expected = F.relu(conv.eval().bn(F.conv2d(x.real, conv.conv.weight, padding=1)))
        torch.testing.assert_close(conv(x).real, expected)
    assert not x.taps.keys()


def test_learned_relu_by_hand():
    act = LearnedReLU(2)
    act.shift_in.data[0, 0], act.shift_out.data[0, 0] = 1.0, 0.5
    act.slope.data[:] = torch.tensor([0.1, -2.0])
    x = torch.tensor([[-3.0, -0.5], [-3.0, 2.0]]).view(1, 2, 1, 2)
    # Channel 0: 0.1 * (-3 + 1) + 0.5 and (-0.5 + 1) + 0.5. Channel 1: a slope below 0 is 0.001.
    assert act(x).flatten().tolist() == pytest.approx([0.3, 1.0, -0.003, 2.0])


def test_learned_relu_rises(seed):
    act = LearnedReLU(3)
    for parameter in act.parameters():
        parameter.data = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed))
    x = torch.linspace(-5, 5, 101).view(1, 1, 1, -1).expand(1, 3, 1, -1)
    assert (act(x).diff(dim=3) > 0).all()


def test_pixels_are_bytes_in_evaluation():
    x = torch.tensor([0.0, 0.3 / 255, 0.7 / 255, 1.0])
    quant = PixelQuant()
    assert quant(x) is x
    assert (quant.eval()(x) * 255).tolist() == pytest.approx([0, 0, 1, 255])


def test_correction_by_hand():
    correction = Correction(2)
    correction.gain.data[0, 1], correction.offset.data[0, 0] = 3.0, 0.5
    assert correction(torch.ones(1, 2, 1, 1)).flatten().tolist() == [1.5, 3.0]
