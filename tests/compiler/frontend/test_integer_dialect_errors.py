"""What a network of integers only may not do: one message that names operator and tensor."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from compiler.errors import QuantisationError, ReadError, UnsupportedError
from compiler.frontend.pipeline import read_network
from tests.compiler.frontend.watched import first_obstacle
from tests.samples.integer_net import IntegerNet, begun
from tests.samples.small_onnx import quantised_net


def refused(net, folder, error, *texts) -> None:
    path = net.save(folder)
    with pytest.raises(error) as caught:
        read_network(path)
    message = str(caught.value)
    assert "\n" not in message
    for text in texts:
        assert text in message, message
    if not isinstance(caught.value, ReadError):
        assert first_obstacle(path) == message


def test_signed_bytes_as_picture(tmp_path):
    net, x = begun()
    net.results(x, 8)
    model = net.model()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT8
    net.model = lambda: model
    refused(net, tmp_path, ReadError, "input 'x' has element type 3", "uint8")


def test_weights_of_more_than_eight_bits(tmp_path):
    net, x = begun()
    weights = net.rng.integers(0, 255, (5, 8, 1, 1)).astype(np.uint8)
    zeros = [np.zeros((), np.uint8), np.array(100, np.uint8)]
    net.outputs.append(net.convolution(x, 5, 8, 1, weights=weights, zeros=zeros))
    refused(net, tmp_path, UnsupportedError, "Conv 'convinteger10'", "weights 'k10'", "9 bits")


def coded(y: str, net: IntegerNet) -> None:
    """A last step that gives 4 bits, and results."""
    net.results(net.cast(net.wide("Min", y, 15, np.int32), TensorProto.UINT8), 8)


def test_multiplier_from_the_picture(tmp_path):
    net, x = begun()
    y, z = (net.convolution(x, 8, 8) for _ in range(2))
    coded(net.node("Mul", y, z), net)
    refused(net, tmp_path, UnsupportedError, "Mul 'mul12'", f"'{y}', '{z}'", "a constant")


def test_operands_of_different_types(tmp_path):
    net, x = begun()
    y = net.wide("Add", net.convolution(x, 8, 8), 5, np.int64)
    coded(y, net)
    refused(net, tmp_path, UnsupportedError, "Add 'add11'", "'t10' is int32", "is int64", "Cast")


def test_float_constant(tmp_path):
    net, x = begun()
    coded(net.node("Mul", net.convolution(x, 8, 8), 0.5), net)
    refused(net, tmp_path, UnsupportedError, "Mul 'mul11'", "'t10' is int32", "is float")


def test_floats_between_integer_layers(tmp_path):
    net, x = begun()
    y = net.cast(net.convolution(x, 8, 8), TensorProto.FLOAT)
    y = net.node("Clip", net.node("Round", net.node("Mul", y, 0.01)), 0.0, 15.0)
    net.results(net.cast(y, TensorProto.UINT8), 8)
    refused(
        net, tmp_path, UnsupportedError, "ConvInteger 'convinteger16'", "from Cast 'cast11' on",
        "uint8 input",
    )  # fmt: skip


def test_integer_layer_in_a_float_network(tmp_path):
    net, x = quantised_net()
    y = net.node("QuantizeLinear", x, 0.5, net.constant(0, np.uint8))
    weights = net.constant(np.ones((5, 8, 1, 1)), np.int8)
    net.outputs.append(net.node("ConvInteger", y, weights))
    refused(net, tmp_path, UnsupportedError, "ConvInteger 'convinteger5'", "input 'x' on")


@pytest.mark.parametrize("op", ["Sigmoid", "AveragePool", "Abs"])
def test_operator_that_does_not_take_integers(tmp_path, op):
    net, x = begun()
    more = {"kernel_shape": [2, 2]} if op == "AveragePool" else {}
    coded(net.node(op, net.convolution(x, 8, 8), name="it", **more), net)
    refused(net, tmp_path, UnsupportedError, f"{op} 'it'", "of integers (int32)", "BitShift")


def test_cast_to_bool(tmp_path):
    net, x = begun()
    net.results(net.cast(net.cast(x, TensorProto.BOOL), TensorProto.UINT8), 8)
    refused(net, tmp_path, UnsupportedError, "Cast 'cast10'", "uint8 to element type 9")


def test_products_that_wrap_around(tmp_path):
    net, x = begun()
    y = net.wide("Mul", net.convolution(x, 8, 8), 1 << 24, np.int32)
    coded(net.wide("Max", net.wide("Div", y, 1 << 26, np.int32), 0, np.int32), net)
    refused(net, tmp_path, UnsupportedError, "Mul 'mul11'", "int32 and wraps", "to 64 bits before")


def test_negative_sums_as_unsigned(tmp_path):
    net, x = begun()
    y = net.cast(net.convolution(x, 8, 8), TensorProto.UINT32)
    y = net.wide("BitShift", y, 5, np.uint32, direction="RIGHT")
    y = net.wide("Min", y, 15, np.uint32)
    net.results(net.cast(y, TensorProto.UINT8), 8)
    refused(net, tmp_path, UnsupportedError, "Cast 'cast11'", "uint32 and wraps", "Max with 0")


def test_narrowing_before_the_limit(tmp_path):
    net, x = begun()
    y = net.wide("Max", net.convolution(x, 8, 8), 0, np.int32)
    y = net.wide("Min", net.cast(y, TensorProto.UINT8), 15, np.uint8)
    net.results(y, 8)
    refused(net, tmp_path, UnsupportedError, "Cast 'cast12'", "uint8 and wraps", "Clip to what")


def test_function_that_falls_and_rises(tmp_path):
    net, x = begun()
    y = net.wide("Div", net.convolution(x, 8, 8), 40, np.int32)
    y = net.node("Max", y, net.node("Neg", y))
    coded(net.wide("Max", y, 0, np.int32), net)
    refused(net, tmp_path, QuantisationError, "Conv 'convinteger10'", "only rise nor only fall")


@pytest.mark.parametrize(("kind", "shift"), [(np.uint32, 32), (np.int32, 3)])
def test_shifts_without_a_meaning(tmp_path, kind, shift):
    net, x = begun()
    y = net.wide("Max", net.convolution(x, 8, 8), 0, np.int32)
    y = net.cast(y, helper.np_dtype_to_tensor_dtype(np.dtype(kind)))
    y = net.wide("BitShift", y, shift, kind, direction="RIGHT")
    net.results(net.cast(net.wide("Min", y, 15, kind), TensorProto.UINT8), 8)
    refused(net, tmp_path, UnsupportedError, "BitShift 'bitshift13'", f"up to {shift}", "uint64")


def test_division_by_zero(tmp_path):
    net, x = begun()
    coded(net.wide("Div", net.convolution(x, 8, 8), np.arange(8), np.int32), net)
    refused(net, tmp_path, UnsupportedError, "Div 'div11'", "0 somewhere")


def test_skip_connection_with_a_multiplier_per_channel(tmp_path):
    net, x = begun()
    y = net.layer(x, 8, 8)
    parts = [net.cast(part, TensorProto.INT32) for part in (x, y)]
    parts[0] = net.wide("Mul", parts[0], np.arange(3, 11), np.int32)
    z = net.requantise(net.node("Add", *parts), 1 << 20)
    net.results(z, 8)
    refused(net, tmp_path, QuantisationError, f"quantiser of '{z}'", "from channel to channel")


def test_skip_connection_of_sums(tmp_path):
    net, x = begun()
    y = net.convolution(x, 8, 8)
    z = net.requantise(net.node("Add", net.cast(x, TensorProto.INT32), y), 1 << 20)
    net.results(z, 8)
    refused(net, tmp_path, UnsupportedError, "combines the sums", f"'{y}'", "Put a quantiser")


def test_wide_input_of_a_convolution(tmp_path):
    net, x = begun()
    weights = net.rng.integers(-8, 8, (5, 8, 1, 1)).astype(np.int8)
    net.outputs.append(net.convolution(net.cast(x, TensorProto.INT32), 5, 8, 1, weights=weights))
    refused(net, tmp_path, UnsupportedError, "'convinteger11'", "int32", "uint8 or int8")


@pytest.mark.parametrize("zero", [np.array(3, np.int8), np.array([1, 2], np.uint8)])
def test_zero_point_of_another_form(tmp_path, zero):
    net, x = begun()
    net.outputs.append(net.convolution(x, 5, 8, 1, zeros=[zero]))
    refused(net, tmp_path, UnsupportedError, "'convinteger10'", "zero point", "constant uint8")
