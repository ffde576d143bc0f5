"""Codes of more than 4 bits: what the integer network is made of, and what is refused."""

import msgspec
import numpy as np
import pytest

from arch.machine import ECP5_25F, TINY
from compiler.check.frame import busy_picture, check_frame
from compiler.check.layers import against_default, against_formula
from compiler.check.onnx import against_onnx
from compiler.describe import describe
from compiler.errors import QuantisationError, UnsupportedError
from compiler.flow import compile_file, compile_network
from compiler.frontend.pipeline import read_network
from golden import execute
from golden.network import Convolution, Lookup, TableSum
from tests.samples.qdq_net import QdqNet
from tests.samples.small_onnx import quantised_net
from tests.samples.wide_net import averaged_net


def checked(net, folder):
    """The network of a file whose every layer is the formula's."""
    path = net.save(folder)
    network = read_network(path)
    picture = net.rng.integers(0, 256, network.shape(network.input)).astype(np.uint8)
    against_onnx(network, path, picture, 1 / 255)
    compared = against_formula(network, net.model(), picture)
    assert compared
    assert not any(layer.differing for layer in compared)
    return network


def of(network, kind) -> list:
    return [operator for operator in network.operators if isinstance(operator, kind)]


def begun(**options) -> tuple[QdqNet, str]:
    net = QdqNet(**options)
    return net, net.coded(net.weighted(net.picture(), 8, 3), 0.02, 100)


def test_silu_becomes_the_convolutions_table(tmp_path):
    net, x = begun()
    x = net.coded(net.silu(x), 0.01, 28)
    net.result(x, 8)
    network = checked(net, tmp_path)
    first = network.operators[0]
    assert [type(o) for o in network.operators] == [Convolution, Convolution]
    assert first.table.shape == (1, 256)
    assert (np.diff(first.table[0].astype(int)) < 0).any()  # SiLU falls before it rises
    assert network.tensors[first.between].bits == 8
    assert first.product is not None


def test_sigmoid_and_product_quantised_apart_are_one_table(tmp_path):
    """As onnxruntime's tool does by default."""
    net, x = begun()
    gate = net.coded(net.node("Sigmoid", x), 1 / 256, 0)
    net.result(net.coded(net.node("Mul", x, gate), 0.01, 28), 8)
    network = checked(net, tmp_path)
    assert [type(o) for o in network.operators] == [Convolution, Convolution]


def test_a_tensor_with_two_tables(tmp_path):
    net, x = begun()
    first = net.coded(net.silu(x), 0.01, 28)
    second = net.coded(net.node("LeakyRelu", x, alpha=0.2), 0.015, 40)
    net.result(net.coded(net.node("Concat", first, second, axis=1), 0.02, 30), 16)
    network = checked(net, tmp_path)
    # Of both tables and their changes of scale at the Concat.
    assert len(of(network, Lookup)) == 4
    assert of(network, Convolution)[0].table is None


def test_shortcut_of_two_scales(tmp_path):
    net, x = begun()
    y = net.coded(net.weighted(x, 8, 8), 0.031, 7)
    net.result(net.coded(net.node("Add", x, net.silu(y)), 0.05, 60), 8)
    network = checked(net, tmp_path)
    (total,) = of(network, TableSum)
    assert 6 <= total.fraction <= 14
    assert len(total.tables[0]) == len(total.tables[1]) == 256


def on_the_machine(net, folder):
    """The network of a file, of which one picture is computed alike by file and program."""
    path = net.save(folder)
    network = read_network(path)
    compiled = compile_network(network, TINY)
    manifest = msgspec.structs.replace(describe(compiled), input_scale=1 / 255)
    picture = busy_picture(network.shape(network.input))
    check_frame(network, path, compiled.image, manifest, picture)
    return network


