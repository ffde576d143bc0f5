"""The float64 reference against onnx's and QONNX's own implementations."""

import numpy as np
import pytest

from compiler.check.reference import run_float64, run_onnxruntime
from tests.samples.small_onnx import Net


def image(rng, net):
    return rng.integers(0, 256, net.shape) / 255


@pytest.mark.parametrize(
    "attributes",
    [
        {"pads": [1, 0, 2, 1], "strides": [2, 1]},
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER"},
        {"dilations": [2, 1], "pads": [0] * 4},
        {"group": 3, "pads": [1] * 4},
    ],
)
def test_convolution(rng, attributes):
    net = Net(shape=(1, 3, 9, 8))
    depth = 3 // attributes.get("group", 1)
    x = net.node("Conv", "x", rng.normal(0, 1, (6, depth, 3, 2)), **attributes)
    net.outputs.append(x)
    values = image(rng, net)
    expected = run_onnxruntime(net.model(), values)[x]
    np.testing.assert_allclose(run_float64(net.model(), values)[x], expected, atol=1e-5)


@pytest.mark.parametrize(
    "attributes",
    [
        {"kernel_shape": [2, 2], "strides": [2, 2]},
        {"kernel_shape": [5, 5], "pads": [2] * 4},
        {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1, "pads": [1, 0, 1, 0]},
        {"kernel_shape": [2, 2], "auto_pad": "SAME_UPPER"},
    ],
)
def test_max_pool(rng, attributes):
    net = Net(shape=(1, 3, 9, 8))
    net.outputs.append(net.node("MaxPool", "x", **attributes))
    values = image(rng, net)
    expected = run_onnxruntime(net.model(), values)["t0"]
    found = run_float64(net.model(), values)["t0"]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_linear_quantisers_and_normalisation(rng):
    net = Net()
    parameters = [rng.normal(0, 1, 3) for _ in range(3)] + [rng.uniform(1, 2, 3)]
    x = net.node("BatchNormalization", "x", *parameters, momentum=0.9)
    zero = net.constant(np.array([1, 2, 3]), np.int8)
    scale = net.constant([0.1, 0.2, 0.3])
    y = net.node("QuantizeLinear", x, scale, zero, axis=1)
    z = net.node("DequantizeLinear", y, scale, zero, axis=1)
    net.outputs.append(net.node("LeakyRelu", z, alpha=0.1))
    values = image(rng, net)
    expected = run_onnxruntime(net.model(), values)
    found = run_float64(net.model(), values)
    for name in (x, z, *net.outputs):
        np.testing.assert_allclose(found[name], expected[name], atol=1e-5)


@pytest.mark.parametrize("mode", ["ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"])
@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("signed", [0, 1])
def test_quant_equals_qonnx(rng, mode, bits, signed):
    quantisers = pytest.importorskip("qonnx.custom_op.general.intquant")
    net = Net()
    x = net.node("Sub", net.node("Mul", "x", 4.0), 2.0)
    y = net.node("Quant", x, 0.25, 0.0, float(bits), signed=signed, narrow=0, rounding_mode=mode)
    net.outputs.append(y)
    values = run_float64(net.model(), rng.integers(0, 17, net.shape) / 16)
    expected = quantisers.int_quant(
        values[x], np.array(0.25), np.array(0.0), np.array(float(bits)), signed, 0, mode
    )
    assert (values[y] == expected).all()


def run_eight(op: str, constants: list[float], values: list[float], **attributes) -> list[float]:
    """A quantiser's results for eight values."""
    net = Net(shape=(1, 3, 1, 8))
    y = net.node(op, "x", *constants, **attributes)
    net.outputs.append(y)
    x = np.broadcast_to(np.float64(values), net.shape)
    return run_float64(net.model(), x)[y][0, 0, 0].tolist()


def test_quant_rounds_halves_to_even_and_clips():
    y = run_eight("Quant", [2.0, 0.0, 4.0], [-9, -1, 1, 2.9, 3, 5, 29, 255],
                  signed=0, narrow=0, rounding_mode="ROUND")  # fmt: skip
    assert y == [0, 0, 0, 2, 4, 4, 28, 30]


def test_signed_narrow_quant_clips_both_ways():
    y = run_eight("Quant", [0.5, 0.0, 4.0], [-9, -3.5, -3.4, -0.25, 0.25, 0.75, 3.5, 9],
                  signed=1, narrow=1, rounding_mode="ROUND")  # fmt: skip
    assert y == [-3.5, -3.5, -3.5, 0, 0, 1, 3.5, 3.5]


def test_zero_points_are_added_before_rounding_and_clipping():
    y = run_eight("Quant", [2.0, 3.0, 4.0], [-9, -7, -5, -1, 0, 1, 3, 255],
                  signed=0, narrow=0, rounding_mode="ROUND")  # fmt: skip
    # x / 2 + 3 is -1.5, -0.5, 0.5, 2.5, 3, 3.5, 4.5, 130.5.
    assert y == [-6, -6, -6, -2, 0, 2, 2, 24]


def test_bipolar_zero_is_positive():
    y = run_eight("BipolarQuant", [0.5], [-2, -1e-9, -0.0, 0, 1e-9, 1, 2, 3])
    assert y == [-0.5, -0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
