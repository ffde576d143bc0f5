"""Codes of exported weights."""

import pytest

pytest.importorskip("torch")

import numpy as np
from onnx import helper

from quant.exports.export_qonnx import weight_codes


def test_weights_in_the_middle_of_two_codes(seed):
    """Quotients that float32 rounds to a half go where exact arithmetic sends them."""
    dice = np.random.default_rng(seed)
    scale = dice.uniform(0.01, 1, 200_000).astype(np.float32)
    latent = ((dice.integers(-7, 7, scale.size) + 0.5) * scale.astype(np.float64)).astype("f4")
    exact = np.rint(np.clip(latent.astype("f8") / scale.astype("f8"), -7, 7))
    careless = np.rint(np.clip(latent / scale, -7, 7))
    assert (exact != careless).sum() > 100
    node = helper.make_node("Quant", ["w", "s", "z", "b"], ["q"], signed=1, narrow=1)
    assert np.array_equal(weight_codes(latent, scale, node, 4), exact)
