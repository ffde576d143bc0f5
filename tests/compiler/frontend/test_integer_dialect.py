"""Networks of integers only: onnxruntime == the reference == the integer network, every code."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from arch.machine import TINY
from compiler.build_folder import read_build, write_build
from compiler.check.compare import differing_codes, differing_sums
from compiler.check.reference import run_float64, run_onnxruntime
from compiler.describe import describe
from compiler.flow import compile_file, compile_network
from compiler.frontend.pipeline import read_network
from golden import execute
from golden.machine import GoldenMachine
from golden.network import Convolution, Network, WeightedSum
from host.memory import read_layer, write_picture
from tests.samples.integer_net import IntegerNet, begun


def exact(net: IntegerNet, folder, rng, *tensors: str) -> tuple[Network, np.ndarray]:
    """The network of a file and a picture on which every tensor was found equal.

    ``tensors``: at least these must be codes of the network.
    """
    path = net.save(folder)
    onnx.shape_inference.infer_shapes(onnx.load(path), check_type=True, strict_mode=True)
    network = read_network(path)
    picture = rng.integers(0, 256, network.tensors[network.input].shape, dtype=np.uint8)
    results = execute.run(network, picture)
    runtime, reference = (run(str(path), picture[None]) for run in (run_onnxruntime, run_float64))
    for name, values in runtime.items():
        assert values.dtype.kind == "f" or values.dtype == reference[name].dtype, name
        assert (values == reference[name]).all(), name
    differing = differing_codes(network, results, runtime)
    assert not any(differing.values()), differing
    assert set(tensors) <= set(network.onnx_names.values())
    assert not any(differing_sums(network, results, runtime).values())
    for name, values in execute.outputs(network, results).items():
        assert (values == runtime[name][0]).all(), name
    for name in tensors:
        assert len(np.unique(runtime[name])) > 1, name
    return network, picture


def on_machine(network: Network, picture: np.ndarray) -> None:
    """Every layer that the program stores on the golden machine `tiny`."""
    compiled = compile_network(network, TINY)
    manifest = describe(compiled)
    memory = compiled.image.memory()
    write_picture(memory, manifest, picture)
    GoldenMachine(TINY).run(memory, compiled.image.program_address)
    results = execute.run(network, picture)
    for layer in manifest.layers:
        assert (read_layer(memory, layer) == results[layer.tensor]).all(), layer.storage


@pytest.mark.parametrize("opset", [13, 17, 21])
def test_chain(tmp_path, rng, opset):
    net, x = begun(opset=opset)
    y = net.layer(x, 12, 8, strides=[2, 2], pads=[0, 1, 2, 1], most=7)
    z = net.layer(y, 8, 6, group=2, size=2.0)
    net.results(z, 8)
    network, picture = exact(net, tmp_path, rng, x, y, z)
    assert [network.tensors[name].bits for name in (x, y, z)] == [4, 3, 4]
    assert network.tensors["x"].scale == 1
    on_machine(network, picture)


@pytest.mark.parametrize(
    "attributes",
    [
        {"dilations": [2, 2], "pads": [2] * 4},
        {"auto_pad": "SAME_UPPER", "strides": [2, 2], "pads": None},
        {"auto_pad": "VALID", "pads": None},
        {"group": 8},
    ],
)
def test_windows(tmp_path, rng, attributes):
    net, x = begun()
    y = net.layer(x, 8, 8 // attributes.get("group", 1), **attributes)
    net.results(y, 8)
    exact(net, tmp_path, rng, x, y)


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
def test_zero_points(tmp_path, rng, kind):
    net = IntegerNet()
    x = net.layer("x", 8, 3, size=80, zeros=[np.array(128, np.uint8)])
    if kind == np.int8:
        x = net.cast(x, TensorProto.INT8)
        x = net.wide("Sub", net.cast(x, TensorProto.INT32), 8, np.int32)
        x = net.cast(x, TensorProto.INT8)
    zeros = [np.array(3 if kind == np.uint8 else -5, kind), np.array(7, np.uint8)]
    weights = net.rng.integers(0, 15, (8, 8, 3, 3)).astype(np.uint8)
    y = net.layer(x, 8, 8, weights=weights, zeros=zeros, pads=[1, 0, 2, 1])
    net.results(y, 8)
    network, picture = exact(net, tmp_path, rng, x, y)
    first, second = network.operators[:2]
    assert (first.pad_value, second.pad_value) == (128, zeros[0])
    on_machine(network, picture)


def test_picture_around_zero(tmp_path, rng):
    net = IntegerNet()
    x = net.wide("Sub", net.cast("x", TensorProto.INT32), 128, np.int32)
    x = net.layer(net.cast(x, TensorProto.INT8), 8, 3, size=70)
    net.results(x, 8)
    network, picture = exact(net, tmp_path, rng, x)
    assert (network.tensors["x"].offset, network.operators[0].pad_value) == (-128, 0)
    on_machine(network, picture)


def test_pad_around_codes_with_a_zero_point(tmp_path, rng):
    net, x = begun()
    pads, value = net.constant([0, 0, 1, 2, 0, 0, 1, 0], np.int64), net.constant(2, np.uint8)
    padded = net.node("Pad", x, pads, value)
    y = net.layer(padded, 8, 8, zeros=[np.array(5, np.uint8)], pads=[0] * 4)
    net.results(y, 8)
    network, _ = exact(net, tmp_path, rng, x, y)
    assert network.operators[1].pad_value == 2


def test_one_zero_point_of_weights_per_channel(tmp_path, rng):
    """onnxruntime takes one for all channels only."""
    net, x = begun()
    weights = net.rng.integers(0, 8, (8, 8, 1, 1)).astype(np.int8)
    zeros = [None, np.arange(8, dtype=np.int8)]
    net.outputs.append(net.convolution(x, 8, 8, 1, weights=weights, zeros=zeros))
    path = net.save(tmp_path)
    network = read_network(path)
    picture = rng.integers(0, 256, (3, 8, 8), dtype=np.uint8)
    results = execute.run(network, picture)
    expected = run_float64(str(path), picture[None])
    assert (execute.outputs(network, results)[net.outputs[0]] == expected[net.outputs[0]][0]).all()


@pytest.mark.parametrize("limit", [3, 15])
def test_odd_weights(tmp_path, rng, limit):
    net, x = begun()
    weights = (2 * net.rng.integers(0, limit + 1, (8, 8, 3, 3)) - limit).astype(np.int8)
    y = net.layer(x, 8, 8, weights=weights)
    net.results(y, 8)
    network, picture = exact(net, tmp_path, rng, y)
    assert np.abs(network.operators[1].weights).max() == limit
    on_machine(network, picture)


def test_one_bit_weights_and_codes(tmp_path, rng):
    net, x = begun()
    weights = net.rng.choice(np.array([-1, 1], np.int8), (16, 8, 3, 3))
    y = net.layer(x, 16, 8, weights=weights, most=1, size=0.8)
    net.results(y, 16)
    network, _ = exact(net, tmp_path, rng, x, y)
    assert network.tensors[y].bits == 1


@pytest.mark.parametrize("factors", [(1, 1), (32768, 23171), (17, 32767), (1, 32768), (300, 1)])
def test_skip_connection(tmp_path, rng, factors):
    """Any multipliers: 16 x 16 pairs of codes need factors of 30 at most to be told apart alike."""
    net, x = begun()
    y = net.layer(x, 8, 8)
    parts = [
        net.wide("Mul", net.cast(part, TensorProto.INT32), factor, np.int32)
        for part, factor in zip((x, y), factors, strict=True)
    ]
    shift = net.rng.integers(20, 30, 8)
    factor = (2.0**shift / sum(factors) * net.rng.uniform(0.8, 1.2, 8)).astype(np.int64)
    z = net.requantise(net.node("Add", *parts), factor, net.rng.integers(-9, 9, 8), shift)
    net.results(z, 8)
    network, picture = exact(net, tmp_path, rng, x, parts[1], z)
    (total,) = (o for o in network.operators if isinstance(o, WeightedSum))
    assert max(total.factors) <= 30
    on_machine(network, picture)


def test_skip_connection_that_subtracts_in_int32(tmp_path, rng):
    net, x = begun()
    y = net.layer(x, 8, 8)
    parts = [net.cast(part, TensorProto.INT32) for part in (x, y)]
    total = net.node("Sub", *parts)
    z = net.cast(net.wide("Max", net.wide("Div", total, 2, np.int32), 0, np.int32), 2)
    net.results(z, 8)
    exact(net, tmp_path, rng, x, z)


def test_pooling_concatenation_enlargement_and_parts(tmp_path, rng):
    net, x = begun(shape=(1, 3, 16, 16))
    pooled = net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    y = net.layer(pooled, 8, 8)
    spread = net.node("MaxPool", y, kernel_shape=[5, 5], pads=[2] * 4)
    scales = net.constant([1.0, 1.0, 2.0, 2.0])
    large = net.node(
        "Resize",
        net.node("Concat", y, spread, pooled, axis=1),
        "",
        scales,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    first, second = net.node(
        "Split", large, net.constant([10, 14], np.int64), outputs=2, axis=1, name="split"
    )
    z = net.node("Concat", net.layer(second, 6, 14), x, first, axis=1)
    net.results(z, 24)
    network, picture = exact(net, tmp_path, rng, x, pooled, y, spread, large, z)
    on_machine(network, picture)


def test_sums_moved_before_requantisation(tmp_path, rng):
    """Concat, Slice and Resize of int32 sums, which have no codes yet."""
    net, x = begun()
    y = net.node("Concat", *[net.convolution(x, n, 8) for n in (6, 10)], axis=1)
    bounds = [net.constant([value], np.int64) for value in (2, 13, 1, 1)]
    y = net.node("Slice", y, *bounds)
    more = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}
    y = net.node("Resize", y, "", net.constant([1, 1, 2, 2]), nearest_mode="floor", **more)
    factor = net.rng.integers(-(1 << 20), 1 << 20, 11)
    y = net.requantise(y, factor, net.rng.integers(0, 500, 11))
    net.results(y, 11)
    network, picture = exact(net, tmp_path, rng, x, y)
    on_machine(network, picture)


@pytest.mark.parametrize("form", ["clip", "relu", "division", "leaky"])
def test_other_spellings(tmp_path, rng, form):
    net, x = begun(opset=14)
    y = net.convolution(x, 8, 8)
    if form == "clip":
        y = net.node("Clip", y, *[net.constant(v, np.int32) for v in (-700, 800)])
        y = net.wide("Div", net.wide("Add", y, 700, np.int32), 100, np.int32)
    elif form == "relu":
        y = net.node("Relu", net.node("Neg", y))
        y = net.cast(y, TensorProto.UINT32)
        y = net.wide("BitShift", y, 6, np.uint32, direction="RIGHT")
        y = net.wide("Min", y, 15, np.uint32)
    elif form == "division":  # towards zero: -99..99 all become 0
        y = net.wide("Div", y, np.r_[100:108] * np.tile([1, -1], 4), np.int32)
        y = net.wide("Add", y, 7, np.int32)
        y = net.node("Clip", y, *[net.constant(v, np.int32) for v in (0, 15)])
    else:
        y = net.node("Max", net.wide("Mul", y, 8, np.int32), y)
        y = net.wide("Add", net.wide("Div", y, 512, np.int32), 3, np.int32)
        y = net.node("Clip", y, *[net.constant(v, np.int32) for v in (0, 15)])
    y = net.cast(y, TensorProto.UINT8)
    net.results(y, 8)
    exact(net, tmp_path, rng, x, y)


def test_sums_whose_products_need_more_than_53_bits(tmp_path, rng):
    """Each channel's code steps at products that float64 cannot tell from their neighbours."""
    net, x = begun()
    y = net.wide("Add", net.convolution(x, 8, 8), 400, np.int32)
    y = net.cast(net.wide("Max", y, 0, np.int32), TensorProto.UINT64)
    y = net.wide("Mul", y, (1 << 50) + 1, np.uint64)
    y = net.wide("Add", y, np.arange(8) + (1 << 50) - 400, np.uint64)
    y = net.wide("BitShift", y, 55, np.uint64, direction="RIGHT")
    y = net.cast(net.wide("Min", y, 15, np.uint64), TensorProto.UINT8)
    net.results(y, 8)
    exact(net, tmp_path, rng, x, y)


