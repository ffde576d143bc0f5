"""From a float network to one in few bits that the front end builds and onnxruntime executes."""

import numpy as np
import onnx
import pytest

from compiler.check.layers import against_default
from compiler.check.onnx import against_onnx
from compiler.frontend.pipeline import read_network
from compiler.quantize.command import noise
from compiler.quantize.float_network import read_float_network
from compiler.quantize.observe import values
from compiler.quantize.options import Options
from compiler.quantize.quantise import Run, quantise
from compiler.quantize.ranges import Grid
from golden.network import Convolution
from tests.samples.float_net import FloatNet, branched, doubled, pictures_of, shuffled

KINDS = ["relu", "leaky", "silu"]
#: Bits of weights and activations, and the least energy over error in dB.
BITS = [(8, 8, 20), (4, 8, 10), (8, 6, 12), (4, 4, 2), (3, 2, -3)]


def quantised(tmp_path, kind: str, **options):
    network = read_float_network(branched(kind).save(tmp_path))
    pictures = pictures_of(tmp_path / "pictures")
    return network, pictures, quantise(network, pictures, Options(**options))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("weights", "activations", "least"), BITS)
def test_front_end_and_runtime_agree(tmp_path, kind, weights, activations, least):
    options = {"weights": weights, "activations": activations}
    network, pictures, model = quantised(tmp_path, kind, **options)
    onnx.checker.check_model(model, full_check=True)
    for decibels in noise(network, model, pictures, 1).values():
        assert decibels > least
    path = tmp_path / "quantised.onnx"
    onnx.save(model, path)
    integers = read_network(path)
    inner = [tensor for name, tensor in integers.tensors.items() if name != integers.input]
    assert {tensor.bits for tensor in inner} == {activations}
    codes = np.rint(pictures.load(pictures.files[0])[0] * 255).astype(np.uint8)
    # DifferenceError unless the integer network is the file's, exactly.
    references = against_onnx(integers, model, codes, 1 / 255)
    if activations > 4:
        assert sum(references["formula"].values()) == 0
        products = [
            operator.product
            for operator in integers.operators
            if isinstance(operator, Convolution) and operator.thresholds is not None
        ]
        assert all(product is not None for product in products)
    else:
        assert sum(references["float64"].values()) == 0
    if (weights, activations) == (8, 8) and kind != "silu":  # its Sigmoid is an approximation
        compared = against_default(integers, model, codes)
        assert sum(layer.differing for layer in compared) == 0
        # Of every point but the picture.
        assert len(compared) == {"relu": 6, "leaky": 11}[kind]


def test_values_next_to_0(tmp_path):
    """Where Sigmoid is nearly constant, x * Sigmoid(x) is not x / 2."""
    net = branched("silu")
    first = next(node for node in net.nodes if node.op_type == "Conv")
    scaled = {node.input[2] for node in net.nodes if node.op_type == "Conv" and len(node.input) > 2}
    for tensor in net.initialisers:
        if tensor.name in scaled | {first.input[1]}:
            values = onnx.numpy_helper.to_array(tensor) * np.float32(1e-5)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    network = read_float_network(net.save(tmp_path))
    pictures = pictures_of(tmp_path / "pictures")
    path = tmp_path / "quantised.onnx"
    onnx.save(quantise(network, pictures, Options()), path)
    codes = np.rint(pictures.load(pictures.files[0])[0] * 255).astype(np.uint8)
    references = against_onnx(read_network(path), onnx.load(path), codes, 1 / 255)
    assert references["formula"]
    assert sum(references["formula"].values()) == 0


@pytest.mark.parametrize("bits", [8, 4])
def test_transposed_convolutions(tmp_path, bits):
    """They become convolutions and DepthToSpace, which compute the same, and are quantised."""
    path = doubled().save(tmp_path)
    network = read_float_network(path)
    pictures = pictures_of(tmp_path / "pictures")
    inputs = list(pictures.inputs(1, "looking"))
    (before,) = values(onnx.load(path), network.outputs, inputs, 1)
    (after,) = values(network.model, network.outputs, inputs, 1)
    for name in network.outputs:
        np.testing.assert_allclose(before[name], after[name], rtol=1e-4, atol=1e-5)
    model = quantise(network, pictures, Options(weights=bits, activations=bits))
    assert min(noise(network, model, pictures, 1).values()) > {8: 20, 4: 3}[bits]
    made = tmp_path / "quantised.onnx"
    onnx.save(model, made)
    integers = read_network(made)
    codes = np.rint(pictures.load(pictures.files[0])[0] * 255).astype(np.uint8)
    references = against_onnx(integers, model, codes, 1 / 255)
    assert sum(references["formula" if bits > 4 else "float64"].values()) == 0


