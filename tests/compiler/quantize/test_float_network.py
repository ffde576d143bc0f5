"""What is read as a float network, and what it is after simplification."""

import numpy as np
import onnx
import pytest

from compiler.errors import ReadError, UnsupportedError
from compiler.quantize.float_network import read_float_network
from compiler.quantize.observe import values
from tests.samples.float_net import FloatNet
from tests.samples.small_onnx import quantised_net


def normalised_net() -> FloatNet:
    net = FloatNet(opset=12)
    x = net.conv("x", 8, 3)
    rng = net.rng
    constants = [rng.uniform(0.5, 2, 8), rng.normal(0, 1, 8), rng.normal(0, 1, 8),
                 rng.uniform(0.5, 2, 8)]  # fmt: skip
    x = net.node("BatchNormalization", x, *constants)
    net.head(net.node("Identity", net.node("Relu", x)), 8)
    return net


def test_normalisation_is_folded_into_the_convolution(tmp_path, rng):
    path = normalised_net().save(tmp_path)
    network = read_float_network(path)
    assert [node.op_type for node in network.nodes] == ["Conv", "Relu", "Conv"]
    assert network.model.opset_import[0].version == 13
    image = rng.random((1, 3, 8, 8), np.float32)
    (result,) = network.outputs
    (before,) = values(onnx.load(path), [result], [image], 1)
    (after,) = values(network.model, [result], [image], 1)
    assert np.abs(before[result] - after[result]).max() < 1e-5


def test_quantised_networks_are_refused(tmp_path):
    net, x = quantised_net()
    net.head(x, 8)
    with pytest.raises(UnsupportedError, match=r"is quantised already \(Quant 'quant3'\)"):
        read_float_network(net.save(tmp_path))


def test_sizes_must_be_fixed(tmp_path):
    net = FloatNet(shape=(1, 3, "height", 8))
    net.head("x", 3)
    with pytest.raises(ReadError, match="Give its size with --size"):
        read_float_network(net.save(tmp_path))


def test_half_precision_is_refused(tmp_path):
    net = FloatNet()
    net.head(net.node("Cast", "x", to=1), 3)
    model = net.model()
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    onnx.save(model, tmp_path / "half.onnx")
    with pytest.raises(UnsupportedError, match="is not of float32"):
        read_float_network(tmp_path / "half.onnx")
