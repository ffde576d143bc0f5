"""What the host computes in mid-network: which nodes, what it reads, where the array goes on."""

import numpy as np
import onnx
import pytest

from compiler.errors import UnsupportedError
from compiler.frontend.pipeline import read_network
from compiler.frontend.reader.onnx_reader import graph_of
from compiler.frontend.split.tail import split_of
from golden import execute
from golden.network import HostMap
from tests.samples.host_pieces import SIDE, attention, begun, ended, squeeze_excite
from tests.samples.small_onnx import quantised_net
from tests.samples.tails import shaped


def host_maps(network) -> list[HostMap]:
    return [operator for operator in network.operators if isinstance(operator, HostMap)]


@pytest.mark.parametrize(("bits", "blocks"), [(4, 1), (8, 2)])
def test_attention_is_a_piece_and_the_array_goes_on(tmp_path, bits, blocks):
    net = attention(bits, blocks)
    network = read_network(net.save(tmp_path))
    assert [piece.name for piece in network.pieces] == [f"host{k}" for k in range(blocks)]
    assert len(host_maps(network)) == 2 * blocks
    assert split_of(graph_of(net.model())).tail is None
    operators = {node.op_type for piece in network.pieces
                 for node in onnx.load_from_string(piece.model).graph.node}  # fmt: skip
    assert {"MatMul", "Softmax", "QuantizeLinear", "DequantizeLinear"} <= operators
    assert operators.isdisjoint({"Conv", "Add"})
    for piece in network.pieces:
        (read,) = piece.reads
        assert network.tensors[read.tensor].bits == bits
        onnx.checker.check_model(onnx.load_from_string(piece.model))


def test_operators_of_a_segment_stand_behind_its_maps(tmp_path, rng):
    """In execution order, and piece after piece."""
    network = read_network(attention(4, 3).save(tmp_path))
    known, pieces = {network.input}, []
    for operator in network.operators:
        assert known.issuperset(operator.inputs)
        known.add(operator.output)
        if isinstance(operator, HostMap) and operator.piece not in pieces:
            pieces.append(operator.piece)
    assert tuple(pieces) == network.pieces
    codes = rng.integers(0, 256, network.shape(network.input), dtype=np.uint8)
    results = execute.run(network, codes)
    for each in host_maps(network):
        assert len(np.unique(results[each.output])) > 2


def test_maps_of_different_pieces_and_of_the_array_are_read(tmp_path):
    """A piece that reads codes from before an earlier piece, and the sums of a convolution."""
    net, x = begun(4)
    first = net.coded(net.node("Softmax", x, axis=1), 0.0613, 0, bits=4)
    sums = net.conv(first, 8, 8)
    joined = net.node("MatMul", sums, x)
    net = ended(net, net.coded(joined, 0.2297, 8, bits=4), 4)
    network = read_network(net.save(tmp_path))
    second = network.pieces[1]
    assert [read.name for read in second.reads] == [x, sums]
    assert second.reads[1].tensor in network.raw_shapes


def test_quantisers_that_only_the_host_reads_are_its_own(tmp_path):
    net, x = begun(8)
    half = net.coded(net.node("Softmax", shaped(net, x, 1, 8, SIDE * SIDE)), 1 / 255, 0)
    product = shaped(net, net.node("Mul", half, 3.0), 1, 8, SIDE, SIDE)
    network = read_network(ended(net, net.coded(product, 0.0613, 0), 8).save(tmp_path))
    assert len(host_maps(network)) == 1


def test_without_a_quantiser_the_rest_is_the_tail(tmp_path):
    net, x = begun(4)
    net.head(net.node("Softmax", x, axis=1), 8)
    split = split_of(graph_of(net.model()))
    assert split.tail.inputs == (x,)
    assert not read_network(net.save(tmp_path)).pieces


def test_qonnx_quantisers_are_none_of_onnxruntimes(tmp_path):
    net, x = quantised_net()
    net.head(net.quant(net.node("Softmax", x, axis=1)), 8)
    assert not split_of(graph_of(net.model())).hosted
    with pytest.raises(UnsupportedError, match="operator Softmax"):
        read_network(net.save(tmp_path))


def test_what_comes_first_is_the_pictures(tmp_path):
    net, x = begun(4)
    other = net.coded(net.node("GlobalMaxPool", "x"), 0.1, 0, bits=4)
    added = net.node("Add", net.conv(other, 8, 3, 1), x)
    net = ended(net, net.coded(added, 0.2297, 0, bits=4), 4)
    with pytest.raises(UnsupportedError, match="from the picture itself"):
        read_network(net.save(tmp_path))


def test_several_results_of_one_node(tmp_path):
    """The parts of a Split along rows, which the array does not have: each is a map of its own."""
    net, x = begun(4)
    upper, lower = net.node("Split", x, net.constant([4, 4], np.int64), axis=2, outputs=2)
    upper = net.conv(net.coded(upper, 0.2297, 0, bits=4), 8, 8)
    lower = net.conv(net.coded(lower, 0.2297, 0, bits=4), 8, 8)
    net.outputs += [upper, lower]
    network = read_network(net.save(tmp_path))
    assert len(network.pieces) == 1
    assert len(host_maps(network)) == 2


@pytest.mark.parametrize("bits", [4, 8])
def test_squeeze_and_excite(tmp_path, bits):
    """The average of a large map and the product with a gate: one piece, gate included."""
    network = read_network(squeeze_excite(bits).save(tmp_path))
    (piece,) = network.pieces
    assert len(piece.reads) == 1
    operators = [node.op_type for node in onnx.load_from_string(piece.model).graph.node]
    assert operators.count("Conv") == 2
    assert {"GlobalAveragePool", "Sigmoid", "Mul"} <= set(operators)


@pytest.mark.parametrize("size", [16, 4])
def test_linear_enlargement(tmp_path, size):
    net, x = begun(4)
    sizes = net.constant([1, 8, size, size], np.int64)
    y = net.node("Resize", x, "", "", sizes, mode="linear")
    network = read_network(ended(net, net.coded(y, 0.2297, 0, bits=4), 4).save(tmp_path))
    (made,) = host_maps(network)
    assert network.shape(made.output) == (8, size, size)
