"""Every refusal is one message that names the operator, what was found and what to do."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from compiler.errors import QuantisationError, ReadError, UnsupportedError
from compiler.frontend.pipeline import read_network
from tests.compiler.frontend.watched import first_obstacle
from tests.samples.small_onnx import Net, quantised_net


def refused(path, error, *texts, **options) -> str:
    """The message of the refusal; it must hold all ``texts``."""
    with pytest.raises(error) as caught:
        read_network(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    for text in texts:
        assert text in message, message
    if isinstance(caught.value, ReadError):  # of the reader, or of a pass
        assert first_obstacle(path, **options) in (None, message)
    else:
        assert first_obstacle(path, **options) == message
    return message


# Files


def test_no_file(tmp_path):
    refused(tmp_path / "none.onnx", ReadError, "none.onnx", "cannot be read")


def test_folder(tmp_path):
    refused(tmp_path, ReadError, "not a file")


def test_empty_file(tmp_path):
    path = tmp_path / "empty.onnx"
    path.write_bytes(b"")
    refused(path, ReadError, "empty")


@pytest.mark.parametrize("content", [b"not an onnx file at all", b"\x89PNG\r\n\x1a\n" + bytes(99)])
def test_something_else(tmp_path, content):
    path = tmp_path / "picture.onnx"
    path.write_bytes(content)
    refused(path, ReadError, "picture.onnx", "Export")


def test_more_than_2_gib(tmp_path):
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.truncate(1 << 31)
    refused(path, ReadError, "2147483648 bytes", "2 GiB")


def test_missing_external_data(tmp_path):
    net, x = quantised_net()
    net.head(x, 8)
    path = tmp_path / "split.onnx"
    onnx.save(net.model(), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    (tmp_path / "w.bin").unlink()
    refused(path, ReadError, "'w.bin'", "cannot be read", "beside the model")


def test_missing_initialiser(tmp_path):
    net, x = quantised_net()
    net.outputs.append(net.node("Conv", x, "nowhere"))
    refused(net.save(tmp_path), ReadError, "Conv 'conv4'", "'nowhere'", "initialiser")


def test_cycle(tmp_path):
    net = Net()
    net.node("Add", "x", "t1")
    net.outputs.append(net.node("Relu", "t0"))
    refused(net.save(tmp_path), ReadError, "Add 'add0'", "cycle")


def test_tensor_written_twice(tmp_path):
    net, x = quantised_net()
    net.head(x, 8)
    model = net.model()
    model.graph.node[1].output[0] = model.graph.node[0].output[0]
    onnx.save(model, tmp_path / "twice.onnx")
    refused(tmp_path / "twice.onnx", ReadError, "written twice")


@pytest.mark.parametrize("shape", [(1, 3, "h", 8), (1, 3, 8), (2, 3, 8, 8), (1, 3, 0, 8)])
def test_input_shape(tmp_path, shape):
    net, x = quantised_net(shape=shape)
    net.head(x, 8)
    refused(net.save(tmp_path), ReadError, "input 'x'", "[1, channels, height, width]")


def test_free_batch_size_is_one(tmp_path):
    net, x = quantised_net(shape=("N", 3, 8, 8))
    net.head(x, 8)
    assert read_network(net.save(tmp_path)).tensors["x"].shape == (3, 8, 8)


def test_absurd_picture(tmp_path):
    net, x = quantised_net(shape=(1, 3, 100000, 100000))
    net.head(x, 8)
    refused(net.save(tmp_path), ReadError, "larger than 16384")


def test_two_inputs(tmp_path):
    net, x = quantised_net()
    net.head(x, 8)
    model = net.model()
    model.graph.input.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1]))
    onnx.save(model, tmp_path / "two.onnx")
    refused(tmp_path / "two.onnx", ReadError, "'x', 'y'", "exactly one")


# Operators


def test_unknown_operator_in_the_middle(tmp_path):
    net, x = quantised_net()
    net.head(net.quant(net.node("ReduceMax", x, axes=[1])), 1)
    refused(net.save(tmp_path), UnsupportedError, "ReduceMax", "before Conv 'conv6'", "replace")


def test_custom_domain(tmp_path):
    net, x = quantised_net()
    net.head(x, 8)
    model = net.model()
    model.graph.node[-1].domain = "com.example"
    onnx.save(model, tmp_path / "custom.onnx")
    refused(tmp_path / "custom.onnx", ReadError, "Conv 'conv4'", "'com.example'")


@pytest.mark.parametrize(
    ("op", "attributes", "texts"),
    [
        ("MaxPool", {"kernel_shape": [2, 2], "dilations": [2, 2]}, ["dilations must be 1"]),
        ("AveragePool", {"kernel_shape": [9, 9], "pads": [4] * 4}, ["(9, 9)", "up to 7"]),
        ("AveragePool", {"kernel_shape": [3, 3], "pads": [1] * 4}, ["count_include_pad"]),
        ("Softmax", {"axis": 1}, ["operator Softmax", "not supported"]),
    ],
)
def test_forms_of_operators(tmp_path, op, attributes, texts):
    net, x = quantised_net()
    net.head(net.quant(net.node(op, x, **attributes)), 8)
    refused(net.save(tmp_path), UnsupportedError, f"{op} '{op.lower()}4'", *texts)


def test_stride_3(tmp_path):
    net, x = quantised_net()
    net.outputs.append(net.conv(x, 5, 8, strides=[3, 3]))
    refused(
        net.save(tmp_path), UnsupportedError, "Conv 'conv4'", "stride must be 1 or 2, not (3, 3)"
    )


def test_kernel_9(tmp_path):
    net, x = quantised_net()
    net.outputs.append(net.conv(x, 5, 8, 9))
    refused(net.save(tmp_path), UnsupportedError, "kernel 9x9", "1 to 7")


def test_linear_resize(tmp_path):
    net, x = quantised_net()
    net.head(net.node("Resize", x, "", [1.0, 1.0, 2.0, 2.0], mode="linear"), 8)
    refused(net.save(tmp_path), UnsupportedError, "Resize 'resize4'", "'linear'", "nearest")


def test_resize_that_repeats_unevenly(tmp_path):
    net, x = quantised_net()
    y = net.node("Resize", x, "", [1.0, 1.0, 2.0, 2.0], mode="nearest", nearest_mode="ceil")
    net.head(y, 8)
    refused(net.save(tmp_path), UnsupportedError, "'half_pixel'", "'ceil'", "asymmetric and floor")


def test_focus_slices(tmp_path):
    net = Net()
    bounds = [net.constant(v, np.int64) for v in ([0, 0], [8, 8], [2, 3], [2, 2])]
    net.outputs.append(net.conv(net.node("Slice", "x", *bounds), 8, 3))
    refused(net.save(tmp_path), UnsupportedError, "Slice 'slice0'", "6x6 convolution")


def test_weights_from_the_picture(tmp_path):
    net, x = quantised_net()
    net.outputs.append(net.node("Conv", x, x))
    refused(net.save(tmp_path), UnsupportedError, "must be constant")


# Quantisation


def test_float_weights(tmp_path, rng):
    net, x = quantised_net()
    net.outputs.append(net.node("Conv", x, rng.normal(0, 1, (5, 8, 1, 1))))
    refused(net.save(tmp_path), QuantisationError, "Conv 'conv4'", "not multiples", "'k5'", "Train")


def test_weights_of_nine_bits(tmp_path, rng):
    net, x = quantised_net()
    weights = net.quant(net.constant(rng.uniform(-1, 1, (5, 8, 3, 3))), 0.005, 9, 1)
    net.outputs.append(net.node("Conv", x, weights))
    refused(net.save(tmp_path), UnsupportedError, "Quant 'quant4'", "(9 bits)", "-128..127")


def test_wide_activations(tmp_path):
    net, x = quantised_net()
    net.head(net.quant(net.conv(x, 8, 8), 0.1, 9), 8)
    refused(net.save(tmp_path), UnsupportedError, "Quant 'quant5'", "9 bits", "1 to 8 bits")


def test_unquantised_activations(tmp_path):
    net, x = quantised_net()
    net.head(net.node("Relu", net.conv(x, 8, 8)), 8)
    message = refused(net.save(tmp_path), UnsupportedError, "Conv 'conv6'", "not quantised")
    assert "Conv 'conv4'" in message


def test_unbounded_rounding(tmp_path):
    net, x = quantised_net()
    net.head(net.node("Round", net.conv(x, 8, 8)), 8)
    refused(net.save(tmp_path), UnsupportedError, "Round 'round5'", "no upper or lower limit")


def test_scale_per_channel(tmp_path):
    net, x = quantised_net()
    scales = net.constant(np.linspace(0.3, 0.7, 8).reshape(1, 8, 1, 1))
    net.head(net.node("Quant", net.conv(x, 8, 8), scales, 0.0, 2.0, signed=0, narrow=0), 8)
    refused(net.save(tmp_path), QuantisationError, "Quant 'quant5'", "one scale and zero point")


def test_two_levels_scales_per_channel(tmp_path):
    net, x = quantised_net()
    scales = net.constant(np.linspace(0.3, 0.7, 8).reshape(1, 8, 1, 1))
    net.head(net.node("BipolarQuant", net.conv(x, 8, 8), scales), 8)
    refused(net.save(tmp_path), QuantisationError, "one scale and zero point per tensor")


def test_concat_without_common_grid(tmp_path):
    net, x = quantised_net()
    first, second = (net.quant(net.conv(x, 4, 8), scale) for scale in (0.5, 0.37))
    net.outputs.append(net.conv(net.node("Concat", first, second, axis=1, name="join"), 5, 8))
    refused(net.save(tmp_path), QuantisationError, "Concat 'join'", "0.5, 0.37", "after the Concat")


def test_concat_with_a_much_larger_scale(tmp_path):
    net, x = quantised_net()
    first, second = (net.quant(net.conv(x, 4, 8), scale) for scale in (0.5, 1e30))
    net.outputs.append(net.conv(net.node("Concat", first, second, axis=1, name="join"), 5, 8))
    refused(net.save(tmp_path), QuantisationError, "Concat 'join'", "0.5, 1e+30")


def test_silu_with_a_negative_level(tmp_path):
    net, x = quantised_net()
    x = net.conv(x, 8, 8)
    x = net.node("Mul", x, net.node("Sigmoid", x))
    net.head(net.quant(x, 0.25, signed=1), 8)
    refused(net.save(tmp_path), QuantisationError, "neither only rise nor only fall", "SiLU")


def test_negative_prelu(tmp_path):
    net, x = quantised_net()
    x = net.node("PRelu", net.conv(x, 8, 8), np.full((8, 1, 1), -0.5))
    net.head(net.quant(x, 0.25), 8)
    refused(net.save(tmp_path), QuantisationError, "neither only rise nor only fall")


def test_silu_behind_a_pool(tmp_path):
    net, x = quantised_net()
    x = net.node("MaxPool", net.conv(x, 8, 8), kernel_shape=[2, 2], strides=[2, 2])
    net.head(net.quant(net.node("HardSwish", x, name="swish")), 8)
    refused(net.save(tmp_path), UnsupportedError, "HardSwish 'swish'", "MaxPool 'maxpool5'")


def test_padding_off_the_grid(tmp_path):
    net, x = quantised_net()
    pads = net.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    net.outputs.append(net.conv(net.node("Pad", x, pads, 0.3), 5, 8, pads=[0] * 4))
    refused(net.save(tmp_path), QuantisationError, "padded with 0.3", "multiple")


def test_sum_of_unquantised_branch(tmp_path):
    net, x = quantised_net()
    y = net.node("Add", net.conv(x, 8, 8), x)
    net.head(net.quant(y), 8)
    refused(
        net.save(tmp_path), UnsupportedError, "'t4'", "Conv 'conv4'", "before they are combined"
    )


def test_sum_of_three(tmp_path):
    net, x = quantised_net()
    parts = [net.quant(net.conv(x, 8, 8)) for _ in range(3)]
    y = net.node("Add", net.node("Add", parts[0], parts[1]), parts[2])
    net.head(net.quant(y), 8)
    refused(net.save(tmp_path), UnsupportedError, "combines 3 tensors", "behind Add 'add")


def test_picture_with_the_wrong_scale(tmp_path):
    """A network of pictures 0..255, fed with 0..1: two of 256 codes."""
    net = Net()
    x = net.quant("x", 1.0, 8)
    net.outputs.append(net.conv(x, 5, 3))
    refused(
        net.save(tmp_path), QuantisationError, "Quant 'quant0'", "become 2 values", "--input-scale"
    )


def test_picture_scaled_per_channel(tmp_path):
    net = Net()
    x = net.node("Div", "x", np.array([0.2, 0.3, 0.4]).reshape(3, 1, 1))
    net.outputs.append(net.conv(x, 5, 3))
    refused(net.save(tmp_path), QuantisationError, "Div 'div0'", "differently per channel")


def test_operand_that_differs_from_place_to_place(tmp_path, rng):
    net, x = quantised_net()
    net.head(net.quant(net.node("Add", net.conv(x, 8, 8), rng.normal(0, 1, (1, 8, 8, 8)))), 8)
    refused(net.save(tmp_path), UnsupportedError, "Add 'add5'", "differs from place to place")


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ((-0.5, 0.0, 4.0), "scale must be positive"),
        ((0.5, 0.5, 4.0), "zero point must be a whole number"),
        ((0.5, 0.0, 2.5), "bit width must be one whole number"),
        ((0.5, [0.0, 0.0], 4.0), "of shape (2,) does not fit its input 't4' of shape (1, 8, 8, 8)"),
        (([[[[[0.5]]]]], 0.0, 4.0), "of shape (1, 1, 1, 1, 1) does not fit"),
    ],
)
def test_parameters_of_quant(tmp_path, inputs, text):
    net, x = quantised_net()
    net.head(net.node("Quant", net.conv(x, 8, 8), *inputs, signed=0, narrow=0), 8)
    refused(net.save(tmp_path), UnsupportedError, "Quant 'quant5'", text)


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("yolov5n_640_fp32_rawheads", "not multiples of one scale"),
        ("yolov5n_640_fp32_folded", "not multiples of one scale"),
        ("tfc_w1a1_qonnx", "2-D convolutions"),
        ("yololite_coco_fp32", "not multiples of one scale"),
    ],
)
def test_published_networks_that_are_not_low_bit(real_data, name, text):
    with pytest.raises((UnsupportedError, QuantisationError), match=text):
        read_network(real_data / "models" / f"{name}.onnx")
