"""What the front end reads, and that the integer network equals the float64 graph."""

import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from compiler.check.compare import differing_codes
from compiler.check.reference import run_float64, run_onnxruntime
from compiler.frontend.pipeline import read_network
from golden import execute
from golden.network import Concat, Convolution, MaxPool, Slice, Upsample, WeightedSum
from tests.samples.small_onnx import Net, quantised_net


def exact(path, rng, input_scale=1 / 255):
    """The network of a file, after checking every code and output on a random picture."""
    network = read_network(path, input_scale=input_scale)
    picture = rng.integers(0, 256, network.tensors[network.input].shape, dtype=np.uint8)
    results = execute.run(network, picture)
    reference = run_float64(str(path), picture[None] * input_scale)
    differing = differing_codes(network, results, reference)
    assert not any(differing.values()), differing
    for name, values in execute.outputs(network, results).items():
        np.testing.assert_allclose(values, reference[name][0], rtol=0, atol=1e-6)
    return network


def kinds(network) -> list[str]:
    return [type(operator).__name__ for operator in network.operators]


def test_plain_chain(tmp_path, rng):
    net, x = quantised_net()
    net.head(x, 8)
    network = exact(net.save(tmp_path), rng)
    assert kinds(network) == ["Convolution", "Convolution"]
    assert network.tensors[x].bits in (3, 4)
    assert network.onnx_names[x] == x
    assert network.outputs[0].name == net.outputs[0]


@pytest.mark.parametrize("mode", ["ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"])
@pytest.mark.parametrize("signed", [0, 1])
def test_rounding_modes_at_exact_ties(tmp_path, rng, mode, signed):
    net, x = quantised_net()
    x = net.conv(x, 8, 8, 1)  # sums in steps of 1/32: ties at scale 1/4 are frequent
    x = net.quant(x, 0.25, 3, signed, rounding_mode=mode)
    net.head(x, 8)
    exact(net.save(tmp_path), rng)


@pytest.mark.parametrize(
    ("bits", "signed", "narrow", "zero"),
    [(1, 0, 0, 0), (1, 1, 0, 0), (2, 1, 1, 0), (3, 0, 1, 2), (4, 0, 0, 5), (4, 1, 0, 0)],
)
def test_encodings(tmp_path, rng, bits, signed, narrow, zero):
    net, x = quantised_net()
    x = net.node("Add", net.conv(x, 8, 8), 0.1)
    x = net.quant(x, 0.5, bits, signed, narrow=narrow, zero=float(zero))
    net.outputs.append(net.conv(x, 5, 8))
    network = exact(net.save(tmp_path), rng)
    tensor = network.tensors[x]
    assert tensor.bits == bits
    assert (tensor.step, tensor.offset) == ((2, -1) if bits == 1 and signed else (1, tensor.offset))


@pytest.mark.parametrize("kind", [TensorProto.UINT4, TensorProto.INT4, TensorProto.UINT8])
def test_qdq(tmp_path, rng, kind):
    net, x = quantised_net(opset=21)
    x = net.node("Clip", net.conv(x, 8, 8), 0.0, 3.75) if kind == TensorProto.UINT8 else x
    net.initialisers.append(helper.make_tensor("zero", kind, [], [0]))
    x = net.node("QuantizeLinear", x, 0.25, "zero")
    x = net.node("DequantizeLinear", x, 0.25, "zero")
    net.head(x, 8)
    exact(net.save(tmp_path), rng)


def test_qdq_rounds_before_adding_the_zero_point(tmp_path, rng):
    net, x = quantised_net()
    x = net.conv(x, 8, 8, 1)
    zero = net.constant(3, np.uint8)
    x = net.node("QuantizeLinear", x, 0.25, zero)
    x = net.node("Clip", x, net.constant(0, np.uint8), net.constant(15, np.uint8))
    x = net.node("DequantizeLinear", x, 0.25, zero)
    net.head(x, 8)
    network = exact(net.save(tmp_path), rng)
    assert network.tensors[x].offset == -3


def test_written_out_quantisation(tmp_path, rng):
    net, x = quantised_net()
    x = net.node("Clip", net.conv(x, 8, 8), 0.0, 1.0)
    x = net.node("Round", net.node("Mul", x, 15.0))
    x = net.node("Div", x, 15.0)
    net.head(x, 8)
    network = exact(net.save(tmp_path), rng)
    assert network.tensors[x].bits == 4


