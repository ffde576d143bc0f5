"""Normalisation that adds an integer: batch normalisation, but for a rounded shift."""

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from quant.model.integer_norm import IntegerNorm


@pytest.fixture
def norms(seed):
    """An integer and an ordinary normalisation with the same parameters; one falls."""
    dice = torch.Generator().manual_seed(seed)
    pair = IntegerNorm(3, eps=1e-3, momentum=0.03), nn.BatchNorm2d(3, eps=1e-3, momentum=0.03)
    for norm in pair:
        norm.double()
        norm.weight.data = torch.tensor([0.5, -2.0, 1.0], dtype=torch.float64)
        norm.bias.data = torch.tensor([0.3, -0.7, 2.0], dtype=torch.float64)
        norm.running_mean.copy_(torch.tensor([0.4, -1.0, 7.0]))
        norm.running_var.copy_(torch.tensor([2.0, 0.5, 9.0]))
    x = torch.randint(-40, 40, (4, 3, 6, 5), generator=dice).double() * 0.125
    return *pair, x


@pytest.mark.parametrize("training", [True, False])
def test_a_fine_grid_is_batch_normalisation(norms, training):
    integer, ordinary, x = norms
    integer.train(training)
    ordinary.train(training)
    y, _ = integer.in_units(x, torch.tensor(1e-9, dtype=torch.float64))
    torch.testing.assert_close(y, ordinary(x), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(integer.running_mean, ordinary.running_mean)
    torch.testing.assert_close(integer.running_var, ordinary.running_var)


def test_results_are_integers_of_their_unit(norms):
    integer, ordinary, x = norms
    grid = torch.tensor(0.125, dtype=torch.float64)
    y, unit = integer.eval().in_units(x, grid)
    torch.testing.assert_close(y / unit, (y / unit).round(), rtol=0, atol=1e-6)
    assert (unit > 0).all()
    # Half a unit off at most, from rounding the shift.
    assert ((y - ordinary.eval()(x)).abs() <= unit / 2 + 1e-9).all()


def test_the_exported_integers_are_those(norms):
    integer, _, x = norms
    grid = torch.tensor(0.125, dtype=torch.float64)
    y, unit = integer.eval().in_units(x, grid)
    sign, added, same = integer.integers(grid)
    assert torch.equal(unit, same)
    assert sign.flatten().tolist() == [1, -1, 1]
    assert torch.equal(added, added.round())
    sums = (x / grid) * sign.view(1, 3, 1, 1) + (sign.flatten() * added).view(1, 3, 1, 1)
    torch.testing.assert_close(sums * unit, y)


def test_a_channel_that_is_switched_off_stays_finite(norms):
    integer, _, x = norms
    integer.weight.data[0] = 0
    y, unit = integer.eval().in_units(x, torch.tensor(0.125, dtype=torch.float64))
    assert torch.isfinite(y).all()
    assert (unit > 0).all()
