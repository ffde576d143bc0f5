"""The network against its ONNX file: ties are no errors, and errors are found where they are."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from compiler.check.onnx import NotCompared, against_onnx
from compiler.errors import DifferenceError
from compiler.frontend.pipeline import read_network
from golden import execute
from golden.network import Network, Thresholds
from tests.samples.small_onnx import Net, quantised_net

SCALE = 1 / 255


def deep_net() -> Net:
    net, x = quantised_net()
    for _ in range(2):
        x = net.quant(net.node("Relu", net.conv(x, 8, 8)))
    net.head(x, 8)
    return net


def codes_for(network: Network, rng) -> np.ndarray:
    return rng.integers(0, 256, network.tensors[network.input].shape, dtype=np.uint8)


def with_channel_saturated(network: Network, place: int, channel: int) -> Network:
    """One channel of one convolution always at its largest code."""
    operators = list(network.operators)
    levels = operators[place].thresholds.levels.copy()
    levels[channel] = -Thresholds.FAR
    thresholds = replace(operators[place].thresholds, levels=levels)
    operators[place] = replace(operators[place], thresholds=thresholds)
    return replace(network, operators=tuple(operators))


def test_equal_networks(tmp_path, rng):
    path = deep_net().save(tmp_path)
    network = read_network(path)
    codes = codes_for(network, rng)
    references = against_onnx(network, path, codes, SCALE)
    assert set(references) == {"float64", "onnxruntime"}
    assert set(references["float64"].values()) == {0}
    assert len(references["float64"]) == 5
    assert isinstance(references["onnxruntime"], NotCompared)
    assert "Quant" in references["onnxruntime"].reason
    results = execute.run(network, codes)
    assert against_onnx(network, onnx.load(path), codes, SCALE, results) == references


def integers_in_a_cast(net: Net, x: str) -> str:
    return net.node("Floor", net.node("Cast", x, to=onnx.TensorProto.INT32))


def integer_normalisation(net: Net, x: str) -> str:
    return net.node("BatchNormalization", x, *[net.constant(np.ones(8), np.int32)] * 4)


def integer_weights(net: Net, x: str) -> str:
    return net.node("Conv", x, net.constant(np.ones((8, 8, 1, 1)), np.int8))


def integer_bits(net: Net, x: str) -> str:
    return net.node("Quant", x, 0.25, 0.0, net.constant(4, np.int64), signed=0, narrow=0)


@pytest.mark.parametrize(
    "layer", [integers_in_a_cast, integer_normalisation, integer_bits, integer_weights]
)
def test_integers_among_floats_are_numbers(tmp_path, rng, layer):
    net, x = quantised_net()
    if layer is not integer_weights:
        x = net.conv(x, 8, 8)
    net.head(net.quant(layer(net, x)), 8)
    path = net.save(tmp_path)
    network = read_network(path)
    references = against_onnx(network, path, codes_for(network, rng), SCALE)
    assert set(references["float64"].values()) == {0}


def test_an_error_is_named_where_it_is_and_does_not_smear(tmp_path, rng, monkeypatch):
    path = deep_net().save(tmp_path)
    network = read_network(path)
    wrong = with_channel_saturated(network, 1, 3)
    codes = codes_for(network, rng)
    judges = []
    import compiler.check.onnx as module

    judge = module.Judge
    monkeypatch.setattr(module, "Judge", lambda *given: judges.append(judge(*given)) or judges[0])
    with pytest.raises(DifferenceError, match=r"tensor 't\d+', channel 3, row .* expected .*found"):
        against_onnx(wrong, path, codes, SCALE)
    counts = list(judges[0].differing.values())
    assert [bool(count) for count in counts] == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("mode", "signed"),
    [(mode, signed) for mode in
     ("ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN") for signed in (0, 1)],
)  # fmt: skip
def test_sums_that_cancel_are_ties_in_every_mode(tmp_path, rng, mode, signed):
    """Sums of k/255 whose float64 order of summation would decide ties at 0 and at halves."""
    net = Net()
    weights = rng.integers(-3, 4, (8, 3, 3, 3)) * 0.1
    weights[:, 0, 0, 0] = 0.1
    bias = np.array([0, 1, -1, 2, -2, 4, -4, 8]) * 0.1
    x = net.node("Conv", "x", weights, bias, pads=[1] * 4)
    x = net.quant(x, scale=0.2, signed=signed, rounding_mode=mode)
    x = net.node("Sign", net.conv(x, 4, 8, 1))
    net.head(x, 4)
    path = net.save(tmp_path)
    network = read_network(path)
    codes = rng.choice(np.array([0, 51, 102, 255], np.uint8), network.tensors[network.input].shape)
    references = against_onnx(network, path, codes, SCALE)
    assert set(references["float64"].values()) == {0}


def test_values_off_every_level_are_differences(tmp_path, rng):
    """A tensor whose scale is a little wrong has the same codes, and is not the same tensor."""
    path = deep_net().save(tmp_path)
    network = read_network(path)
    tensors = dict(network.tensors)
    name = network.operators[1].output
    tensors[name] = replace(tensors[name], scale=tensors[name].scale * 1.001)
    with pytest.raises(DifferenceError, match="is not the ONNX graph"):
        against_onnx(replace(network, tensors=tensors), path, codes_for(network, rng), SCALE)


def test_outputs_of_another_bias_are_differences(tmp_path, rng):
    """By less than half a unit of the sums, which rounding would hide."""
    path = deep_net().save(tmp_path)
    network = read_network(path)
    output = replace(network.outputs[0], bias=network.outputs[0].bias + 0.01)
    with pytest.raises(DifferenceError, match=repr(output.name)):
        against_onnx(replace(network, outputs=(output,)), path, codes_for(network, rng), SCALE)


def test_standard_operators_are_compared_with_onnxruntime(tmp_path, rng):
    net = Net(opset=21)
    x = net.node("Relu", net.conv("x", 8, 3))
    zero = net.constant(0, np.uint8)
    scale = net.constant(0.25)
    x = net.node("Clip", x, 0.0, 3.75)
    x = net.node("DequantizeLinear", net.node("QuantizeLinear", x, scale, zero), scale, zero)
    net.head(x, 8)
    path = net.save(tmp_path)
    network = read_network(path)
    references = against_onnx(network, path, codes_for(network, rng), SCALE)
    assert set(references["onnxruntime"]) == set(references["float64"]) - {"x"}
    assert set(references["onnxruntime"].values()) == {0}
