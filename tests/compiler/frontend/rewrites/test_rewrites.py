"""Rewritten patterns: every code is still that of the file, and the pattern is gone."""

import numpy as np
import pytest

from arch.machine import TINY
from compiler.check.frame import busy_picture
from compiler.check.onnx import against_onnx
from compiler.check.program import check_program
from compiler.describe import describe
from compiler.errors import UnsupportedError
from compiler.flow import compile_network
from compiler.frontend.pipeline import read_network
from golden import execute
from golden.network import Concat, Convolution, Interleave, MaxPool, Network, Slice
from tests.samples.small_onnx import Net, quantised_net


def exact(net: Net, tmp_path, *, machine: bool = True) -> Network:
    """The network, once codes and sums are those of the exact graph, and of the machine."""
    path = net.save(tmp_path)
    network = read_network(path)
    codes = busy_picture(network.shape(network.input))
    results = execute.run(network, codes)
    found = against_onnx(network, path, codes, 1 / 255, results)["float64"]
    assert found
    assert not any(found.values())
    if machine:
        compiled = compile_network(network, TINY)
        check_program(compiled.image, describe(compiled), codes, results)
    return network


def reshaped(net: Net, x: str, *shape: int) -> str:
    return net.node("Reshape", x, net.constant(shape, np.int64))


