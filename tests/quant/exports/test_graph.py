"""Graphs with other nodes."""

import pytest

pytest.importorskip("torch")

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from quant.exports.graph import constants_of, rebuilt


def test_only_constants_that_are_read_stay():
    one, two = (numpy_helper.from_array(np.float32([v]), name) for v, name in ((1, "a"), (2, "b")))
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    nodes = [helper.make_node("Add", ["x", "a"], ["y"])]
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [y], [one, two]))
    before = model.SerializeToString()
    three = numpy_helper.from_array(np.float32([3]), "c")
    made = rebuilt(model, [helper.make_node("Mul", ["b", "c"], ["y"])], [three])
    assert {name: float(value[0]) for name, value in constants_of(made).items()} == {"b": 2, "c": 3}
    assert [node.op_type for node in made.graph.node] == ["Mul"]
    assert made.graph.output[0].name == "y"
    assert model.SerializeToString() == before
