"""Constants: limits on their size before they are computed, and those that are no numbers."""

import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from compiler.errors import OnefourError, ReadError, UnsupportedError
from compiler.frontend.pipeline import read_network
from tests.compiler.frontend.test_frontend_errors import refused
from tests.samples.small_onnx import Net, quantised_net


def with_bias(net: Net, x: str, value: str) -> Net:
    """The network, with ``value`` added to its sums."""
    net.head(net.quant(net.node("Add", net.conv(x, 8, 8), value)), 8)
    return net


def product(net):
    column, row = np.ones((20000, 1)), np.ones((1, 15000))
    return net.node("Mul", column, row)


def matrix_product(net):
    return net.node("MatMul", np.ones((20000, 1)), np.ones((1, 15000)))


def doubling(net):
    value = net.constant(np.ones(1024))
    for _ in range(30):
        value = net.node("Concat", value, value, axis=0)
    return value


def expand(net):
    return net.node("Expand", 1.0, net.constant([1 << 20, 1 << 20], np.int64))


def tile(net):
    return net.node("Tile", np.ones((1, 1)), net.constant([1 << 16, 1 << 16], np.int64))


def filled(net):
    return net.node("ConstantOfShape", net.constant([1 << 40], np.int64))


def gather(net):
    places = net.constant(np.zeros(20000), np.int64)
    return net.node("Gather", np.ones((1, 20000)), places, axis=0)


def window(net):
    return net.node("HannWindow", net.constant(1 << 40, np.int64))


def numbers(net):
    return net.node("Range", *(net.constant(v, np.int64) for v in (0, 1 << 40, 1)))


def quantised(net):
    return net.node("Quant", np.ones((20000, 1)), np.ones((1, 15000)), 0.0, 4.0, signed=1, narrow=0)


def many(net):
    parts = [net.node("Expand", float(i), net.constant([1 << 24], np.int64)) for i in range(12)]
    total = parts[0]
    for part in parts[1:]:
        total = net.node("Add", total, part)
    return total


@pytest.mark.parametrize(
    "make",
    [product, matrix_product, doubling, expand, tile, filled, gather, window, numbers, quantised],
)
def test_results_that_are_too_large(tmp_path, make):
    net, x = quantised_net()
    start = time.perf_counter()
    refused(with_bias(net, x, make(net)).save(tmp_path), ReadError, "constant", "supported are")
    assert time.perf_counter() - start < 20


def test_too_much_in_all(tmp_path, monkeypatch):
    monkeypatch.setattr("compiler.frontend.operators.constants.MOST_ELEMENTS", 1 << 10)
    net, x = quantised_net()
    value = net.constant(np.ones(1))
    for _ in range(3):
        value = net.node("Mul", value, np.ones(512))
    net = with_bias(net, x, value)
    refused(net.save(tmp_path), ReadError, "1536 with those before")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "place", ["bias", "weights", "mean", "variance", "beta", "add", "mul", "scale", "threshold",
              "pad", "slope", "clip"],
)  # fmt: skip
def test_what_is_not_a_number(tmp_path, place, bad):
    net, x = quantised_net()
    value = np.ones(8)
    value[3] = bad
    y = net.conv(x, 8, 8)
    parameters = {name: np.ones(8) for name in ("gamma", "beta", "mean", "variance")}
    match place:
        case "bias":
            y = net.node("Conv", x, np.ones((8, 8, 1, 1)), value)
        case "weights":
            y = net.node("Conv", x, np.ones((8, 8, 1, 1)) * value)
        case "mean" | "variance" | "beta":
            parameters[place] = value
            y = net.node("BatchNormalization", y, *parameters.values())
        case "add" | "mul":
            y = net.node(place.capitalize(), y, value.reshape(1, 8, 1, 1))
        case "scale":
            y = net.node("BipolarQuant", y, np.float64(bad))
        case "threshold":
            y = net.node("MultiThreshold", y, np.tile(value[:, None], 3))
        case "pad":
            y = net.node("Pad", x, net.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64), bad)
        case "slope":
            y = net.node("PRelu", y, value.reshape(8, 1, 1))
        case "clip":
            y = net.node("Clip", y, bad, 1.0)
    net.head(net.quant(y), 8)
    path = net.save(tmp_path)
    if place in ("clip", "pad") and np.isinf(bad):  # no limit; beyond every level
        read_network(path)
        return
    with pytest.raises(OnefourError) as caught:
        read_network(path)
    message = str(caught.value)
    assert "not understood" not in message
    assert any(word in message for word in ("NaN", "infinity", "finite")), message


def test_bias_of_an_output_that_is_not_a_number(tmp_path):
    net, x = quantised_net()
    net.outputs.append(net.node("Conv", x, np.ones((2, 8, 1, 1)), np.array([1, np.nan])))
    refused(net.save(tmp_path), ReadError, "Conv 'conv4'", "'k6'", "NaN")


def test_scale_beyond_float64(tmp_path):
    net, x = quantised_net()
    y = net.conv(x, 5, 8)
    for _ in range(12):
        y = net.node("Mul", y, 1e38)
    net.outputs.append(y)
    refused(net.save(tmp_path), OnefourError, "output", "beyond float64")


@pytest.mark.parametrize(("variance", "epsilon"), [(-0.5, 1e-5), (-0.5, 1.0), (0.0, 0.0)])
def test_variance_without_a_root(tmp_path, variance, epsilon):
    net, x = quantised_net()
    parameters = [np.ones(8), np.ones(8), np.ones(8), np.full(8, variance)]
    y = net.node("BatchNormalization", net.conv(x, 8, 8), *parameters, epsilon=epsilon)
    net.head(net.quant(y), 8)
    refused(net.save(tmp_path), UnsupportedError, "BatchNormalization", "variance")


