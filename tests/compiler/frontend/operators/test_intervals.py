"""Property: what an operator computes for points of intervals lies in the interval it gets."""

import time

import numpy as np
import pytest

from compiler.errors import QuantisationError, UnsupportedError
from compiler.frontend.ir import Graph, Node
from compiler.frontend.operators.elementwise import FUNCTIONS, apply, directions
from compiler.frontend.operators.intervals import CORNERS, TURNS, image
from compiler.frontend.pipeline import read_network
from compiler.frontend.values import FARTHEST, Interval, Levels, elementwise_values
from golden import execute
from tests.samples.small_onnx import Net, quantised_net

CHANNELS = 4
SPECIAL = [0.0, 1.0, -1.0, 3.0, -3.0, 0.5, 1e-30, -1e30, 4096.0]
#: Number of operands, of which any may vary.
BINARY = {"Mul", "Add", "Sub", "Div", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "PRelu"}


def number(rng):
    return float(rng.choice(SPECIAL)) if rng.random() < 0.4 else float(rng.normal(0, 3))


def per_channel(rng, positive=False):
    values = np.array([number(rng) for _ in range(CHANNELS)])
    values = np.abs(values) + 0.01 if positive else values
    return values.reshape(1, -1, 1, 1)


def interval(rng):
    """Two ends, at times infinite or equal."""
    low, high = sorted([number(rng), number(rng)])
    if rng.random() < 0.25:
        low = -np.inf
    if rng.random() < 0.25:
        high = np.inf
    return (low, low) if rng.random() < 0.1 and np.isfinite(low) else (low, high)


def points(rng, low, high):
    """Finite points of an interval, both ends among them where they are finite."""
    inner = np.concatenate([rng.normal(0, 4, 40), rng.normal(0, 1e5, 10), SPECIAL, [-1.5, -1.192]])
    return np.clip(np.concatenate([inner, [low, high]]), max(low, -1e8), min(high, 1e8))


def draw(rng, op):
    """A node and its constants; operands that are None vary."""
    attributes = {}
    operands = [None]
    match op:
        case "LeakyRelu" | "Elu":
            attributes = {"alpha": number(rng)}
        case "HardSigmoid":
            attributes = {"alpha": number(rng), "beta": number(rng)}
        case "Cast":
            attributes = {"to": int(rng.choice([1, 6, 7, 9]))}
        case "Clip":
            operands = [None, *(np.full((1,) * 4, number(rng)) for _ in range(2))]
        case "BatchNormalization":
            operands += [per_channel(rng) for _ in range(3)] + [per_channel(rng, True)]
        case "Quant" | "IntQuant":
            attributes = {"signed": int(rng.integers(2)), "narrow": int(rng.integers(2))}
            bits = np.full((1,) * 4, rng.integers(1, 5))
            operands += [per_channel(rng, True), np.full((1,) * 4, rng.integers(-2, 3)), bits]
        case "BipolarQuant":
            operands += [per_channel(rng, True)]
        case "QuantizeLinear" | "DequantizeLinear":
            attributes = {"low": -8, "high": 7}
            operands += [per_channel(rng, True), np.full((1,) * 4, rng.integers(-3, 4))]
        case "MultiThreshold":
            attributes = {"out_scale": number(rng), "out_bias": number(rng)}
            operands += [rng.normal(0, 3, (CHANNELS, 5))]
        case "Where":
            operands = [None, per_channel(rng), per_channel(rng)]
        case "Min" | "Max":
            operands += [None if rng.random() < 0.5 else per_channel(rng)]
        case _ if op in BINARY:
            operands += [per_channel(rng)]
            if rng.random() < 0.5:
                operands.reverse()
            if rng.random() < 0.3:
                operands = [None, None]
    names = [f"x{place}" for place in range(len(operands))]
    node = Node(op=op, name="n", inputs=tuple(names), outputs=("y",), attributes=attributes)
    constants = {
        name: np.asarray(value, float)
        for name, value in zip(names, operands, strict=True)
        if value is not None
    }
    return node, Graph(
        name="", input="x", outputs=("y",), nodes=(node,), constants=constants, shapes={}
    )


