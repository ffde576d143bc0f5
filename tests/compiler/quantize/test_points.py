"""Where quantisers stand."""

from compiler.quantize.float_network import read_float_network
from compiler.quantize.heads import heads, trunk
from compiler.quantize.points import find_points, layers
from tests.samples.float_net import FloatNet, branched, shuffled


def points(tmp_path, net: FloatNet, wide: bool):
    network = read_float_network(net.save(tmp_path))
    found = find_points(network, network.producers if wide else ())
    operators = {t: network.producers[t].op_type for t in found.groups if t != network.input}
    return network, found, operators


def test_results_of_activations_up_to_four_bits(tmp_path):
    """Thresholds of the exact sums: no quantiser in front of SiLU."""
    network, found, operators = points(tmp_path, branched("silu"), wide=False)
    assert network.input in found.groups
    # Five SiLUs (the sixth is in front of a head's convolution, too) and the Add.
    assert sorted(operators.values()) == ["Add", *["Mul"] * 5]
    assert not set(found.groups) & set(network.outputs)


def test_sums_before_functions_with_more_bits(tmp_path):
    """Functions that are more than a limit become tables of codes."""
    _, _, operators = points(tmp_path, branched("silu"), wide=True)
    assert sorted(operators.values()) == ["Add", *["Conv"] * 5, *["Mul"] * 5]
    _, _, operators = points(tmp_path, branched("relu"), wide=True)
    assert sorted(operators.values()) == ["Add", *["Relu"] * 5]


def test_a_shuffle_only_moves(tmp_path):
    _, _, operators = points(tmp_path, shuffled(), wide=True)
    assert list(operators.values()) == ["Relu", "Relu"]


def test_inputs_of_concat_share_a_grid(tmp_path):
    network, found, _ = points(tmp_path, branched("relu"), wide=True)
    (shared,) = [each for each in found.members().values() if len(each) > 1]
    assert sorted(network.producers[tensor].op_type for tensor in shared) == ["Add", "Relu"]


def test_what_follows_the_heads_is_left_alone(tmp_path):
    """The convolution 0, 1, 2, ... that decodes boxes is no head."""
    net = FloatNet()
    x = net.relu(net.conv("x", 8, 3))
    x = net.conv(x, 8, 8, 1, name="head")
    x = net.node("Softmax", x, axis=1)
    weights = net.constant([[[[float(bin)]] for bin in range(8)]])
    net.outputs.append(net.node("Sigmoid", net.node("Conv", x, weights)))
    network, _, operators = points(tmp_path, net, wide=True)
    assert [node.name for node in heads(network)] == ["head"]
    assert [node.op_type for node in trunk(network)] == ["Conv", "Relu", "Conv"]
    assert list(operators.values()) == ["Relu"]
    assert len(layers(network)) == 2


def test_a_point_for_both_sides_of_an_operator_the_array_lacks(tmp_path):
    net = FloatNet()
    x = net.relu(net.conv("x", 8, 3))
    x = net.node("Softmax", x, axis=1)
    net.head(x, 8)
    _, _, operators = points(tmp_path, net, wide=True)
    assert sorted(operators.values()) == ["Relu", "Softmax"]
