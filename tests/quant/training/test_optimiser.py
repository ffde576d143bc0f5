"""Groups of parameters and their learning rates."""

import math

import pytest

pytest.importorskip("torch")

import torch

from quant.recipes import RECIPES, Options, make_recipe
from quant.training.optimiser import LAST, STEPS, WARMUP_STEPS, factor, make_optimiser, rising
from tests.quant import tiny


@pytest.mark.parametrize("name", RECIPES)
def test_every_parameter_is_in_one_group(name):
    model, recipe = tiny.detector(name), make_recipe(name, None, Options())
    optimiser = make_optimiser(model, recipe, 0.5)
    found = [id(p) for group in optimiser.param_groups for p in group["params"]]
    assert sorted(found) == sorted(id(p) for p in model.parameters())
    names = {id(p): n for n, p in model.named_parameters()}
    for group in optimiser.param_groups:
        kinds = {names[id(p)].rsplit(".", 1)[-1] for p in group["params"]}
        steps = kinds & set(STEPS)
        assert not steps or kinds == steps
        assert group["lr"] == (recipe.step_rate if steps else recipe.rate) * 0.5
        decays = all(names[id(p)].endswith("conv.weight") for p in group["params"])
        assert group["weight_decay"] == (recipe.weight_decay if decays else 0)


def test_rates_rise_and_fall():
    steps = 10 * WARMUP_STEPS
    rates = [factor(step, steps) for step in range(steps)]
    assert rates[0] == pytest.approx(1 / WARMUP_STEPS, rel=1e-3)
    assert max(rates) == pytest.approx(1, abs=0.03)
    assert rates.index(max(rates)) == WARMUP_STEPS - 1
    assert rates[-1] == pytest.approx(LAST, rel=1e-2)
    middle = steps // 2
    assert rates[middle] == pytest.approx(LAST + (1 - LAST) / 2)


def test_short_trainings_warm_up_in_a_tenth():
    assert [factor(step, 20) for step in range(2)] == pytest.approx(
        [0.5, LAST + (1 - LAST) * (1 + math.cos(math.pi / 20)) / 2]
    )
    assert factor(0, 1) == 1


def test_rising():
    assert rising(0, 0.1, 0.01) == pytest.approx(0.1)
    assert rising(0.5, 0.1, 0.01) == pytest.approx(0.055)
    assert rising(1, 0.1, 0.01) == rising(2, 0.1, 0.01) == pytest.approx(0.01)


def test_decay_shrinks_weights_and_nothing_else():
    model, recipe = tiny.detector("lsq"), make_recipe("lsq", None, Options())
    optimiser = make_optimiser(model, recipe, 1.0)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    for name, parameter in model.named_parameters():
        share = 1 - recipe.rate * recipe.weight_decay if name.endswith("conv.weight") else 1
        torch.testing.assert_close(parameter.detach(), before[name] * share, rtol=1e-6, atol=0)