def test_maximum_in_int64(tmp_path, rng):
    """onnxruntime 1.31 computes Max, Min and Clip of int64 wrongly, so it is not asked here."""
    net, x = begun()
    y = net.cast(net.convolution(x, 8, 8), TensorProto.INT64)
    y = net.wide("Add", net.wide("Mul", y, 1 << 40, np.int64), 1 << 48, np.int64)
    y = net.wide("Max", y, 0, np.int64)
    y = net.wide("Min", net.wide("Div", y, (1 << 46) + 1, np.int64), 15, np.int64)
    y = net.cast(y, TensorProto.UINT8)
    net.results(y, 8)
    path = net.save(tmp_path)
    network = read_network(path)
    picture = rng.integers(0, 256, (3, 8, 8), dtype=np.uint8)
    found, expected = execute.run(network, picture), run_float64(str(path), picture[None])
    assert (found[y] == expected[y][0]).all()
    assert len(np.unique(found[y])) > 8


def test_raw_outputs(tmp_path, rng):
    net, x = begun()
    net.outputs.append(net.convolution(x, 5, 8, 1))
    bias = net.rng.integers(-(1 << 30), 1 << 30, 6)
    net.outputs.append(net.wide("Add", net.convolution(x, 6, 8), bias, np.int32))
    net.outputs.append(net.node("Neg", net.wide("Mul", net.outputs[0], 3, np.int32)))
    net.outputs.append(x)
    network, picture = exact(net, tmp_path, rng, x)
    results = execute.run(network, picture)
    assert (network.outputs[0].scale == 1).all()
    assert (network.outputs[0].bias == 0).all()
    assert (network.outputs[1].bias == bias).all()
    assert results[network.outputs[0].tensor].dtype == np.int64
    on_machine(network, picture)