def holds(low, high, results):
    return ((results >= low) & (results <= high)).all()


@pytest.mark.parametrize("op", sorted(FUNCTIONS))
def test_every_result_lies_in_the_interval(op):
    rng = np.random.default_rng(sum(map(ord, op)))
    for _ in range(300):
        node, graph = draw(rng, op)
        limits = {name: interval(rng) for name in node.inputs if name not in graph.constants}
        known = {name: Interval(*ends) for name, ends in limits.items()}
        samples = {name: points(rng, *ends) for name, ends in limits.items()}
        for values in samples.values():
            rng.shuffle(values)
        operands = [
            samples[name].reshape(1, 1, 1, -1) if name in samples else graph.constants[name]
            for name in node.inputs
        ]
        results = np.broadcast_to(apply(node, operands), (1, CHANNELS, 1, 63))
        defined = ~np.isnan(results)
        found = elementwise_values(node, graph, known)
        if isinstance(found, Levels):
            rows = np.broadcast_to(found.rows, (CHANNELS, found.rows.shape[1]))
            for channel in range(CHANNELS):
                listed, result = rows[channel], results[0, channel, 0]
                near = np.abs(result) <= FARTHEST
                assert np.isin(result[near], listed).all(), (op, known)
                assert holds(listed.min(), listed.max(), result), (op, known)
            continue
        low, high = found.low, found.high
        assert holds(low, high, results[defined]), (op, node.attributes, known, graph.constants)
        # Per channel, as used for proofs.
        ranges = [
            (np.full((1,) * 4, limits[name][0]), np.full((1,) * 4, limits[name][1]))
            if name in limits
            else (graph.constants[name],) * 2
            for name in node.inputs
        ]
        low, high = np.broadcast_arrays(*image(node, ranges))
        assert not np.isnan(low).any()
        assert not np.isnan(high).any()
        inside = (results >= low) & (results <= high)
        assert inside[defined].all(), (op, node.attributes, known, graph.constants)


@pytest.mark.parametrize("op", sorted(FUNCTIONS))
def test_directions_are_those_of_the_function(op):
    rng = np.random.default_rng(sum(map(ord, op)) + 1)
    x = np.sort(np.concatenate([rng.normal(0, 4, 200), np.arange(-8, 9), [1e5, -1e5]]))
    for _ in range(200):
        node, graph = draw(rng, op)
        found = directions(node, graph)
        if found is None:
            continue
        operands = [graph.constants.get(name, x.reshape(1, 1, 1, -1)) for name in node.inputs]
        steps = np.diff(np.broadcast_to(apply(node, operands), (1, CHANNELS, 1, x.size)), axis=-1)
        signs = np.broadcast_to(found, CHANNELS).reshape(1, -1, 1, 1)
        # What a library approximates may move the other way by rounding errors.
        small = 1e-12 * np.abs(steps).max(initial=1)
        assert (steps * np.where(signs == 0, 1, signs) >= -small).all(), (op, node.attributes)


def test_every_operator_has_limits():
    assert CORNERS | TURNS.keys() | {"Where", "Not"} >= FUNCTIONS.keys()


def test_zero_times_infinity():
    node, graph = draw(np.random.default_rng(1), "Mul")
    graph.constants.clear()
    constant = np.zeros((1, 1, 1, 1))
    low, high = image(node, [(constant - np.inf, constant + np.inf), (constant, constant)])
    assert low.item() == high.item() == 0


# Whole networks, whose quantisers see these intervals


def codes_of(net, path, rng):
    """The codes of the last quantiser, and the picture."""
    network = read_network(net.save(path))
    picture = rng.integers(0, 256, network.tensors[network.input].shape, dtype=np.uint8)
    return network, execute.run(network, picture)


def test_softsign(tmp_path, rng):
    net, x = quantised_net()
    y = net.node("Conv", x, np.full((1, 8, 1, 1), 0.0625))
    z = net.quant(net.node("Softsign", y), 0.0625)
    net.outputs += [y, z]
    network, results = codes_of(net, tmp_path, rng)
    values = execute.outputs(network, results)
    expected = np.clip(np.rint(values[y] / (1 + np.abs(values[y])) * 16), 0, 15) / 16
    assert len(np.unique(expected)) >= 3
    assert (values[z] == expected).all()


