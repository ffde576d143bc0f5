"""Pad, Resize and pooling in the places and forms that ONNX allows."""

import numpy as np
import pytest

from compiler.errors import UnsupportedError
from golden.network import Convolution
from tests.compiler.frontend.test_frontend_errors import refused
from tests.compiler.frontend.test_pipeline import exact
from tests.samples.integer_net import begun
from tests.samples.small_onnx import quantised_net

ALL_AROUND = [0, 0, 1, 1, 0, 0, 1, 1]


def padded(net, x, value, pads=ALL_AROUND):
    return net.node("Pad", x, net.constant(pads, np.int64), value)


def branch(net, x, kernel=3, **options):
    """Codes of another convolution, two smaller in both directions."""
    y = net.conv(x, 8, 8, kernel, pads=[0] * 4)
    return net.quant(net.node("Add", y, 0.1), 0.5, **options)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("value", [0.0, 1.5])
def test_pad_in_front_of_concat(tmp_path, rng, swapped, value):
    net, x = quantised_net()
    parts = [x, padded(net, branch(net, x), value)]
    y = net.node("Concat", *(parts[::-1] if swapped else parts), axis=1)
    net.head(y, 16)
    exact(net.save(tmp_path), rng)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("op", ["Add", "Sub"])
def test_pad_in_front_of_two_operands(tmp_path, rng, swapped, op):
    net, x = quantised_net()
    parts = [x, padded(net, branch(net, x), 0.5)]
    net.head(net.quant(net.node(op, *(parts[::-1] if swapped else parts)), 0.5, signed=1), 8)
    exact(net.save(tmp_path), rng)


def test_pad_of_what_is_quantised_later(tmp_path, rng):
    net, x = quantised_net()
    y = padded(net, net.node("Add", net.conv(x, 8, 8, pads=[0] * 4), 0.1), 1.0)
    net.head(net.quant(net.node("Concat", x, net.node("Relu", y), axis=1), 0.5), 16)
    exact(net.save(tmp_path), rng)


def test_pad_in_front_of_a_convolution_that_pads_with_zero(tmp_path, rng):
    net, x = quantised_net()
    net.outputs.append(net.conv(padded(net, x, 1.5), 5, 8))
    exact(net.save(tmp_path), rng)


def test_pads_in_a_row(tmp_path, rng):
    net, x = quantised_net()
    y = padded(net, padded(net, x, 1.5), 0.5, [0, 0, 0, 1, 0, 0, 1, 0])
    net.outputs.append(net.conv(y, 5, 8, pads=[0] * 4))
    exact(net.save(tmp_path), rng)


def test_pad_in_front_of_enlargement_pooling_and_slice(tmp_path, rng):
    net, x = quantised_net()
    y = padded(net, x, 2.0)
    wide = net.node(
        "Resize", y, "", [1.0, 1.0, 2.0, 2.0], mode="nearest", nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )  # fmt: skip
    net.head(wide, 8)
    net.head(net.node("MaxPool", y, kernel_shape=[2, 2]), 8)
    net.head(net.node("Slice", y, *(net.constant([v], np.int64) for v in (2, 7, 1))), 5)
    exact(net.save(tmp_path), rng)


def test_pad_that_nothing_below_it_can_stand_for(tmp_path):
    net, x = quantised_net()
    y = net.node("Concat", x, padded(net, branch(net, x), 0.3), axis=1, name="join")
    net.head(y, 16)
    refused(net.save(tmp_path), UnsupportedError, "Pad 'pad", "padding 0.3", "none of the levels")


@pytest.mark.parametrize("op", ["Concat", "Add"])
def test_pad_of_integers(tmp_path, rng, op):
    """The type of the codes stays what it is behind the padding."""
    net, x = begun()
    y = net.layer(x, 8, 8)
    pads = net.constant(ALL_AROUND, np.int64)
    small = net.node("MaxPool", x, kernel_shape=[3, 3])
    y = net.node("Pad", small, pads, net.constant(1, np.uint8))
    if op == "Concat":
        joined = net.node("Concat", x, y, axis=1)
        net.results(joined, 16)
    else:
        joined = net.node("Add", x, y)  # modulo 256, of codes up to 15
        net.results(net.node("Min", joined, net.constant(15, np.uint8)), 8)
    exact(net.save(tmp_path), rng, 1.0)


@pytest.mark.parametrize("axes", [[2, 3], [3, 2], [1, 3, 2]])
@pytest.mark.parametrize("by", ["scales", "sizes"])
def test_resize_of_some_axes(tmp_path, rng, axes, by):
    net, x = quantised_net(shape=(1, 3, 8, 6), opset=18)
    scale = {0: 1, 1: 1, 2: 2, 3: 2}
    shape = {1: 8, 2: 8, 3: 6}
    factors = [float(scale[axis % 4]) for axis in axes]
    sizes = [shape[axis % 4] * scale[axis % 4] for axis in axes]
    operands = [factors] if by == "scales" else ["", net.constant(sizes, np.int64)]
    y = net.node(
        "Resize", x, "", *operands, axes=axes, mode="nearest", nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )  # fmt: skip
    net.head(y, 8)
    network = exact(net.save(tmp_path), rng)
    assert network.raw_shapes[network.outputs[0].tensor] == (5, 16, 12)