def test_multi_threshold(tmp_path, rng):
    net, x = quantised_net()
    levels = np.sort(rng.normal(0, 1, (8, 7)), axis=1)
    x = net.node("MultiThreshold", net.conv(x, 8, 8), levels, out_scale=0.5, out_bias=-1.0)
    net.head(x, 8)
    network = exact(net.save(tmp_path), rng)
    assert (network.tensors[x].bits, network.tensors[x].offset) == (3, -2)


def test_where_as_sign(tmp_path, rng):
    net, x = quantised_net()
    x = net.node("GreaterOrEqual", net.conv(x, 8, 8), 0.0)
    x = net.node("Where", x, 1.0, -1.0)
    net.outputs.append(net.conv(x, 5, 8))
    network = exact(net.save(tmp_path), rng)
    assert (network.tensors[x].bits, network.tensors[x].step) == (1, 2)


def test_sign_keeps_its_zero(tmp_path, rng):
    net, x = quantised_net()
    x = net.node("Sign", net.conv(x, 8, 8))
    net.head(x, 8)
    network = exact(net.save(tmp_path), rng)
    assert (network.tensors[x].bits, network.tensors[x].offset) == (2, -1)


def test_sign_of_what_is_never_zero_takes_one_bit(tmp_path, rng):
    net, x = quantised_net()
    x = net.node("Sign", net.node("Add", net.conv(x, 8, 8), 0.1))
    net.outputs.append(net.conv(x, 5, 8))
    tensor = exact(net.save(tmp_path), rng).tensors[x]
    assert (tensor.bits, tensor.step, tensor.offset) == (1, 2, -1)


def test_codes_out_of_reach_take_no_bits(tmp_path, rng):
    net, x = quantised_net()
    x = net.quant(net.node("Add", net.conv(x, 8, 8, 1), 0.1), 2.0)
    net.head(x, 8)
    assert exact(net.save(tmp_path), rng).tensors[x].bits < 4


def test_negative_and_zero_gammas(tmp_path, rng):
    net, x = quantised_net()
    gamma = np.array([1, -1, 0, 2, -0.5, 1, -3, 0.1])
    parameters = [gamma, rng.normal(0, 1, 8), rng.normal(0, 1, 8), rng.uniform(0.5, 2, 8)]
    x = net.quant(net.node("BatchNormalization", net.conv(x, 8, 8), *parameters))
    net.head(x, 8)
    network = exact(net.save(tmp_path), rng)
    assert set(network.operators[1].thresholds.sign.tolist()) == {1, -1}


def test_silu_with_unsigned_codes(tmp_path, rng):
    net, x = quantised_net()
    x = net.conv(x, 8, 8)
    x = net.quant(net.node("Mul", x, net.node("Sigmoid", x)), 0.6)
    net.head(x, 8)
    exact(net.save(tmp_path), rng)


def test_two_quantisers_on_one_convolution(tmp_path, rng):
    net, x = quantised_net()
    y = net.node("Add", net.conv(x, 8, 8), 0.1)
    first, second = net.quant(net.node("Relu", y)), net.quant(y, 1.0, 1, 1)
    net.head(first, 8)
    net.head(second, 8)
    network = exact(net.save(tmp_path), rng)
    assert kinds(network)[1:3] == ["Convolution", "Convolution"]
    assert network.operators[1].weights is network.operators[2].weights


def test_pool_before_the_quantiser_moves_behind_it(tmp_path, rng):
    net, x = quantised_net()
    y = net.node("MaxPool", net.conv(x, 8, 8), kernel_shape=[2, 2], strides=[2, 2])
    net.head(net.quant(net.node("Relu", y)), 8)
    network = exact(net.save(tmp_path), rng)
    assert isinstance(network.operators[1], Convolution)
    assert isinstance(network.operators[2], MaxPool)


