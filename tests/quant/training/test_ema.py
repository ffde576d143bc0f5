"""Averages: the formula, and what they start from."""

import math

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from quant.quantisers.lsq import LearnedStepQuantiser
from quant.recipes.stages import BINARY_ACTIVATIONS, EVERYTHING, switch
from quant.training.ema import RAMP, Average
from tests.quant import tiny


def test_the_formula():
    model = nn.BatchNorm1d(1)
    average = Average(model, 0.9)
    mine = [1.0, 0.0]  # weight and running mean
    for step in range(1, 40):
        model.weight.data.fill_(math.sin(step))
        model.running_mean.fill_(math.cos(step))
        model.num_batches_tracked.fill_(step)
        average.update(model)
        decay = 0.9 * (1 - math.exp(-step / RAMP))
        now = [math.sin(step), math.cos(step)]
        mine = [decay * a + (1 - decay) * b for a, b in zip(mine, now, strict=True)]
    found = [average.model.weight.item(), average.model.running_mean.item()]
    assert found == pytest.approx(mine, rel=1e-5)
    assert average.model.num_batches_tracked == 39
    assert not average.model.training
    assert not average.model.weight.requires_grad


def test_oscillations_average_out():
    model = nn.Linear(1, 1, bias=False)
    average = Average(model, 0.99)
    for step in range(2000):
        model.weight.data.fill_(0.3 + (-1) ** step)
        average.update(model)
    assert average.model.weight.item() == pytest.approx(0.3, abs=0.02)


def test_the_model_is_not_touched(seed):
    model = tiny.steps(tiny.detector("lsq"), seed, count=1)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    average = Average(model, 0.9)
    average.update(model)
    average.model.model["stem"].conv.weight.data.zero_()
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_a_scale_that_has_just_been_chosen_is_taken_over():
    """Not mixed with the 1 that stood there before the quantiser saw a tensor."""
    model = nn.Sequential(LearnedStepQuantiser(4, signed=False))
    average = Average(model, 0.998)
    average.steps = 10_000  # the decay has long come to its value
    average.update(model)
    model(torch.full((5,), 0.01))
    step = model[0].step.detach().clone()
    assert step < 0.01
    average.update(model)
    torch.testing.assert_close(average.model[0].step.data, step)
    model[0].step.data.mul_(2)
    average.update(model)
    torch.testing.assert_close(average.model[0].step.data, step * (1 + 0.002), rtol=1e-4, atol=0)


def test_quantisers_that_are_switched_on_late(seed):
    """Progressive quantisation: the average of a step is near the step, from its first use on."""
    model = tiny.detector("mpq")
    average = Average(model, 0.998)
    for stage in (frozenset({BINARY_ACTIVATIONS}), EVERYTHING):
        switch(model, stage)
        for _ in range(2):
            tiny.steps(model, seed, count=1, rate=1e-5)
            average.steps += 5000
            average.update(model)
    pairs = zip(model.named_parameters(), average.model.parameters(), strict=True)
    steps = [(name, p, q) for (name, p), q in pairs if name.endswith("step")]
    assert len(steps) == 12  # weights of seven layers, five groups of tensors
    for name, now, averaged in steps:
        assert averaged.flatten().tolist() == pytest.approx(now.flatten().tolist(), rel=0.01), name
