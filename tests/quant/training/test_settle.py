"""Normalisation statistics: of all pictures, with the weights as they are now."""

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from quant.data.pictures import Loaded
from quant.training.settle import BATCH, settle_norms
from tests.quant import tiny


def noise(seed, count, height=tiny.HEIGHT, width=tiny.WIDTH) -> Loaded:
    dice = torch.Generator().manual_seed(seed)
    pixels = torch.randint(256, (count, 3, height, width), generator=dice, dtype=torch.uint8)
    return Loaded(pixels=pixels, targets=[torch.zeros(0, 5)] * count, placements=[])


def test_statistics_are_those_of_all_pictures(seed):
    model = nn.Sequential(nn.BatchNorm2d(3, momentum=0.03))
    model[0].running_mean.fill_(7)
    model[0].running_var.fill_(7)
    loaded = noise(seed, 2 * BATCH, 8, 8)
    settle_norms(model, loaded)
    x = loaded.pixels / 255
    torch.testing.assert_close(model[0].running_mean, x.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model[0].running_var, x.var((0, 2, 3)), rtol=1e-2, atol=1e-4)
    assert model[0].momentum == 0.03
    assert not model.training


def test_the_average_network_fits_its_statistics_afterwards(seed):
    """What each normalisation puts out has mean bias and deviation weight, over the pictures."""
    # Slowly: a quantiser's step that came near 0 would leave nothing to normalise.
    model = tiny.steps(tiny.detector("mpq"), seed, rate=1e-4)
    model.model["stem"].conv.weight.data.mul_(3)  # the old statistics are wrong now
    loaded, seen = noise(seed, 4), {}
    settle_norms(model, loaded)
    bn = model.model["stem"].bn
    bn.register_forward_hook(lambda _m, _i, y: seen.setdefault("y", y))
    with torch.no_grad():
        model(loaded.pixels / 255)
    y = seen["y"]
    torch.testing.assert_close(y.mean((0, 2, 3)), bn.bias.data, rtol=0, atol=0.02)
    torch.testing.assert_close(y.std((0, 2, 3)), bn.weight.data.abs(), rtol=0.05, atol=0.01)


def test_nothing_but_statistics_changes(seed):
    model = tiny.steps(tiny.detector("gaussian"), seed)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    settle_norms(model, noise(seed, 3))
    changed = {k.rsplit(".", 1)[-1] for k, v in model.state_dict().items()
               if not torch.equal(v, before[k])}  # fmt: skip
    assert changed <= {"running_mean", "running_var", "num_batches_tracked"}
    assert changed >= {"running_mean", "running_var"}
