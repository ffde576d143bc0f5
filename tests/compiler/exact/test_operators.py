"""What operators compute where nodes say nothing, against onnxruntime and exact arithmetic."""

import numpy as np
import onnx
import pytest

from compiler.check.reference import run_float64, run_onnxruntime
from compiler.errors import UnsupportedError
from tests.samples.small_onnx import Net

ACTIVATIONS = [
    "Relu", "LeakyRelu", "Elu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Softplus",
    "Softsign", "Mish", "Identity", "Neg", "Abs", "Sign", "Round", "Floor", "Ceil",
]  # fmt: skip


def image(rng, net):
    return rng.integers(0, 256, net.shape) / 255


@pytest.mark.parametrize("op", ACTIVATIONS)
def test_activations_with_default_attributes(rng, op):
    net = Net(opset=18)
    net.outputs.append(net.node(op, net.node("Sub", net.node("Mul", "x", 9.0), 4.51)))
    values = image(rng, net)
    expected = run_onnxruntime(net.model(), values)[net.outputs[0]]
    np.testing.assert_allclose(run_float64(net.model(), values)["t2"], expected, atol=2e-6)


def test_defaults_are_the_float32_numbers():
    net = Net(shape=(1, 1, 1, 1))
    for op in ("HardSigmoid", "LeakyRelu"):
        net.outputs.append(net.node(op, net.node("Sub", "x", 2.0)))
    values = run_float64(net.model(), np.ones(net.shape))
    assert values["t1"].item() == 0.5 - float(np.float32(0.2))
    assert values["t3"].item() == -float(np.float32(0.01))
    net = Net(shape=(1, 1, 1, 1))
    net.outputs.append(net.node("BatchNormalization", "x", [1.0], [0.0], [0.0], [0.0]))
    values = run_float64(net.model(), np.ones(net.shape))
    assert values["t0"].item() == 1 / np.sqrt(float(np.float32(1e-5)))


@pytest.mark.parametrize("op", ["Min", "Max", "Add", "Sub", "Mul", "Div", "PRelu"])
def test_two_operands(rng, op):
    net = Net()
    y = rng.uniform(0.1, 2, (3, 1, 1))
    net.outputs.append(net.node(op, net.node("Sub", "x", 0.5), y))
    values = image(rng, net)
    expected = run_onnxruntime(net.model(), values)["t1"]
    np.testing.assert_allclose(run_float64(net.model(), values)["t1"], expected, atol=1e-5)


@pytest.mark.parametrize("op", ["Greater", "GreaterOrEqual", "Less", "LessOrEqual"])
def test_comparisons_and_where(rng, op):
    net = Net(shape=(1, 1, 1, 256))
    # 85/255 is a third, which the product reaches exactly.
    condition = net.node(op, net.node("Mul", "x", 3.0), 1.0)
    net.outputs.append(net.node("Where", condition, 2.0, "x"))
    codes = np.arange(256).reshape(net.shape)
    values = run_float64(net.model(), codes / 255)
    expected = {"Greater": codes > 85, "GreaterOrEqual": codes >= 85, "Less": codes < 85,
                "LessOrEqual": codes <= 85}[op]  # fmt: skip
    assert (values["t1"] == expected).all()
    np.testing.assert_allclose(values["t2"], np.where(expected, 2.0, codes / 255))


def test_movement(rng):
    net = Net(shape=(1, 4, 4, 6))
    x = net.node("Pad", "x", net.constant([0, 0, 1, 0, 0, 0, 0, 2], np.int64), 0.5)
    first, second = net.node("Split", x, net.constant([1, 3], np.int64), axis=1, outputs=2)
    x = net.node("Concat", second, first, axis=1)
    bounds = [net.constant([v], np.int64) for v in (1, 4, 3)]
    x = net.node("Slice", x, *bounds)
    empty = net.constant(np.zeros(0))
    x = net.node("Resize", x, empty, [1.0, 1.0, 2.0, 2.0], mode="nearest",
                 coordinate_transformation_mode="asymmetric", nearest_mode="floor")  # fmt: skip
    net.outputs.append(net.node("Transpose", x, perm=[0, 1, 3, 2]))
    values = image(rng, net)
    found, expected = run_float64(net.model(), values), run_onnxruntime(net.model(), values)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-6)


@pytest.mark.parametrize(("op", "opset"), [("Upsample", 7), ("Upsample", 9), ("Resize", 10)])
def test_older_enlargement(rng, op, opset):
    net = Net(shape=(1, 2, 3, 4))
    scales = [1.0, 1.0, 2.0, 2.0]
    given = [] if opset == 7 else [net.constant(np.array(scales, np.float32), np.float32)]
    attributes = {"scales": scales} if opset == 7 else {}
    net.outputs.append(net.node(op, "x", *given, mode="nearest", **attributes))
    values = image(rng, net)
    model = net.model()
    model.opset_import[0].version = opset
    found = run_float64(model, values)[net.outputs[0]]
    assert np.array_equal(found, values.repeat(2, axis=2).repeat(2, axis=3))


@pytest.mark.parametrize("opset", [9, 13])
def test_padding_with_a_float32_level_is_that_level(opset):
    """-255 times 114 / 255 is -114, not float32's rounding error below it."""
    net = Net(shape=(1, 1, 3, 4))
    grey = np.float32(114 / 255)
    pads = [0, 0, 1, 1, 0, 0, 1, 1]
    given = [] if opset == 9 else [net.constant(pads, np.int64), net.constant(grey, np.float32)]
    attributes = {"pads": pads, "value": float(grey)} if opset == 9 else {}
    x = net.node("Pad", "x", *given, **attributes)
    x = net.node("Conv", x, np.array([[[[-255.0]]]]), kernel_shape=[1, 1])
    net.outputs.append(net.node("Floor", x))
    model = net.model()
    model.opset_import[0].version = opset
    codes = np.arange(12).reshape(net.shape)
    found = run_float64(model, codes / 255)[net.outputs[0]]
    expected = np.pad(codes, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=114)
    assert np.array_equal(found, -expected)


def test_nodes_in_any_order(rng):
    net = Net()
    net.outputs.append(net.node("Relu", net.node("Sub", "x", 0.5)))
    model = net.model()
    first = onnx.NodeProto()
    first.CopyFrom(model.graph.node[0])
    del model.graph.node[0]
    model.graph.node.append(first)
    assert run_float64(model, image(rng, net))["t1"].max() <= 0.5


def test_unknown_operators_are_named():
    net = Net()
    net.outputs.append(net.node("NoSuchOperator", "x"))
    with pytest.raises(UnsupportedError, match="NoSuchOperator"):
        run_float64(net.model(), np.zeros(net.shape))