def test_outputs_in_floats(tmp_path, rng):
    """What follows a Cast to float is computed in floats, here the scales of the results."""
    net, x = begun()
    y = net.node("Cast", net.convolution(x, 5, 8, 1), to=TensorProto.FLOAT)
    net.outputs.append(net.node("Mul", y, 0.125))
    network, _ = exact(net, tmp_path, rng, x)
    assert (network.outputs[0].scale == 0.125).all()


def test_bytes_into_a_float_network(tmp_path, rng):
    net = IntegerNet()
    x = net.node("Mul", net.node("Cast", "x", to=TensorProto.FLOAT), 0.0078125)
    net.outputs.append(net.conv(x, 5, 3))
    network, _ = exact(net, tmp_path, rng)
    assert isinstance(network.operators[0], Convolution)
    assert network.tensors["x"].scale == 0.0078125


@pytest.mark.parametrize("seed", range(20))
def test_random_networks(tmp_path, seed):
    rng = np.random.default_rng(seed)
    net = IntegerNet(shape=(1, 3, *(int(n) for n in rng.integers(8, 20, 2))), seed=seed)
    most = [1, 3, 7, 15][rng.integers(4)]
    channels = int(rng.integers(3, 20))
    zeros = [np.array(rng.integers(0, 256), np.uint8)] if rng.random() < 0.5 else []
    x = net.layer("x", channels, 3, size=130, zeros=zeros, most=most, strides=[2, 2])
    names = [x]
    for _ in range(int(rng.integers(1, 4))):
        zeros = [np.array(rng.integers(0, most + 1), np.uint8)] if rng.random() < 0.3 else []
        kind, size = rng.integers(3), most / 3
        y = net.layer(x, channels, channels, kernel=int(rng.choice([1, 3])), zeros=zeros,
                      most=most, size=size)  # fmt: skip
        if kind == 1:
            factors = rng.integers(1, 1 << 15, 2)
            parts = [
                net.wide("Mul", net.cast(part, TensorProto.INT32), factor, np.int32)
                for part, factor in zip((x, y), factors, strict=True)
            ]
            total = net.node("Add", *parts)
            y = net.requantise(total, (1 << 26) // int(factors.sum()), 0, 26, most)
        elif kind == 2:
            z = net.node("MaxPool", y, kernel_shape=[3, 3], pads=[1] * 4)
            x = net.node("Concat", x, z, axis=1)
            channels *= 2
            y = net.layer(x, channels, channels, kernel=1, most=most, size=size)
        x = y
        names.append(x)
    net.results(x, channels)
    network, picture = exact(net, tmp_path, rng)
    assert set(names) <= set(network.onnx_names.values())
    on_machine(network, picture)


def test_build_folder(tmp_path, rng):
    """The manifest's scale makes the reference of `sim run` start from the picture's bytes."""
    net, x = begun()
    net.results(x, 8)
    path = net.save(tmp_path)
    compiled = compile_file(path, TINY)
    folder = write_build(compiled, tmp_path / "build", path, input_scale=1 / 255, verilog=False)
    build = read_build(folder)
    assert build.manifest.input_scale == 1
    picture = rng.integers(0, 256, (3, 8, 8), dtype=np.uint8)
    found = execute.run(build.network, picture)
    expected = run_float64(folder / "model.onnx", picture[None] * build.manifest.input_scale)
    assert (found[x] == expected[x][0]).all()