def test_resize_of_axes_from_the_end(tmp_path):
    net, x = quantised_net(shape=(1, 3, 8, 6), opset=18)
    net.head(net.node("Resize", x, "", [4.0, 2.0], axes=[-1, -2], mode="nearest"), 8)
    refused(net.save(tmp_path), UnsupportedError, "from (1, 8, 8, 6) to (1, 8, 16, 24)")


def test_resize_of_one_axis(tmp_path):
    net, x = quantised_net(opset=18)
    net.head(net.node("Resize", x, "", [2.0], axes=[2], mode="nearest"), 8)
    refused(net.save(tmp_path), UnsupportedError, "from (1, 8, 8, 8) to (1, 8, 16, 8)", "nearest")


@pytest.mark.parametrize("axes", [[2, 2], [2, 4], [-5, 2]])
def test_axes_that_are_none(tmp_path, axes):
    net, x = quantised_net(opset=18)
    net.head(net.node("Resize", x, "", [2.0, 2.0], axes=axes, mode="nearest"), 8)
    refused(net.save(tmp_path), UnsupportedError, "Resize 'resize4'", "axes")


def test_scale_that_is_no_whole_number(tmp_path):
    """8 * 2.1 rows are 16, but they are not the rows 0, 0, 1, 1, ..."""
    net, x = quantised_net()
    y = net.node(
        "Resize", x, "", [1.0, 1.0, 2.1, 2.1], mode="nearest", nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )  # fmt: skip
    net.head(y, 8)
    refused(net.save(tmp_path), UnsupportedError, "Resize 'resize4'", "no whole numbers")


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize(
    ("kernel", "pads"),
    [([1, 3], [0, 1, 1, 1]), ([2, 2], [0, 0, 2, 0]), ([2, 2], [0, 0, 0, 2]), ([2, 3], [2, 0, 0, 0]),
     ([3, 2], [1, 0, 1, 2])],
)  # fmt: skip
def test_windows_of_padding_only(tmp_path, op, kernel, pads):
    net, x = quantised_net()
    y = net.node(op, x, kernel_shape=kernel, pads=pads)
    net.head(net.quant(y), 8)
    refused(net.save(tmp_path), UnsupportedError, f"{op} '", str(tuple(pads)), "smaller pads")


@pytest.mark.parametrize("op", ["Add", "Sub", "Max"])
def test_pool_in_front_of_a_tensor_combined_with_itself(tmp_path, rng, op):
    net, x = quantised_net()
    y = net.node("MaxPool", net.conv(x, 8, 8), kernel_shape=[2, 2], strides=[2, 2])
    net.outputs.append(net.quant(net.node("Add", net.node(op, y, y), 0.1), 0.5))
    exact(net.save(tmp_path), rng)


@pytest.mark.parametrize("factor", [0.5, -0.5])
def test_pool_in_front_of_branches_of_one_direction(tmp_path, rng, factor):
    net, x = quantised_net()
    y = net.node("MaxPool", net.conv(x, 8, 8), kernel_shape=[2, 2], strides=[2, 2])
    first, second = net.node("Mul", y, factor), net.node("Relu", y)
    second = second if factor > 0 else net.node("Neg", second)
    net.outputs.append(net.quant(net.node("Add", first, second), 0.5, signed=1))
    exact(net.save(tmp_path), rng)


def test_pool_in_front_of_branches_that_go_apart(tmp_path):
    net, x = quantised_net()
    y = net.node("MaxPool", net.conv(x, 8, 8), kernel_shape=[2, 2], strides=[2, 2])
    y = net.node("Sub", net.node("Relu", y), net.node("Mul", y, 0.5), name="apart")
    net.outputs.append(net.quant(y, 0.5, signed=1))
    refused(net.save(tmp_path), UnsupportedError, "Sub 'apart'", "neither only rises")


@pytest.mark.parametrize("scale", [0.5, -0.5])
def test_pool_in_front_of_thresholds_that_fall(tmp_path, rng, scale):
    net, x = quantised_net()
    levels = np.sort(rng.normal(0, 1, (8, 7)), axis=1)
    y = net.node("MaxPool", net.conv(x, 8, 8), kernel_shape=[2, 2], strides=[2, 2])
    net.outputs.append(net.node("MultiThreshold", y, levels, out_scale=scale, out_bias=0.5))
    exact(net.save(tmp_path), rng)


def test_a_quantiser_behind_a_long_chain_of_pools(tmp_path, rng):
    net, x = quantised_net()
    y = net.conv(x, 8, 8)
    for _ in range(1200):
        y = net.node("MaxPool", y, kernel_shape=[1, 1])
    y = net.node("Slice", y, *(net.constant([v], np.int64) for v in (2, 7, 1)))
    net.head(net.quant(y), 5)
    network = exact(net.save(tmp_path), rng)
    convolution = network.operators[1]
    assert isinstance(convolution, Convolution)
    assert convolution.weights.shape[0] == 5


def test_very_many_moves_with_functions_in_between(tmp_path):
    net, x = quantised_net()
    y = net.conv(x, 8, 8)
    for _ in range(150):
        y = net.node("Relu", net.node("MaxPool", y, kernel_shape=[1, 1]))
    net.head(net.quant(y), 8)
    refused(net.save(tmp_path), UnsupportedError, "MaxPool 'maxpool", "more than 100 operators")