def test_gammas_that_are_all_zero(tmp_path, rng):
    net, x = quantised_net()
    beta = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 5])
    parameters = [np.zeros(8), beta, np.ones(8), np.ones(8)]
    x = net.quant(net.node("BatchNormalization", net.conv(x, 8, 8), *parameters))
    net.outputs.append(x)
    network, results = codes_of(net, tmp_path, rng)
    values = execute.outputs(network, results)[x]
    assert (values == beta[:, None, None]).all()


def test_hard_sigmoid_without_slope(tmp_path, rng):
    net, x = quantised_net()
    x = net.quant(net.node("HardSigmoid", net.conv(x, 8, 8), alpha=0.0, beta=0.5), 0.25)
    net.outputs.append(x)
    network, results = codes_of(net, tmp_path, rng)
    assert (execute.outputs(network, results)[x] == 0.5).all()


def test_defaults_are_those_of_the_file(tmp_path, rng):
    """0.2 in float32 lies above 0.2: values that are ties in real numbers are above them."""
    net = Net(shape=(1, 1, 1, 256))
    y = net.node("Mul", "x", 255.0 * 5)
    y = net.node("Conv", y, np.ones((1, 1, 1, 1)))
    net.outputs.append(net.node("Floor", net.node("HardSigmoid", net.node("Sub", y, 2.5))))
    default = float(np.float32(0.2))
    network, results = codes_of(net, tmp_path, rng)
    value = execute.outputs(network, results)[net.outputs[0]]
    codes = results[network.input].astype(float) * 5
    assert (value == np.floor(np.clip((codes - 2.5) * default + 0.5, 0, 1))).all()


def test_scaling_that_merges_far_whole_numbers(tmp_path, rng):
    """Round gives more integers than are listed; the steps behind it must not lose any."""
    net, x = quantised_net()
    y = net.node("Conv", x, np.full((1, 8, 1, 1), 0.0625))
    y = net.node("Round", net.node("Mul", y, 1e5))
    z = net.node("Clip", net.node("Floor", net.node("Mul", y, 1e-5)), 0.0, 15.0)
    net.outputs.append(z)
    with pytest.raises(UnsupportedError, match="nor a tensor quantised"):
        codes_of(net, tmp_path, rng)


def spike(net, y, place, width):
    """1 where y is within ``width`` of ``place``, otherwise 0 or less."""
    distance = net.node("Abs", net.node("Sub", y, place))
    return net.node("Sub", 1.0, net.node("Div", distance, width))


@pytest.mark.parametrize("channels", [8, 500])
def test_one_sum_that_differs(tmp_path, channels):
    """Too many sums to look at all; one in the middle of one channel is not like the rest."""
    net, x = quantised_net()
    y = net.node("Conv", x, np.full((channels, 8, 7, 7), 7 * 0.0625), pads=[3] * 4)
    places = np.full((channels, 1, 1), 1e6)
    places[channels // 2] = 0.5 * 0.0625 * 7 * 1001
    bump = spike(net, y, places, 0.01)
    rise = net.node("Div", net.node("Sub", y, 1e5), 1e5)
    net.outputs.append(net.node("GreaterOrEqual", net.node("Max", bump, rise), 0.0))
    start = time.perf_counter()
    with pytest.raises(QuantisationError, match=f"channel {channels // 2}"):
        read_network(net.save(tmp_path))
    assert time.perf_counter() - start < 30


@pytest.mark.parametrize("activation", ["silu", "HardSwish", "Mish"])
def test_activations_that_turn_in_wide_layers(tmp_path, rng, activation):
    net, x = quantised_net()
    y = net.node("Conv", x, rng.integers(-7, 8, (64, 8, 7, 7)) * 2.0**-6, pads=[3] * 4)
    if activation == "silu":
        y = net.node("Mul", y, net.node("Sigmoid", y))
    else:
        y = net.node(activation, y)
    net.opset = 18
    net.outputs.append(net.quant(y, 0.15))
    network, results = codes_of(net, tmp_path, rng)
    assert len(np.unique(results[network.operators[1].output])) > 8