@pytest.mark.parametrize("op", ["LeakyRelu", "Elu", "HardSigmoid"])
def test_attribute_that_is_not_a_number(tmp_path, op):
    net, x = quantised_net()
    net.head(net.quant(net.node(op, net.conv(x, 8, 8), alpha=float("nan"))), 8)
    refused(net.save(tmp_path), ReadError, f"{op} '", "'alpha'", "NaN")


def test_division_by_zero(tmp_path):
    net, x = quantised_net()
    net.head(net.quant(net.node("Div", net.conv(x, 8, 8), 0.0)), 8)
    refused(net.save(tmp_path), UnsupportedError, "Div 'div5'", "is 0 somewhere")


def test_comparison_hides_no_nan(tmp_path):
    net, x = quantised_net()
    values = np.array([1, np.nan, 1, 1, 1, 1, 1, 1])
    bias = net.node("BipolarQuant", values.reshape(1, 8, 1, 1), 0.5)
    net = with_bias(net, x, bias)
    refused(net.save(tmp_path), ReadError, "BipolarQuant", "NaN")


@pytest.mark.parametrize(
    ("op", "inputs", "attributes"),
    [
        ("RandomNormal", [], {"shape": [8, 1, 1]}),
        ("RandomUniform", [], {"shape": [8, 1, 1], "seed": 1.0}),
        ("RandomNormalLike", [np.zeros((8, 1, 1))], {}),
        ("RandomUniformLike", [np.zeros((8, 1, 1))], {}),
        ("Multinomial", [np.ones((1, 8))], {"sample_size": 1}),
        ("Bernoulli", [np.full((8, 1, 1), 0.5)], {}),
    ],
)
def test_random_constants(tmp_path, op, inputs, attributes):
    net, x = quantised_net()
    net = with_bias(net, x, net.node(op, *inputs, **attributes))
    refused(net.save(tmp_path), UnsupportedError, f"{op} '", "random")


def test_dropout_in_training(tmp_path):
    net, x = quantised_net()
    y = net.node("Dropout", net.conv(x, 8, 8), 0.5, net.constant(True, np.bool_))
    net.head(net.quant(y), 8)
    refused(net.save(tmp_path), UnsupportedError, "Dropout", "random")


@pytest.mark.parametrize("op", ["Quant", "QuantizeLinear"])
def test_quantisers_of_very_many_levels(tmp_path, op):
    net, x = quantised_net(opset=21)
    y = net.conv(x, 8, 8)
    if op == "Quant":
        y = net.quant(y, 0.25, 32, 1)
    else:
        zero = net.constant(0, np.int16)
        y = net.node("DequantizeLinear", net.node(op, y, 0.25, zero), 0.25, zero)
    net.head(y, 8)
    refused(net.save(tmp_path), UnsupportedError, f"{op} '", "bits", "1 to 8 bits")


@pytest.mark.parametrize("bits", [np.inf, np.nan, 0.0, 33.0, -1.0])
def test_bit_widths(tmp_path, bits):
    net, x = quantised_net()
    net.head(net.node("Quant", net.conv(x, 8, 8), 0.25, 0.0, bits, signed=0, narrow=0), 8)
    refused(net.save(tmp_path), OnefourError, "Quant 'quant5'", "bit width")


@pytest.mark.parametrize("bits", [np.inf, 1e38, 33.0])
def test_bit_widths_of_weights(tmp_path, bits):
    net, x = quantised_net()
    weights = net.node("Quant", np.ones((8, 8, 1, 1)), 0.25, 0.0, bits, signed=1, narrow=0)
    net.outputs.append(net.node("Conv", x, weights))
    refused(net.save(tmp_path), UnsupportedError, "Quant 'quant4'", "bit width")


def test_blocks_larger_than_the_tensor(tmp_path):
    net, x = quantised_net(opset=21)
    weights = net.constant(np.ones((8, 8, 1, 1)), np.int8)
    scale = net.constant(np.ones((8, 1, 1, 1)))
    weights = net.node("DequantizeLinear", weights, scale, axis=1, block_size=1 << 40)
    net.outputs.append(net.node("Conv", x, weights))
    assert read_network(net.save(tmp_path)).outputs


@pytest.mark.parametrize("where", ["initializer", "attribute"])
def test_external_data_of_any_tensor(tmp_path, where):
    net, x = quantised_net()
    net.head(x, 8)
    model = net.model()
    plain = read_network(net.save(tmp_path))
    weights = next(t for t in model.graph.initializer if list(t.dims) == [8, 3, 3, 3])
    if where == "attribute":
        node = helper.make_node("Constant", [], [weights.name], value=weights)
        model.graph.initializer.remove(weights)
        model.graph.node.insert(0, node)
        weights = model.graph.node[0].attribute[0].t
    (tmp_path / "weights.bin").write_bytes(weights.raw_data)
    onnx.external_data_helper.set_external_data(weights, "weights.bin")
    weights.data_location = TensorProto.EXTERNAL
    weights.ClearField("raw_data")
    path = tmp_path / "external.onnx"
    path.write_bytes(model.SerializeToString())
    network = read_network(path)
    assert (network.operators[0].weights == plain.operators[0].weights).all()
    (tmp_path / "weights.bin").unlink()
    refused(path, ReadError, "'weights.bin'", "cannot be read")


def test_external_data_without_limits(tmp_path):
    net, x = quantised_net()
    net.head(x, 8)
    model = net.model()
    tensor = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, "large.bin")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(1 << 40)
    path = tmp_path / "external.onnx"
    path.write_bytes(model.SerializeToString())
    refused(path, ReadError, "'large.bin'", "more than 2 GiB")