def test_shortcut_beside_a_function_quantised_in_parts(tmp_path):
    """As exporters write SiLU: three tensors of codes, two of which are functions of one."""
    net, x = begun()
    y = net.coded(net.weighted(x, 8, 8), 0.031, 7)
    gate = net.coded(net.node("Sigmoid", y), 1 / 256, 0)
    total = net.node("Add", x, net.node("Mul", y, gate))
    net.result(net.coded(total, 0.05, 60), 8)
    network = checked(net, tmp_path)
    (total,) = of(network, TableSum)
    assert not of(network, Lookup)
    assert [network.onnx_names[name] for name in total.inputs] == [x, y]
    on_the_machine(net, tmp_path)


@pytest.mark.parametrize("scales", [(0.21, 0.13), (0.17, 0.4)])
def test_sums_of_narrow_codes_that_are_no_steps(tmp_path, scales):
    """Functions that turn have no factors, but tables."""
    net = QdqNet()
    parts = [net.picture()]
    for scale in scales:
        parts.append(net.coded(net.weighted(parts[-1], 8, 8 if parts[1:] else 3), scale, 6, 4))
    total = net.node("Add", *map(net.silu, parts[1:]))
    net.result(net.coded(total, 0.3, 4, 4), 8)
    network = on_the_machine(net, tmp_path)
    assert len(of(network, TableSum)) == 1
    with pytest.raises(UnsupportedError, match="functions that only rise or only fall"):
        compile_network(network, ECP5_25F)


def test_biases_of_nothing_have_no_scale(tmp_path):
    """Exporters share one tensor of zeros, and its scale, between convolutions."""
    net, x = begun()
    y = net.weighted(x, 8, 8, biased=False)
    zeros, zero = (net.constant(value, np.int32) for value in (np.zeros(8), 0))
    net.nodes[-1].input.append(net.node("DequantizeLinear", zeros, net.constant(3), zero))
    net.nodes.append(net.nodes.pop(-2))  # the Conv behind what it reads
    net.result(net.coded(y, 0.02, 30), 8)
    network = checked(net, tmp_path)
    assert network.operators[1].product is not None


def test_padding_is_the_zero_point(tmp_path):
    net, x = begun()
    net.result(net.coded(net.weighted(x, 8, 8), 0.02, 30), 8)
    network = checked(net, tmp_path)
    second = network.operators[1]
    assert network.tensors[second.input].offset == -100
    assert second.pad_value == 0


@pytest.mark.parametrize("scales", [(0.023, 0.023), (0.023, 0.0217), (0.031, 0.047)])
@pytest.mark.parametrize(
    ("window", "given"),
    [(2, {}), (3, {"strides": [2, 2]}), (3, {"pads": [1, 1, 1, 1], "count_include_pad": 1}),
     (2, {"auto_pad": "SAME_UPPER", "count_include_pad": 1})],
)  # fmt: skip
def test_averages_are_convolutions_of_ones(tmp_path, scales, window, given):
    """Of equal scales every fourth mean of four codes lies between two: only the product has it."""
    net = averaged_net(3, scales, window, **given)
    network = checked(net, tmp_path)
    mean = network.operators[1]
    assert (mean.weights == 1).all()
    assert (mean.product.factor == 1).all()
    if scales[0] != scales[1]:
        picture = net.rng.integers(0, 256, network.shape(network.input)).astype(np.uint8)
        compared = {each.name: each for each in against_default(network, net.model(), picture)}
        assert not compared[mean.output].differing


def test_the_mean_of_a_whole_map(tmp_path):
    net = QdqNet((1, 3, 5, 6))
    x = net.coded(net.weighted(net.picture(), 8, 3), 0.02, 100)
    net.result(net.coded(net.node("GlobalAveragePool", x), 0.01, 91), 8)
    assert checked(net, tmp_path).operators[1].product is not None


def test_a_bias_of_floats_is_not_the_kernels(tmp_path):
    """It is added before the rounding, so the real numbers count."""
    net, x = begun()
    bias = net.constant(net.rng.normal(0, 0.3, 8))
    y = net.weighted(x, 8, 8, biased=False)
    net.nodes[-1].input.append(bias)
    net.result(net.coded(y, 0.02, 30), 8)
    network = checked(net, tmp_path)
    assert network.operators[1].product is None
    assert network.operators[0].product is not None


