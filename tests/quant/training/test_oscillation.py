"""Weights that are made to flip: counted, frozen, pulled to their codes."""

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from quant.model.layers import QuantisedConvolution
from quant.model.policy import Policy, Precision
from quant.quantisers.lsq import LearnedStepQuantiser
from quant.training.oscillation import MOMENTUM, Oscillations, dampening, quantised_weights
from tests.quant import tiny

STEP = 0.5


@pytest.fixture
def layer():
    """Four weights with codes -3..3 and a step of 0.5, at codes 0, 1, 1 and -2."""
    policy = Policy(weight=lambda bits, _: LearnedStepQuantiser(bits, signed=True, narrow=True))
    precision = Precision(weights=3, activations=4)
    made = QuantisedConvolution(nn.Conv2d(4, 1, 1, bias=False), policy, precision)
    made.weight_quant.started.fill_(True)
    made.weight_quant.step.data.fill_(STEP)
    put(made, [0.0, 0.5, 0.6, -1.0])
    return made


def put(layer, values):
    layer.conv.weight.data.copy_(torch.tensor(values).view(1, 4, 1, 1))


def values(layer):
    return layer.conv.weight.flatten().tolist()


def test_flips_are_counted(layer):
    follow = Oscillations(layer)
    assert follow.update() == 0  # nothing to compare with
    assert follow.update() == 0
    put(layer, [0.3, 0.5, 0.7, -1.0])  # the first goes to code 1; the third stays at 1
    assert follow.update() == 0.25
    put(layer, [0.2, 1.0, 0.7, -1.5])  # back to 0; to 2; to -3
    assert follow.update() == 0.75


def test_only_flipping_back_is_an_oscillation(layer):
    follow = Oscillations(layer)
    for first, second in ((0.0, 0.5), (0.3, 1.0), (0.2, 1.5), (0.3, 1.5)):
        # The first flips up, down, up: two oscillations. The second climbs.
        put(layer, [first, second, 0.6, -1.0])
        follow.update()
    frequency = follow.state[""]["frequency"].flatten().tolist()
    assert frequency == pytest.approx([MOMENTUM * (1 - MOMENTUM) + MOMENTUM, 0, 0, 0])
    assert follow.oscillating() == 0.25
    assert follow.oscillating(limit=0.5) == 0


def test_oscillating_weights_are_frozen_at_their_average_code(layer):
    follow = Oscillations(layer)
    follow.update()
    for step in range(60):
        # Three quarters of the time above the threshold between code 0 and code 1.
        put(layer, [0.4 if step % 4 else 0.1, 0.5, 0.6 + step / 100, -1.0])
        follow.update(freeze_above=1.0)
    # In the very step in which it is frozen, which may be the last one.
    follow.update(freeze_above=0.2)
    frozen = follow.state[""]["frozen"].flatten().tolist()
    assert frozen == [True, False, False, False]
    average = float(follow.state[""]["average"].flatten()[0])
    held = round(average) * STEP
    assert values(layer)[0] == held
    for step in range(5):
        put(layer, [-3.0, 0.5, 1.2, (-1.0) ** step])
        flips = follow.update(freeze_above=1.0)
        assert values(layer)[0] == held
        assert flips <= 0.5
    # The others go where training puts them.
    assert values(layer)[1:] == pytest.approx([0.5, 1.2, 1.0])


def test_frozen_weights_follow_their_step(layer):
    follow = Oscillations(layer)
    follow.update()
    follow.state[""]["frozen"][:] = torch.tensor([False, True, False, False]).view(1, 4, 1, 1)
    layer.weight_quant.step.data.fill_(0.4)
    follow.update()
    assert values(layer)[1] == pytest.approx(0.4)


def test_dampening_by_hand_and_its_gradient(layer):
    put(layer, [0.1, 0.5, 0.6, -4.0])
    total = dampening(layer)
    # Distances to codes 0, 1, 1; what is clipped lies on the last code.
    assert total.item() == pytest.approx(0.1**2 + 0 + 0.1**2 + 0)
    total.backward()
    assert layer.conv.weight.grad.flatten().tolist() == pytest.approx([0.2, 0, 0.2, 0])
    assert layer.weight_quant.step.grad is None


def test_which_layers_have_codes(seed):
    model = tiny.detector("mpq")
    # Signs need no first tensor; the others are not started yet.
    assert {m.weight_quant.bits for m in quantised_weights(model).values()} == {1}
    tiny.steps(model, seed, count=1)
    assert {m.weight_quant.bits for m in quantised_weights(model).values()} == {1, 4}
    assert not quantised_weights(tiny.detector("float"))