def shuffle(net: Net, x: str, groups: int = 2) -> str:
    """As ShuffleNet's exporters write it: five axes."""
    y = reshaped(net, x, 1, groups, 8 // groups, 8, 8)
    return reshaped(net, net.node("Transpose", y, perm=[0, 2, 1, 3, 4]), 1, -1, 8, 8)


def shuffle_of_three(net: Net, x: str) -> str:
    y = net.node("Transpose", reshaped(net, x, 1, 2, 4 * 64), perm=[1, 0, 2])
    return reshaped(net, net.node("Transpose", y, perm=[1, 0, 2]), 1, 8, 8, 8)


def gathered(net: Net, x: str) -> str:
    """As FastestDet splits channels: even ones, which Gather takes from pairs."""
    y = net.node("Transpose", reshaped(net, x, 4, 2, 64), perm=[1, 0, 2])
    y = net.node("Gather", reshaped(net, y, 2, 1, 4, 8, 8), net.constant(0, np.int64), axis=0)
    return net.node("Concat", y, y, axis=1)


@pytest.mark.parametrize("way", [shuffle, shuffle_of_three, gathered])
def test_shuffles_of_channels(tmp_path, way):
    net, x = quantised_net()
    y = way(net, net.quant(net.node("Relu", net.conv(x, 8, 8))))
    net.head(y, 8)
    network = exact(net, tmp_path)
    assert {type(operator) for operator in network.operators} <= {Convolution, Slice, Concat}


def test_a_shuffle_before_its_quantiser(tmp_path):
    net, x = quantised_net()
    y = shuffle(net, net.node("Relu", net.conv(x, 8, 8)), groups=4)
    net.head(net.quant(y), 8)
    exact(net, tmp_path)


def test_a_shuffle_split_in_halves(tmp_path):
    """ShuffleNet's block: one half goes on as it is, the other through a convolution."""
    net, x = quantised_net()
    halves = net.node("Split", shuffle(net, x), net.constant([4, 4], np.int64), axis=1, outputs=2)
    other = net.quant(net.node("Relu", net.conv(halves[1], 4, 4)))
    net.head(net.quant(net.node("Concat", halves[0], other, axis=1)), 8)
    exact(net, tmp_path)


def test_reshaping_within_channels_is_refused(tmp_path):
    net, x = quantised_net()
    y = net.node("Transpose", x, perm=[0, 1, 3, 2], name="turn")
    net.head(net.quant(y), 8)
    with pytest.raises(UnsupportedError, match="Transpose 'turn'"):
        read_network(net.save(tmp_path))


def focus(net: Net, x: str, *, twice: bool = True) -> str:
    """Every second row and column, in the order of YOLOX: by two Slices each, or by one."""
    parts = []
    for start in ((0, 0), (1, 0), (0, 1), (1, 1)):
        y = x
        if twice:
            for axis in (2, 3):
                given = ([start[axis - 2]], [1 << 40], [axis], [2])
                y = net.node("Slice", y, *(net.constant(k, np.int64) for k in given))
        else:
            given = (list(start), [1 << 40] * 2, [2, 3], [2, 2])
            y = net.node("Slice", y, *(net.constant(k, np.int64) for k in given))
        parts.append(y)
    return net.node("Concat", *parts, axis=1)


@pytest.mark.parametrize("twice", [True, False])
@pytest.mark.parametrize("kernel", [1, 3])
def test_focus(tmp_path, twice, kernel):
    net = Net(shape=(1, 3, 16, 12))
    x = net.conv(focus(net, "x", twice=twice), 8, 12, kernel)
    net.head(net.quant(net.node("Relu", x)), 8)
    network = exact(net, tmp_path)
    first = network.operators[0]
    assert (first.strides, first.weights.shape[2:]) == ((2, 2), (2 * kernel, 2 * kernel))


def test_focus_with_a_quantiser_behind_it(tmp_path):
    net = Net(shape=(1, 3, 16, 12))
    x = net.quant(focus(net, "x"), 1 / 15, 4)
    x = net.conv(x, 8, 12, 3)
    net.head(net.quant(net.node("Relu", x)), 8)
    network = exact(net, tmp_path)
    assert network.picture_table is not None


def test_focus_in_mid_network(tmp_path):
    net, x = quantised_net()
    x = net.conv(focus(net, x), 8, 32, 3)
    net.head(net.quant(net.node("Relu", x)), 8)
    exact(net, tmp_path)


def test_a_focus_that_something_else_reads_is_refused(tmp_path):
    net = Net(shape=(1, 3, 16, 12))
    joined = focus(net, "x")
    pooled = net.node("MaxPool", joined, kernel_shape=[2, 2], strides=[2, 2])
    net.head(net.quant(net.node("Relu", net.conv(joined, 8, 12, 3))), 8)
    net.head(net.quant(net.node("Relu", net.conv(pooled, 8, 12, 3))), 8)
    with pytest.raises(UnsupportedError, match="Focus"):
        read_network(net.save(tmp_path))


@pytest.mark.parametrize(("side", "parts"), [(5, 1), (7, 2), (9, 2), (13, 3)])
def test_pools_of_large_windows(tmp_path, side, parts):
    net = Net(shape=(1, 3, 14, 15))
    x = net.quant(net.node("Relu", net.conv("x", 8, 3)))
    pooled = net.node("MaxPool", x, kernel_shape=[side] * 2, pads=[side // 2] * 4)
    net.head(pooled, 8)
    network = exact(net, tmp_path)
    pools = [operator for operator in network.operators if isinstance(operator, MaxPool)]
    assert len(pools) == 2 * parts  # along rows, and along columns
    assert max(max(pool.kernel) for pool in pools) == 5


def test_pools_of_one_map_share_their_parts(tmp_path):
    net = Net(shape=(1, 3, 14, 15))
    x = net.quant(net.node("Relu", net.conv("x", 8, 3)))
    pools = [
        net.node("MaxPool", x, kernel_shape=[side] * 2, pads=[side // 2] * 4)
        for side in (5, 9, 13)
    ]
    net.head(net.node("Concat", x, *pools, axis=1), 32)
    network = exact(net, tmp_path)
    assert sum(isinstance(operator, MaxPool) for operator in network.operators) == 2 * 3


@pytest.mark.parametrize(
    "given",
    [{"kernel_shape": [7, 7], "pads": [3] * 4, "strides": [2, 2]},
     {"kernel_shape": [7, 7], "pads": [0] * 4}, {"kernel_shape": [6, 6], "pads": [2] * 4},
     {"kernel_shape": [7, 5], "pads": [3, 2, 3, 2]}],
)  # fmt: skip
def test_other_pools_stay(tmp_path, given):
    net = Net(shape=(1, 3, 14, 15))
    x = net.quant(net.node("Relu", net.conv("x", 8, 3)))
    net.head(net.node("MaxPool", x, **given), 8)
    network = exact(net, tmp_path)
    pools = [operator for operator in network.operators if isinstance(operator, MaxPool)]
    height, width = given["kernel_shape"]
    apart = [(1, width), (height, 1)]
    assert [pool.kernel for pool in pools] == (
        [(height, width)] if "strides" in given else apart
    )


def doubled(net: Net, x: str, channels: int = 8, depth: int = 8, **given) -> str:
    """A ConvTranspose as YOLOv6 has it."""
    weights = net.rng.integers(-3, 4, (depth, channels, 2, 2)) * 0.0625
    weights[0, :, 0, 0] = 0.0625
    bias = np.arange(channels) * 0.1
    given = {"strides": [2, 2], "kernel_shape": [2, 2]} | given
    return net.node("ConvTranspose", x, weights, bias, name="double", **given)


@pytest.mark.parametrize("function", ["Relu", "Sigmoid", None])
def test_transposed_convolutions(tmp_path, function):
    net, x = quantised_net()
    y = doubled(net, x)
    y = net.node(function, y) if function else y
    net.head(net.quant(y, 0.125 if function == "Sigmoid" else 0.25), 8)
    network = exact(net, tmp_path)
    assert sum(isinstance(operator, Interleave) for operator in network.operators) == 1
    assert sum(isinstance(operator, Convolution) for operator in network.operators) == 6


def test_a_transposed_convolution_joined_with_another_map(tmp_path):
    """As in a neck: the doubled map and a larger one, one quantiser behind both."""
    net, x = quantised_net()
    small = net.quant(net.node("Relu", net.conv(x, 8, 8, strides=[2, 2])))
    joined = net.node("Concat", doubled(net, small), net.conv(x, 8, 8), axis=1)
    net.head(net.quant(net.node("Relu", joined), 0.25), 16)
    exact(net, tmp_path)


@pytest.mark.parametrize(
    "given", [{"strides": [1, 1]}, {"pads": [1, 1, 1, 1]}, {"output_padding": [1, 1]}]
)
def test_other_transposed_convolutions_are_refused(tmp_path, given):
    net, x = quantised_net()
    net.head(net.quant(doubled(net, x, **given)), 8)
    with pytest.raises(UnsupportedError, match="ConvTranspose 'double'"):
        read_network(net.save(tmp_path))


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
@pytest.mark.parametrize("function", ["Relu", None])
def test_depth_to_space(tmp_path, mode, function):
    net, x = quantised_net()
    y = net.conv(x, 16, 8)
    y = net.node(function, y) if function else y
    y = net.node("DepthToSpace", y, blocksize=2, mode=mode)
    net.head(net.quant(y, 0.25), 4)
    network = exact(net, tmp_path)
    assert sum(isinstance(operator, Interleave) for operator in network.operators) == 1


def test_depth_to_space_of_codes(tmp_path):
    net, x = quantised_net()
    net.head(net.node("DepthToSpace", x, blocksize=2), 2)
    exact(net, tmp_path)


def test_other_blocks_are_refused(tmp_path):
    net, x = quantised_net()
    y = net.node("DepthToSpace", net.conv(x, 9, 8), blocksize=3, name="shuffle")
    net.head(net.quant(y), 1)
    with pytest.raises(UnsupportedError, match="DepthToSpace 'shuffle'"):
        read_network(net.save(tmp_path))