@pytest.mark.parametrize("signed", [0, 1])
def test_pool_before_a_function_that_falls_in_some_channels(tmp_path, rng, signed):
    net, x = quantised_net()
    y = net.node("MaxPool", net.conv(x, 8, 8), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    gamma = np.array([1, -1, 0, 2, -0.5, 1, -3, 0.1])
    parameters = [gamma, rng.normal(0, 1, 8), rng.normal(0, 1, 8), rng.uniform(0.5, 2, 8)]
    net.head(net.quant(net.node("BatchNormalization", y, *parameters), signed=signed), 8)
    network = exact(net.save(tmp_path), rng)
    # The mirroring before the pool is part of the convolution, the one after it is not.
    assert kinds(network)[1:4] == ["Convolution", "MaxPool", "WeightedSum"]


def test_concat_of_unequal_scales_before_a_quantiser(tmp_path, rng):
    net, x = quantised_net()
    first = net.quant(net.node("Add", net.conv(x, 4, 8), 0.1), 0.25)
    second = net.quant(net.node("Add", net.conv(x, 4, 8), 0.1), 0.4, 3, 1)
    net.head(net.quant(net.node("Concat", first, second, axis=1), 0.5), 8)
    network = exact(net.save(tmp_path), rng)
    # Both changes of scale are part of the thresholds of the convolutions.
    assert kinds(network) == ["Convolution"] * 3 + ["Concat", "Convolution"]


def test_concat_of_unequal_widths_shares_the_larger_encoding(tmp_path, rng):
    net, x = quantised_net()
    first = net.quant(net.node("Add", net.conv(x, 4, 8), 0.1), 0.5, 4)
    second = net.quant(net.node("Add", net.conv(x, 4, 8), 0.1), 0.5, 2)
    net.head(net.node("Concat", first, second, axis=1), 8)
    network = exact(net.save(tmp_path), rng)
    assert any(isinstance(operator, Concat) for operator in network.operators)


def test_resize_and_slice_before_the_quantiser(tmp_path, rng):
    net, x = quantised_net()
    y = net.node("Add", net.conv(x, 8, 8), 0.1)
    sizes = net.constant([3, 5], np.int64)
    first, second = net.node("Split", y, sizes, outputs=2, axis=1)
    wide = net.node(
        "Resize", first, "", [1.0, 1.0, 2.0, 2.0], mode="nearest", nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )  # fmt: skip
    net.head(net.quant(wide), 3)
    net.head(net.quant(second, 0.7), 5)
    network = exact(net.save(tmp_path), rng)
    assert any(isinstance(operator, Upsample) for operator in network.operators)
    parts = [o.weights.shape[0] for o in network.operators[1:4] if isinstance(o, Convolution)]
    assert sorted(parts) == [3, 5]


def test_slice_of_codes(tmp_path, rng):
    net, x = quantised_net()
    y = net.node("Slice", x, *(net.constant([v], np.int64) for v in (2, 7, 1)))
    net.head(y, 5)
    network = exact(net.save(tmp_path), rng)
    assert isinstance(network.operators[1], Slice)
    assert (network.operators[1].start, network.operators[1].stop) == (2, 7)


@pytest.mark.parametrize("scales", [(0.5, 0.5), (0.25, 0.5), (0.31, 0.5), (0.5, 0.173)])
def test_residual_add_is_exact_for_every_pair(tmp_path, rng, scales):
    net, x = quantised_net()
    y = net.quant(net.node("Add", net.conv(x, 8, 8), 0.1), scales[0])
    z = net.quant(net.node("Add", net.conv(x, 8, 8), 0.1), scales[1], signed=1)
    net.head(net.quant(net.node("Relu", net.node("Add", y, z)), 0.4), 8)
    network = exact(net.save(tmp_path), rng)
    (operator,) = (o for o in network.operators if isinstance(o, WeightedSum))
    assert max(map(abs, operator.factors)) <= 127


@pytest.mark.parametrize(("value", "expected"), [(-1.0, -1), (0.0, 0), (1.0, 1)])
def test_padding_of_bipolar_tensors(tmp_path, rng, value, expected):
    net, x = quantised_net()
    x = net.node("BipolarQuant", net.node("Add", net.conv(x, 8, 8), 0.1), 1.0)
    pads = net.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    x = net.node("Pad", x, pads, value)
    net.outputs.append(net.conv(x, 5, 8, pads=[0] * 4))
    network = exact(net.save(tmp_path), rng)
    assert network.operators[-1].pad_value == expected


def test_pad_before_sign(tmp_path, rng):
    net, x = quantised_net()
    pads = net.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    x = net.node("Pad", net.node("Add", net.conv(x, 8, 8), 0.1), pads, -3.0)
    x = net.node("BipolarQuant", x, 0.5)
    net.outputs.append(net.conv(x, 5, 8, pads=[0] * 4))
    network = exact(net.save(tmp_path), rng)
    assert network.operators[-1].pad_value == -1


def test_quantised_output_becomes_identity_sums(tmp_path, rng):
    net, x = quantised_net()
    net.outputs.append(x)
    network = exact(net.save(tmp_path), rng)
    last = network.operators[-1]
    assert last.groups == 8
    assert (last.weights == 1).all()
    assert network.outputs[0].name == x


def test_affine_tail_goes_into_scale_and_bias(tmp_path, rng):
    net, x = quantised_net()
    y = net.node("Div", net.node("Mul", net.conv(x, 5, 8), rng.normal(0, 1, (5, 1, 1))), 3.0)
    net.outputs.append(net.node("Identity", net.node("Sub", 1.0, y)))
    exact(net.save(tmp_path), rng)


def test_average_pool_is_a_depthwise_convolution(tmp_path, rng):
    net, x = quantised_net()
    x = net.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    net.head(net.quant(net.node("Add", x, 0.03), 0.25), 8)
    network = exact(net.save(tmp_path), rng)
    assert network.operators[1].groups == 8


@pytest.mark.parametrize(
    ("factor", "offset", "expected"), [(255.0, -128.0, (1, -128)), (2.0, -1.0, (2, -255))]
)
def test_picture_scaling(tmp_path, rng, factor, offset, expected):
    net = Net()
    x = net.node("Add", net.node("Mul", "x", factor), offset)
    x = net.quant(net.node("Add", net.conv(x, 8, 3), 0.3), 40.0 if factor > 2 else 0.3)
    net.head(x, 8)
    network = exact(net.save(tmp_path), rng)
    tensor = network.tensors[network.input]
    assert (tensor.step, tensor.offset) == expected


@pytest.mark.parametrize("scale", [1 / 255, 1.0])
def test_input_scale(tmp_path, rng, scale):
    net = Net()
    net.head(net.quant(net.node("Add", net.conv("x", 8, 3), 0.3 * scale), 100 * scale), 8)
    exact(net.save(tmp_path), rng, scale)


def test_constants_behind_shape_operators(tmp_path, rng):
    """Upsampling to a size that PyTorch computes from the map's own shape."""
    net, x = quantised_net()
    shape = net.node("Shape", x)
    size = net.node("Slice", shape, *(net.constant([v], np.int64) for v in (2, 4)))
    size = net.node("Mul", size, net.constant([2, 2], np.int64))
    head = net.node("Slice", shape, *(net.constant([v], np.int64) for v in (0, 2)))
    sizes = net.node("Concat", head, size, axis=0)
    x = net.node(
        "Resize", x, "", "", sizes, mode="nearest", nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )  # fmt: skip
    net.head(x, 8)
    network = exact(net.save(tmp_path), rng)
    assert network.raw_shapes[network.outputs[0].tensor] == (5, 16, 16)


def test_external_data(tmp_path, rng):
    net, x = quantised_net()
    net.head(x, 8)
    path = tmp_path / "split.onnx"
    onnx.save(net.model(), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    exact(path, rng)


@pytest.mark.real
def test_ultranet_every_code(real_data, rng):
    from PIL import Image

    path = real_data / "models" / "ultranet_w4a4_muladd.onnx"
    start = time.perf_counter()
    network = read_network(path)
    assert time.perf_counter() - start < 5
    name = sorted((real_data / "coco128" / "images").rglob("*.jpg"))[0]
    pixels = np.asarray(Image.open(name).convert("RGB").resize((320, 160)))
    picture = np.ascontiguousarray(pixels[:, :, ::-1].transpose(2, 0, 1))
    results = execute.run(network, picture)
    for reference in (run_float64, run_onnxruntime):
        values = reference(path, picture[None] / 255)
        differing = differing_codes(network, results, values)
        assert len(differing) >= 12
        assert not any(differing.values()), differing
