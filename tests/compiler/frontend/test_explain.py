"""What a file is, what becomes of it, and all obstacles of a network at once."""

import re

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from compiler.frontend.context import Context
from compiler.frontend.dialect import described
from compiler.frontend.listing import graph_lines, network_lines
from compiler.frontend.obstacles import Kind, all_obstacles, by_kind
from compiler.frontend.pipeline import PASSES, read_network
from compiler.frontend.reader.onnx_reader import load_model, read_onnx
from tests.samples.small_onnx import Net, quantised_net


def kinds_of(net: Net, folder) -> list[Kind]:
    return by_kind(all_obstacles(read_onnx(net.save(folder)), 1 / 255))


def float_net(layers: int = 3) -> tuple[Net, str]:
    """Convolutions of float weights, each but the last with SiLU."""
    net = Net()
    x = "x"
    for layer in range(layers):
        weights = net.rng.standard_normal((8, 3 if x == "x" else 8, 3, 3))
        x = net.node("Conv", x, weights, pads=[1] * 4, name=f"conv{layer}")
        if layer < layers - 1:
            gate = net.node("Sigmoid", x, name=f"sigmoid{layer}")
            x = net.node("Mul", x, gate, name=f"mul{layer}")
    return net, x


def test_a_supported_network_has_none(tmp_path):
    net, x = quantised_net()
    net.head(x, 8)
    assert all_obstacles(read_onnx(net.save(tmp_path)), 1 / 255) == []


def test_float_network(tmp_path):
    net, x = float_net()
    net.outputs.append(x)
    found = kinds_of(net, tmp_path)
    texts = [str(kind) for kind in found]
    assert [kind.count for kind in found] == [3, 2, 2]
    assert texts[0].startswith("Conv x 3, first at node 'conv0': weights 'k0' are floats")
    assert "supported are integers -128..127 (8 bits)" in texts[0]
    assert any(t.startswith("Conv x 2, first at node 'conv1': its input") for t in texts)
    assert any(t.startswith("Mul x 2, first at node 'mul0': its result neither") for t in texts)
    assert not any("\n" in text for text in texts)


def test_float_network_with_more_than_that(tmp_path):
    """Before the first convolution nothing can be left to the host."""
    net = Net()
    x = net.node("Softmax", net.node("Softmax", "x", name="s0"), name="s1")
    net.outputs.append(net.node("Conv", x, net.rng.standard_normal((4, 3, 1, 1))))
    found = by_kind(all_obstacles(read_onnx(net.save(tmp_path)), 1 / 255, quantised=False))
    assert [str(kind) for kind in found] == ["Softmax x 2, first at node 's0': not supported"]


def test_float_network_that_only_lacks_quantisers(tmp_path):
    net, x = float_net()
    net.outputs.append(net.node("Softmax", x))
    assert all_obstacles(read_onnx(net.save(tmp_path)), 1 / 255, quantised=False) == []


def test_what_follows_from_an_obstacle_is_not_another(tmp_path):
    """Behind an operator that is not supported nothing is known, not even a shape."""
    net, x = quantised_net()
    x = net.node("Softmax", x, name="odd")
    shaped = net.node("Reshape", x, net.constant([1, 8, 8, 8], np.int64), name="same")
    pooled = net.node("MaxPool", shaped, kernel_shape=[2, 2], strides=[2, 2])
    net.head(net.quant(net.node("Relu", pooled)), 8)
    assert [str(kind) for kind in kinds_of(net, tmp_path)] == [
        "Softmax at node 'odd': not supported",
        "Reshape at node 'same': not supported",
    ]


def test_obstacles_of_every_pass(tmp_path):
    """One of constants, one of windows, one of shapes, and those of what is left."""
    net, x = quantised_net()
    x = net.quant(net.node("Div", x, 0.0, name="by zero"), 0.5, 4)
    x = net.quant(net.conv(x, 8, 8, strides=[3, 3], name="stride"), 0.5, 4)
    x = net.node("Resize", x, "", np.array([1, 1, 3, 3]), mode="nearest", name="thrice")
    x = net.quant(x, 0.5, 4)
    x = net.quant(net.conv(x, 8, 8, name="plain"), 0.01, 9)
    net.head(x, 8)
    texts = [str(kind) for kind in kinds_of(net, tmp_path)]
    nodes = [re.search(r"node '([^']*)'", text)[1] for text in texts]
    assert nodes[:3] == ["by zero", "stride", "thrice"]
    assert len(nodes) == 4
    assert "has 9 bits" in texts[3]