def test_limits_before_the_quantiser(tmp_path):
    net, x = begun()
    y = net.node("Clip", net.weighted(x, 8, 8), net.constant(-0.1), net.constant(0.7))
    y = net.coded(y, 0.02, 30)
    z = net.coded(net.node("Relu", net.weighted(y, 8, 8)), 0.02, 30)
    net.result(z, 8)
    network = checked(net, tmp_path)
    results = execute.run(network, np.full(network.shape(network.input), 200, np.uint8))
    codes = results[network.operators[1].output]
    tensor = network.tensors[network.operators[1].output]
    values = tensor.scale * (codes.astype(int) + tensor.offset)
    assert values.min() >= -0.1 - 1e-6
    assert values.max() <= 0.7 + 1e-6


def test_silu_of_sums_that_turns_is_refused(tmp_path):
    net, x = begun()
    net.result(net.coded(net.silu(net.weighted(x, 8, 8)), 0.01, 28), 8)
    with pytest.raises(QuantisationError, match="neither only rise nor only fall.*quantise"):
        read_network(net.save(tmp_path))


def test_a_product_of_two_tensors_is_the_hosts(tmp_path):
    net, x = begun()
    y = net.coded(net.weighted(x, 8, 8), 0.031, 7)
    net.result(net.coded(net.node("Mul", x, y), 0.05, 60), 8)
    (piece,) = checked(net, tmp_path).pieces
    assert [read.name for read in piece.reads] == [x, y]


def test_another_function_of_two_tensors_is_refused(tmp_path):
    net, x = begun()
    y = net.coded(net.weighted(x, 8, 8), 0.031, 7)
    net.result(net.coded(net.node("Max", x, y), 0.05, 60), 8)
    with pytest.raises(QuantisationError, match="supported are Add and Sub"):
        read_network(net.save(tmp_path))


def test_weights_with_a_zero_point_are_refused(tmp_path):
    net, x = begun()
    weights = net.node(
        "DequantizeLinear", net.constant(np.arange(248, 256).reshape(1, 8, 1, 1), np.uint8), 0.01,
        net.constant(100, np.uint8),
    )  # fmt: skip
    net.outputs.append(net.node("Conv", x, weights))
    with pytest.raises(UnsupportedError, match=r"148\.\.155.*symmetrically"):
        read_network(net.save(tmp_path))


def test_machines_without_wide_codes_refuse_them_and_tables(tmp_path):
    net, x = begun()
    net.result(net.coded(net.silu(x), 0.01, 28), 8)
    with pytest.raises(UnsupportedError, match="8-bit codes.*1 to 4 bits.*explain"):
        compile_file(net.save(tmp_path), ECP5_25F)
    net, x = quantised_net()
    y = net.quant(net.conv(x, 8, 8), 0.5, 4, 1)
    net.head(net.quant(net.node("HardSwish", y), 0.125, 4, 1), 8)
    with pytest.raises(UnsupportedError, match="table of codes.*only rise or only fall"):
        compile_file(net.save(tmp_path), ECP5_25F)


def test_wide_weights_between_narrow_codes_build(tmp_path):
    """Weights of 5 to 8 bits are more planes of the same."""
    net = QdqNet()
    x = net.coded(net.weighted(net.picture(), 8, 3, 8), 0.3, 5, 4)
    x = net.coded(net.weighted(x, 8, 8, 6), 0.3, 5, 4)
    net.result(x, 8)
    network = compile_file(net.save(tmp_path), TINY).network
    assert max(np.abs(o.weights).max() for o in of(network, Convolution)) > 31


def test_a_scale_of_which_only_every_third_code_is_used(tmp_path):
    """The kernel multiplies with the file's scale, not with that of the codes that occur."""
    net, x = begun()
    y = net.coded(x, 3 * float(np.float32(0.1)), 3, 2)
    y = net.coded(y, 0.1, 9)  # codes 0, 3, 6 and 9 times a scale that has no float32 triple
    net.result(net.coded(net.weighted(y, 8, 8), 0.013, 30), 8)
    network = checked(net, tmp_path)
    last = of(network, Convolution)[-2]
    assert last.product is not None
    assert (last.product.factor % 3 == 0).all()
