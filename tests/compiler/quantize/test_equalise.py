"""Channels of equal size."""

import numpy as np
import pytest

from compiler.quantize.equalise import equalised, find_pairs
from compiler.quantize.float_network import read_float_network
from compiler.quantize.observe import Observed, observe, values
from tests.samples.float_net import FloatNet, branched


def chain(kind: str) -> FloatNet:
    """A convolution, a depthwise one, pooling, a head; channels of very different size."""
    net = FloatNet(shape=(1, 3, 12, 12))
    x = net.activated(kind, net.conv("x", 8, 3))
    x = net.activated(kind, net.conv(x, 16, 8, group=8))
    x = net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    net.head(x, 16)
    return net


@pytest.fixture
def images(rng) -> list[np.ndarray]:
    return [rng.random((1, 3, 12, 12), np.float32) for _ in range(4)]


@pytest.mark.parametrize("kind", ["relu", "leaky", "none"])
def test_the_network_stays_what_it_is(tmp_path, images, kind):
    network = read_float_network(chain(kind).save(tmp_path))
    pairs = find_pairs(network)
    assert [network.producers[pair.tensor].op_type for pair in pairs][-1] == "MaxPool"
    assert len(pairs) == 2
    tensors = [pair.tensor for pair in pairs]
    before = observe(network.model, tensors, images, 1)
    peaks = {tensor: before[tensor].peaks for tensor in tensors}
    after = equalised(network, peaks)
    outputs = [
        np.stack([found[each.outputs[0]] for found in values(each.model, each.outputs, images, 1)])
        for each in (network, after)
    ]
    assert np.abs(outputs[1] - outputs[0]).max() < 1e-5 * np.abs(outputs[0]).max()
    seen = observe(after.model, tensors, images, 1)
    spread = [each[tensors[0]].peaks.max() / each[tensors[0]].peaks.min()
              for each in (before, seen)]  # fmt: skip
    # In front of a depthwise convolution, channels become equal.
    assert spread[0] > 2
    assert spread[1] == pytest.approx(1, abs=1e-4)


def test_silu_is_not_homogeneous(tmp_path):
    assert not find_pairs(read_float_network(chain("silu").save(tmp_path)))


def test_maps_that_others_read_stay(tmp_path):
    """Both operands of an Add, and what is an output."""
    network = read_float_network(branched("relu").save(tmp_path))
    pairs = find_pairs(network)
    assert [network.producers[pair.tensor].op_type for pair in pairs] == ["Relu", "Relu"]
    # The depthwise one into the 1x1 that follows, and the last ReLU into its head.
    assert all(len(pair.after) == 1 for pair in pairs)


def test_channels_without_values(tmp_path, images):
    network = read_float_network(chain("relu").save(tmp_path))
    tensors = [pair.tensor for pair in find_pairs(network)]
    peaks = {
        tensors[0]: np.array([0.0, 1, 2, 3, 4, 5, 6, 7]),
        tensors[1]: np.zeros(16),
    }
    after = equalised(network, peaks)
    assert all(np.isfinite(value).all() for value in after.constants.values())


def test_a_side_counts_against_its_own_end():
    """What is below 0 does not make the map's range larger by being enlarged."""
    lows, highs = np.array([-1.0, -0.5, 0, 0]), np.array([0.1, 10, 5, 0])
    seen = Observed(-1.0, 10.0, np.zeros(1), lows=lows, highs=highs, means=np.zeros(4))
    assert seen.peaks.tolist() == [1.0, 1.0, 0.5, 0.0]


def test_a_map_of_nothing():
    zeros = np.zeros(3)
    assert not Observed(0.0, 0.0, np.zeros(1), lows=zeros, highs=zeros, means=zeros).peaks.any()
