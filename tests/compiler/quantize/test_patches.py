"""Windows of a convolution's input."""

import numpy as np
import pytest
from onnx import helper

from compiler.quantize.observe import session
from compiler.quantize.patches import Moments, patches, places, window_of
from tests.samples.float_net import FloatNet

FORMS = [
    {"kernel": 3},
    {"kernel": 3, "strides": [2, 2], "pads": [0, 1, 1, 0]},
    {"kernel": 3, "dilations": [2, 2], "pads": [2, 2, 2, 2]},
    {"kernel": 3, "group": 6},
    {"kernel": 3, "group": 2},
    {"kernel": 2, "auto_pad": "SAME_LOWER", "strides": [2, 2]},
    {"kernel": 3, "auto_pad": "SAME_UPPER", "strides": [2, 2]},
    {"kernel": 1},
]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_windows_times_weights_are_the_convolution(rng, form):
    """onnxruntime computes the same sums at every place that was drawn."""
    form = dict(form)
    kernel = form.pop("kernel")
    if "auto_pad" in form:
        form["pads"] = None
    net = FloatNet(shape=(1, 6, 9, 7))
    attributes = {name: value for name, value in form.items() if value is not None}
    weights = rng.normal(0, 1, (12, 6 // form.get("group", 1), kernel, kernel))
    weights = weights.astype(np.float32)
    if "auto_pad" not in form:
        attributes.setdefault("pads", [kernel // 2] * 4)
    net.outputs.append(net.node("Conv", "x", weights, **attributes))
    x = rng.normal(0, 1, (1, 6, 9, 7)).astype(np.float32)
    (expected,) = session(net.model(), 1).run(None, {"x": x})
    node = helper.make_node("Conv", ["x", "w"], ["y"], **attributes)
    window = window_of(node, weights, (9, 7))
    corners = places((9, 7), window, rng)
    taken = patches(x[0], window, corners)
    rows = weights.reshape(window.groups, -1, taken.shape[2])
    sums = (rows @ taken.transpose(0, 2, 1)).reshape(12, -1)
    y, x0 = (corners / window.strides).astype(int).T
    assert np.abs(sums - expected[0][:, y, x0]).max() < 1e-5


def test_the_shift_of_means_is_what_the_sums_lose(rng):
    """Of weights and inputs that both change, at the places that were looked at."""
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=3)
    weights = rng.normal(0, 1, (6, 2, 3, 3))
    window = window_of(node, weights, (8, 8))
    moments = Moments(window, np.random.default_rng(3))
    again = np.random.default_rng(3)
    changed = weights + rng.normal(0, 0.1, weights.shape)
    lost = []
    for _ in range(4):
        before = rng.normal(1, 1, (6, 8, 8)).astype(np.float32)
        after = np.maximum(before, 0)
        moments.add(before, after)
        corners = places((8, 8), window, again)
        x, y = (patches(each, window, corners) for each in (before, after))
        sums = [
            (w.reshape(3, 2, -1) @ each.transpose(0, 2, 1)).reshape(6, -1)
            for w, each in ((weights, x), (changed, y))
        ]
        lost.append(sums[0] - sums[1])
    found = moments.shift(weights, changed)
    assert np.abs(found - np.concatenate(lost, 1).mean(axis=1)).max() < 1e-5
    assert np.abs(found).max() > 0.1
