"""Granularities: whose parameters are shared, and how many bits they take."""

from dataclasses import replace

import numpy as np
import pytest

from quant.post_training.granularity import (
    CHANNELS,
    GRANULARITIES,
    quantise_weight,
    quantise_weights,
)
from quant.post_training.schemes import SCHEMES, symmetric

SYMMETRIC = SCHEMES["symmetric"]


@pytest.fixture
def weight(rng):
    """Twenty channels of very different size: two groups of eight, and four that are left."""
    return rng.normal(0, 1, (20, 6, 3, 3)) * rng.uniform(0.01, 1, (20, 1, 1, 1))


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize(("granularity", "groups"), [("tensor", 1), ("group", 3), ("channel", 20)])
def test_bits_are_those_of_codes_and_parameters(name, granularity, groups, weight):
    found = quantise_weight(weight, SCHEMES[name], 4, granularity)
    numbers = {"symmetric": 1, "affine": 2, "codebook": 16}[name]
    assert found.bits == 4 * weight.size + 16 * numbers * groups
    assert found.values.shape == weight.shape
    assert found.squared_error == pytest.approx(((found.values - weight) ** 2).sum())


def test_groups_are_eight_channels_each(weight):
    found = quantise_weight(weight, SYMMETRIC, 4, "group").values
    for part in (slice(0, 8), slice(8, 16), slice(16, 20)):
        expected = symmetric(weight[part].reshape(1, -1), 4).reshape(weight[part].shape)
        np.testing.assert_array_equal(found[part], expected)


def test_finer_is_nearer(weight):
    errors = [
        quantise_weight(weight, SYMMETRIC, 4, name).squared_error
        for name in ("tensor", "group", "channel")
    ]
    assert errors == sorted(errors, reverse=True)


def test_combined_spends_its_budget_where_it_helps_most(rng):
    """Of two layers of like size, the one with channels of different sizes gets finer steps."""
    even = rng.normal(0, 1, (32, 16, 3, 3))
    uneven = even * rng.uniform(0.01, 1, (32, 1, 1, 1))
    weights = {"even": even, "uneven": uneven}
    count = even.size + uneven.size

    def chosen(budget: float) -> dict[str, str]:
        found = quantise_weights(weights, replace(SYMMETRIC, budget=budget), 4, "combined")
        spent = sum(q.bits for q in found.values()) - 4 * count
        assert spent <= max(budget * 4 * count, 2 * 16)
        for name, q in found.items():
            alone = quantise_weight(weights[name], SYMMETRIC, 4, q.granularity)
            np.testing.assert_array_equal(q.values, alone.values)
        return {name: q.granularity for name, q in found.items()}

    assert chosen(0.0) == {"even": "tensor", "uneven": "tensor"}
    one_of_each = (4 + 32) * 16 / (4 * count)
    assert chosen(one_of_each) == {"even": "group", "uneven": "channel"}
    assert chosen(0.99 * one_of_each) == {"even": "group", "uneven": "group"}
    assert chosen(1.0) == {"even": "channel", "uneven": "channel"}


def test_other_granularities_are_each_layers_own(weight):
    found = quantise_weights({"a": weight, "b": weight / 2}, SYMMETRIC, 4, "group")
    assert [q.granularity for q in found.values()] == ["group", "group"]
    assert set(CHANNELS) | {"combined"} == set(GRANULARITIES)
