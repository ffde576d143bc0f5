"""Sizes and operations, counted by hand."""

import pytest

pytest.importorskip("torch")

from quant.model.models import untrained
from quant.model.policy import Policy, Precision
from quant.recipes import Options, make_recipe
from quant.scoring.accounting import LayerCost, compression, layer_costs
from tests.quant import tiny


def cost(weights: int, macs: int, weight_bits: int, activation_bits: int) -> LayerCost:
    return LayerCost(
        name="layer",
        weights=weights,
        macs=macs,
        weight_bits=weight_bits,
        activation_bits=activation_bits,
    )


def test_two_layers_by_hand():
    found = compression([cost(1000, 6400, 1, 1), cost(100, 3200, 4, 4)])
    assert found.parameters == 1100
    assert found.bytes == (1000 + 400) / 8
    assert found.size == pytest.approx(1100 * 32 / 1400)
    assert found.bops == 6400 + 16 * 3200
    assert found.bit_operations == pytest.approx(9600 * 1024 / (6400 + 16 * 3200))
    # 64 binary multiplications are one operation, eight of 4 bits.
    assert found.operations == pytest.approx(9600 / (100 + 400))


def test_float_is_the_measure():
    found = compression([cost(10, 50, 32, 32)])
    assert (found.size, found.operations, found.bit_operations) == (1, 1, 1)


def test_layers_of_a_network():
    model = tiny.detector("mpq", "yolov5pico")
    costs = {c.name: c for c in layer_costs(model)}
    assert len(costs) == len(model.convolutions()) == 60
    # 8 filters of 6 x 6 x 3 for every second pixel each way.
    stem = costs["model.0"]
    assert (stem.weights, stem.macs) == (8 * 108, 8 * 108 * 32 * 48)
    assert (stem.weight_bits, stem.activation_bits) == (4, 8)
    down = costs["model.1"]
    assert (down.weights, down.macs) == (16 * 8 * 9, 16 * 8 * 9 * 16 * 24)
    assert (down.weight_bits, down.activation_bits) == (1, 1)
    detect = costs["model.24.m.2"]
    assert (detect.weights, detect.macs) == (128 * 14, 128 * 14 * 2 * 3)
    assert (detect.weight_bits, detect.activation_bits) == (4, 4)
    assert model.training


def test_the_float_stem_reads_floats():
    stem = layer_costs(tiny.detector("float"))[0]
    assert (stem.weight_bits, stem.activation_bits) == (32, 32)


@pytest.mark.parametrize(
    ("classes", "published"), [(80, (14.10, 17.8)), (20, (14.35, 18.6))], ids=["coco", "voc"]
)
def test_one_and_four_bits_in_yolov5s(classes, published):
    """All of the backbone in 1 bit, all of neck and head in 4: hand-counted on the release."""
    sides = {"height": 64, "width": 64}
    one, four = (Precision(weights=bits, activations=bits) for bits in (1, 4))
    recipe = make_recipe("mpq", None, Options())
    policy = Policy(
        weight=recipe.policy.weight,
        activation=recipe.policy.activation,
        stem=one, backbone=one, neck=four, head=four,
    )  # fmt: skip
    found = compression(layer_costs(untrained("yolov5s", classes, **sides, policy=policy)))
    assert found.size == pytest.approx(published[0], abs=0.006)
    # Ours: our stem has 4-bit weights, which costs little.
    ours = compression(layer_costs(untrained("yolov5s", classes, **sides, policy=recipe.policy)))
    assert 0.99 * found.size < ours.size < found.size