@pytest.mark.parametrize("bits", [8, 4])
def test_shuffled_channels(tmp_path, bits):
    """What is between Reshape and Reshape is left as it is, which the front end recognises."""
    network = read_float_network(shuffled().save(tmp_path))
    pictures = pictures_of(tmp_path / "pictures", size=12)
    model = quantise(network, pictures, Options(weights=bits, activations=bits))
    onnx.save(model, tmp_path / "quantised.onnx")
    integers = read_network(tmp_path / "quantised.onnx")
    codes = np.rint(pictures.load(pictures.files[0])[0] * 255).astype(np.uint8)
    references = against_onnx(integers, model, codes, 1 / 255)
    assert sum(references["formula" if bits == 8 else "float64"].values()) == 0


@pytest.mark.parametrize("bits", [8, 4])
def test_pictures_that_the_network_scales_itself(tmp_path, bits):
    """From bytes to -1..1, in front of the first convolution."""
    net = FloatNet(shape=(1, 3, 16, 16))
    x = net.node("Div", net.node("Sub", "x", 0.5), 0.5)
    x = net.relu(net.conv(x, 8, 3))
    net.head(net.relu(net.conv(x, 8, 8)), 8)
    network = read_float_network(net.save(tmp_path))
    pictures = pictures_of(tmp_path / "pictures")
    model = quantise(network, pictures, Options(weights=bits, activations=bits))
    assert min(noise(network, model, pictures, 1).values()) > (25 if bits == 8 else 5)
    onnx.save(model, tmp_path / "quantised.onnx")
    integers = read_network(tmp_path / "quantised.onnx")
    codes = np.rint(pictures.load(pictures.files[0])[0] * 255).astype(np.uint8)
    references = against_onnx(integers, model, codes, 1 / 255)
    assert bits == 8 or sum(references["float64"].values()) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_ends_have_bits_of_their_own(tmp_path, kind):
    _, _, model = quantised(tmp_path, kind, weights=2, activations=8, first=7, last=6)
    spans = {
        tensor.name: int(np.abs(onnx.numpy_helper.to_array(tensor).astype(int)).max())
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) == 4
    }
    largest = list(spans.values())
    assert 31 < largest[0] <= 64  # the first convolution
    assert sorted(largest)[-3:-1] == pytest.approx([31, 32], abs=1)  # the heads
    assert all(span <= 2 for span in sorted(largest)[:-3])


def test_the_same_every_time(tmp_path):
    first, second = (
        quantised(tmp_path, "relu", weights=4)[2].SerializeToString() for _ in range(2)
    )
    assert first == second


METHODS = [
    {"rounding": "nearest"},
    {"steps": "minmax", "rounding": "nearest"},
    {"ranges": "minmax"},
    {"ranges": "percentile"},
    {"ranges": "gaussian"},
    {"steps": "gaussian"},
    {"equalise": False},
    {"correct": False},
]


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_every_method_gives_another_network_that_is_near(tmp_path, method):
    network, pictures, plain = quantised(tmp_path, "relu", weights=4)
    _, _, other = quantised(tmp_path, "relu", weights=4, **method)
    assert plain.SerializeToString() != other.SerializeToString()
    assert min(noise(network, other, pictures, 1).values()) > 8


def test_biases_take_back_what_rounding_does_to_means(tmp_path):
    """Of weights with few bits; seen at the heads."""
    shifts = []
    for correct in (True, False):
        options = {"weights": 2, "last": 2, "rounding": "nearest", "correct": correct}
        network, pictures, model = quantised(tmp_path, "relu", **options)
        means = [
            np.mean([
                np.concatenate([found[o].mean(axis=(0, 2, 3)) for o in network.outputs])
                for found in values(each, network.outputs, pictures.inputs(6, ""), 1)
            ], axis=0)
            for each in (network.model, model)
        ]  # fmt: skip
        shifts.append(np.abs(means[0] - means[1]).mean())
    assert shifts[0] < 0.5 * shifts[1]


def test_steps_that_the_array_can_add(tmp_path):
    """Of two steps that make sums which float32 rounds to and fro, one is enlarged a little."""
    network = read_float_network(branched("leaky").save(tmp_path))
    run = Run(network, pictures_of(tmp_path / "pictures"), Options())
    run.find_grids()
    (node,) = [node for node in network.model.graph.node if node.op_type == "Add"]
    first, second = (run.points.group(run.points.source[tensor]) for tensor in node.input)
    (result,) = [
        run.points.group(name) for name, chain in run.points.chains.items()
        if chain.root == node.output[0]
    ]  # fmt: skip
    assert len({first, second, result}) == 3
    one, two = Grid(0.0007230959599837661, 113, 8), Grid(6.856932304799557e-05, 146, 8)
    run.grids |= {first: one, second: two, result: one}
    assert run.make_addable(node)
    assert run.grids[second].scale == pytest.approx(two.scale * (1 + 2**-10))
    assert not run.make_addable(node)
    assert (run.grids[first], run.grids[result]) == (one, one)
