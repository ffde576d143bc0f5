"""What files may be written in: whole frames of RTL, from the command line's side.

4-bit tensors of standard operators, floats of 16 and of 64 bits, tensors in a file of their own.
"""

import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import compiler.__main__
import sim.__main__
from tests.samples.small_onnx import Net

SIZE = 10
LAYERS = 3
"""Of both networks below: the pool is part of the second, and the output's sums are the third."""


def packed(net: Net, values, kind: int) -> str:
    """An initialiser of 4-bit integers, two in a byte."""
    return net.constant(values, helper.tensor_dtype_to_np_dtype(kind))


def packed_conv(net: Net, x: str, channels: int, depth: int, kind: int, kernel: int = 3) -> str:
    """A convolution with 4-bit weights: INT4 with a scale and a zero per channel, or UINT4."""
    shape = channels, depth, kernel, kernel
    if kind == TensorProto.INT4:
        zeros = net.rng.integers(-2, 3, channels)
        codes = net.rng.integers(-6, 6, shape) + zeros.reshape(-1, 1, 1, 1)
        scales = net.constant(net.rng.uniform(0.02, 0.06, channels))
        given = [packed(net, codes, kind), scales, packed(net, zeros, kind)]
        weights = net.node("DequantizeLinear", *given, axis=0)
    else:
        codes = packed(net, net.rng.integers(0, 16, shape), kind)
        weights = net.node("DequantizeLinear", codes, 0.04, packed(net, 8, kind))
    return net.node("Conv", x, weights, pads=[kernel // 2] * 4)


def requantised(net: Net, x: str, scale: float, zero: int, kind: int) -> str:
    given = [net.constant(scale), packed(net, zero, kind)]
    return net.node("DequantizeLinear", net.node("QuantizeLinear", x, *given), *given)


def four_bit_net() -> Net:
    """Standard operators alone: activations and weights are UINT4 and INT4, with zero points."""
    net = Net(shape=(1, 3, SIZE, SIZE), opset=21)
    bias = net.rng.normal(0, 0.3, (8, 1, 1))
    x = net.node("Add", packed_conv(net, "x", 8, 3, TensorProto.INT4), bias)
    x = requantised(net, x, 0.11, 6, TensorProto.UINT4)
    x = packed_conv(net, x, 8, 8, TensorProto.UINT4)
    x = requantised(net, x, 0.3, -3, TensorProto.INT4)
    x = net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    net.outputs.append(packed_conv(net, x, 5, 8, TensorProto.INT4, 1))
    return net


def float_net(opset: int = 17) -> Net:
    """Nothing but floats: quantisers are written out as Clip, Mul, Round and Div."""
    net = Net(shape=(1, 3, SIZE, SIZE), opset=opset)
    x = "x"
    for depth in (3, 8):
        bias = net.rng.normal(0, 0.3, (8, 1, 1))
        x = net.node("Clip", net.node("Add", net.conv(x, 8, depth), bias), 0.0, 1.7)
        x = net.node("Div", net.node("Round", net.node("Mul", x, 7.3)), 7.3)
    x = net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    net.head(x, 8)
    return net


def in_floats_of(model: onnx.ModelProto, kind: int) -> onnx.ModelProto:
    """The model with its input and all its initialisers in another type of float."""
    model.graph.input[0].type.tensor_type.elem_type = kind
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor).astype(helper.tensor_dtype_to_np_dtype(kind))
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return model


def frame(folder, model: onnx.ModelProto, capfd, **how_saved) -> str:
    """Build, and run one frame of noise in RTL; what `sim run` said."""
    path, build, picture = folder / "net.onnx", folder / "build", folder / "picture.npy"
    onnx.save(model, path, **how_saved)
    given = ["build", str(path), "--machine", "tiny", "--no-verilog", "-o", str(build)]
    assert compiler.__main__.main(given) == 0, capfd.readouterr().err
    np.save(picture, np.random.default_rng(5).integers(256, size=(SIZE, SIZE, 3), dtype=np.uint8))
    capfd.readouterr()
    status = sim.__main__.main(["run", str(build), "--image", str(picture), "--machine-check"])
    output = capfd.readouterr()
    assert status == 0, output.err
    return output.out


def check(said: str, references: set[str]) -> None:
    """Every layer alike in these references, the machine and RTL; and cycles as predicted."""
    assert re.search(rf"^{LAYERS} layers, 1125 codes: RTL equals golden$", said, re.MULTILINE), said
    layers = re.findall(r" codes, differing: (.*)$", said, re.MULTILINE)
    assert len(layers) == LAYERS, said
    for layer in layers:
        counts = dict(re.findall(r"(\S+) (\S+)", layer))
        alike = {name for name, count in counts.items() if count == "0"}
        assert alike >= references | {"machine", "RTL"}, layer
    predicted, counted = re.search(r"(\d+) cycles predicted, (\d+) counted", said).groups()
    assert predicted == counted


@pytest.mark.cosim
def test_four_bit_tensors_of_standard_operators(tmp_path, capfd):
    model = four_bit_net().model()
    assert {node.domain for node in model.graph.node} == {""}
    check(frame(tmp_path, model, capfd), {"float64", "onnxruntime"})


@pytest.mark.cosim
@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_floats_of_other_widths(tmp_path, capfd, kind):
    # onnxruntime rounds every tensor to float16, and does not know Conv of doubles.
    check(frame(tmp_path, in_floats_of(float_net().model(), kind), capfd), {"float64"})


@pytest.mark.cosim
@pytest.mark.parametrize("made", [float_net, four_bit_net])
def test_external_data(tmp_path, capfd, made):
    external = {"save_as_external_data": True, "location": "tensors", "size_threshold": 0}
    said = frame(tmp_path, made().model(), capfd, **external)
    stored = onnx.load(tmp_path / "net.onnx", load_external_data=False).graph.initializer
    assert {tensor.data_location for tensor in stored} == {TensorProto.EXTERNAL}
    check(said, {"float64", "onnxruntime"})