def test_the_picture_is_an_obstacle_and_the_rest_is_found_behind_it(tmp_path):
    net = Net()
    x = net.node("Mul", "x", np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1), name="scaled")
    net.outputs.append(net.node("Conv", x, net.rng.standard_normal((5, 3, 1, 1)), name="conv"))
    texts = [str(kind) for kind in kinds_of(net, tmp_path)]
    assert texts[0].startswith("Mul at node 'scaled': the picture")
    assert texts[1].startswith("Conv at node 'conv': weights")
    assert len(texts) == 2


def test_dynamic_quantisation(tmp_path):
    net = Net()
    codes, scale, zero = net.node("DynamicQuantizeLinear", "x", outputs=3)
    x = net.node("DequantizeLinear", codes, scale, zero, name="back")
    net.head(x, 3)
    path = net.save(tmp_path)
    assert described(load_model(path)).startswith("dynamic quantisation")
    texts = [str(kind) for kind in kinds_of(net, tmp_path)]
    assert any("DequantizeLinear at node 'back': scale and zero point" in text for text in texts)
    assert any(text.startswith("DynamicQuantizeLinear") for text in texts)


def test_equal_kinds_are_one_line_whatever_they_are_called(tmp_path):
    net, x = quantised_net()
    joined = net.node("Concat", net.conv(x, 4, 8, 1), net.conv(x, 4, 8, 1), axis=1)
    outputs = [net.conv(source, 5, 8, 1) for source in (joined, net.node("Relu", joined))]
    net.outputs.extend(outputs)
    (kind,) = kinds_of(net, tmp_path)
    assert kind.count == 2


def one_node(op: str, inputs: int = 1, constants: dict | None = None, **attributes) -> ModelProto:
    constants = constants or {}
    names = ["x", *constants][:inputs]
    picture = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 16, 8])
    result = helper.make_empty_tensor_value_info("y")
    made = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    node = helper.make_node(op, names, ["y"], **attributes)
    graph = helper.make_graph([node], "one", [picture], [result], made)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


SCALE = {"s": np.float32(0.5)}


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (one_node("Relu"), "float; picture 3 x 16 x 8 (float32); opset 17; 1 nodes, 0 of them"),
        (one_node("Round"), "quantisation written out"),
        (one_node("QLinearConv"), "QOperator"),
        (one_node("ConvInteger"), "integers only (ConvInteger)"),
        (one_node("Quant"), "QONNX"),
        (one_node("QuantizeLinear", 2, SCALE), "QDQ of 8-bit types"),
        (one_node("QuantizeLinear", 3, {**SCALE, "z": np.int16(0)}), "QDQ of 16-bit types"),
    ],
)
def test_dialects(model, text):
    assert described(model).startswith(text)


def test_mixed_and_four_bits(tmp_path):
    model = one_node("QuantizeLinear", 2, SCALE, output_dtype=22)
    assert described(model).startswith("QDQ of 4-bit types")
    model.graph.node.append(helper.make_node("Quant", ["y"], ["z"]))
    assert described(model).startswith("mixed: QONNX, QDQ of 4-bit types")
    model.graph.node.insert(1, helper.make_node("Clip", ["y"], ["c"]))
    assert "QCDQ" in described(model)


def test_graph_after_passes(tmp_path):
    net, x = quantised_net()
    net.head(net.node("MaxPool", x, kernel_shape=[2, 2], name="pool"), 8)
    graph = read_onnx(net.save(tmp_path))
    before = list(graph_lines(graph))
    assert before[0] == "input x[1,3,8,8]"
    assert len(before) == len(graph.nodes) + 2
    assert "Conv 'conv0': x[1,3,8,8], k0 const[8,3,3,3] -> t0[?]" in before[1]
    for run in PASSES:
        graph = run(graph, Context())
    after = list(graph_lines(graph))
    assert after[0] == "input x[1,3,8,8] 8 bits: 0..255 x 0.00392157"
    (pool,) = (line for line in after if line.startswith("MaxPool 'pool'"))
    assert "[1,8,8,8] 4 bits: 0..15 x 0.5 -> t4[1,8,7,7] 4 bits: 0..15 x 0.5" in pool
    assert "kernel=(2, 2)" in pool
    assert after[-1].startswith("output t5: t5[1,5,7,7]")


def test_network(tmp_path):
    net, x = quantised_net()
    net.head(x, 8)
    lines = list(network_lines(read_network(net.save(tmp_path))))
    assert lines[0].startswith("picture x: [3,8,8], 8 bits: scale 0.00392157")
    assert lines[1].startswith("Convolution 'conv0': x -> ")
    assert lines[1].endswith("; 3x3, stride 1x1, weights -3..3")
    assert "raw sums [5,8,8]" in lines[2]
    assert lines[3].startswith("output t4: ")
