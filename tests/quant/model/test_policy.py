"""Which layer has how many bits."""

import pytest

pytest.importorskip("torch")

from quant.model.policy import FLOAT, Policy, Precision, uniform

BINARY, TWO = Precision(weights=1, activations=1), Precision(weights=2, activations=4)


def test_stages_decide():
    policy = Policy(backbone=BINARY, head=TWO)
    assert policy.of("backbone", "model.3") == BINARY
    assert policy.of("head", "model.24.m.0") == TWO
    assert policy.of("neck", "model.13.cv1") == Precision(weights=FLOAT, activations=FLOAT)


def test_the_first_pattern_that_fits_decides_instead():
    policy = Policy(backbone=BINARY, overrides=(("model.4.*", TWO), ("model.*", Precision())))
    assert policy.of("backbone", "model.4.cv1") == TWO
    assert policy.of("backbone", "model.5") == Precision()
    assert policy.of("backbone", "other.5") == BINARY


def test_uniform():
    stages = uniform(3)
    assert stages["stem"] == Precision(weights=3, activations=8)
    for stage in ("backbone", "neck", "head"):
        assert stages[stage] == Precision(weights=3, activations=3)
    stages = uniform(4, stem_weights=8, head=2)
    assert stages["stem"].weights == 8
    assert stages["head"] == Precision(weights=2, activations=2)
    assert str(stages["neck"]) == "W4A4"
