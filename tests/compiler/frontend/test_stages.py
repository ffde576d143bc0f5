"""What a graph may hold after each pass: true of random networks, and wrong graphs are noticed."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from compiler.errors import OnefourError
from compiler.frontend import spec, stages
from compiler.frontend.context import Context
from compiler.frontend.encoding import Encoding
from compiler.frontend.ir import Graph, Node
from compiler.frontend.pipeline import PASS_NAMES, PASSES, read_network
from compiler.frontend.reader.onnx_reader import read_onnx
from compiler.frontend.stages import STAGES, check_stage, complaints, stage
from tests.random_networks.graphs import random_model
from tests.samples.small_onnx import quantised_net


@pytest.mark.parametrize("seed", range(500, 560))
def test_random_networks(seed, tmp_path):
    path = tmp_path / "random.onnx"
    onnx.save(random_model(seed), path)
    graph = read_onnx(path)
    try:
        for run, name in zip(PASSES, PASS_NAMES, strict=True):
            graph = run(graph, Context())
            check_stage(graph, name)
    except OnefourError:
        assert graph.nodes


def test_every_pass_has_a_stage():
    assert tuple(STAGES) == PASS_NAMES


def test_what_is_left_for_the_network():
    last = stage(PASS_NAMES[-1])
    assert last.operators & spec.MOVING == spec.MOVING_CODES
    assert last.operators & spec.CONVOLUTIONS == {"Conv"}
    assert "Quantise" in last.operators
    assert spec.UNKNOWN not in last.operators


def small_graph(tmp_path) -> Graph:
    """The graph of a small network after all passes."""
    net, x = quantised_net()
    net.head(x, 8)
    graph = read_onnx(net.save(tmp_path))
    for run in PASSES:
        graph = run(graph, Context())
    return graph


def with_node(graph: Graph, node: Node, **changes) -> Graph:
    shapes = {**graph.shapes, node.output: (1, 1, 1, 1)}
    return replace(graph, nodes=(*graph.nodes, node), shapes=shapes, **changes)


def node(op, inputs, **attributes):
    return Node(op=op, name="wrong", inputs=inputs, outputs=("made",), attributes=attributes)


def test_a_right_graph_has_no_complaints(tmp_path):
    assert complaints(small_graph(tmp_path), PASS_NAMES[-1]) == []


@pytest.mark.parametrize(
    ("op", "inputs", "attributes", "text"),
    [
        ("Pad", ("image",), {"pads": (0, 0, 1, 1), "value": 0.0}, "no operator Pad may be left"),
        ("Softmax", ("image",), {}, "no operator Softmax may be left"),
        (spec.UNKNOWN, ("image",), {}, "no operator Unknown may be left"),
        ("MaxPool", ("image",), {"kernel": (2, 2), "pads": (0, 0, 0, 0)}, "no attribute strides"),
        ("Relu", ("nowhere",), {}, "reads 'nowhere', which nothing before it makes"),
        ("Relu", ("two",), {}, "has constant inputs only"),
        ("Mul", ("image", "map"), {}, "an operand 'map' of shape (1, 1, 2, 2)"),
        ("Slice", ("sums",), {"start": 0, "stop": 1}, "which is not codes"),
        ("Relu", ("image",), {}, "nothing needs Relu 'wrong'"),
    ],
)
def test_wrong_nodes(tmp_path, op, inputs, attributes, text):
    graph = small_graph(tmp_path)
    sums = next(made.output for made in graph.nodes if made.op == "Conv")
    inputs = tuple({"image": graph.input, "sums": sums}.get(name, name) for name in inputs)
    constants = {**graph.constants, "two": np.array(2.0), "map": np.ones((1, 1, 2, 2))}
    wrong = with_node(graph, node(op, inputs, **attributes), constants=constants)
    assert any(text in complaint for complaint in complaints(wrong, PASS_NAMES[-1]))
    with pytest.raises(AssertionError, match="remove_dead_nodes.6"):
        check_stage(wrong, PASS_NAMES[-1])


def test_wrong_conv_quantise_picture_and_output(tmp_path):
    graph = small_graph(tmp_path)
    last = PASS_NAMES[-1]
    window = {"strides": (1, 1), "pads": (0,) * 4, "dilations": (1, 1), "groups": 1}
    conv = node("Conv", (graph.input, graph.nodes[0].output), **window)
    assert "not constant" in complaints(with_node(graph, conv), last)[0]
    wide = Encoding(scale=1.0, step=1, offset=0, count=512)
    codes = node("Quantise", (graph.input,), encoding=wide)
    assert any("codes of 9 bits" in text for text in complaints(with_node(graph, codes), last))
    blank = replace(graph, nodes=(), outputs=(), results=(), picture=None)
    assert complaints(blank, "fold_picture_scaling") == ["the picture's encoding is None"]
    assert "is not made" in complaints(replace(graph, outputs=("none",)), last)[0]
    unknown = {name: shape for name, shape in graph.shapes.items() if name == graph.input}
    assert "has shape None" in complaints(replace(graph, shapes=unknown), last)[0]
    twice = replace(graph.nodes[0], outputs=("again",))
    shared = complaints(with_node(graph, twice), "share_equal_nodes.2")
    assert any("computes what another node does" in text for text in shared)


def test_quantisers_stand_before_what_moves(tmp_path):
    graph = small_graph(tmp_path)
    conv, codes = (next(n for n in graph.nodes if n.op == op) for op in ("Conv", "Quantise"))
    pool = replace(
        node("MaxPool", (conv.output,), kernel=(2, 2), strides=(1, 1), pads=(0,) * 4),
        outputs=("pooled",),
    )
    late = replace(codes, inputs=("pooled",), outputs=("late",))
    wrong = replace(graph, nodes=(*graph.nodes, pool, late))
    found = complaints(wrong, "hoist_quantisers")
    assert any("comes after MaxPool 'wrong'" in text for text in found)


def test_networks_of_these_tests_are_checked(tmp_path, monkeypatch):
    """The fixture of this folder: a pass that leaves what it must not is noticed by any test."""
    net, x = quantised_net()
    net.head(x, 8)
    path = net.save(tmp_path)
    read_network(path)
    monkeypatch.setitem(
        stages.STAGES, "fold_pads", replace(STAGES["fold_pads"], gone=frozenset({"Conv"}))
    )
    with pytest.raises(AssertionError, match="after fold_pads: Conv .* no operator Conv"):
        read_network(path)
