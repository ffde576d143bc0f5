"""Rewriting of ONNX graphs."""

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import numpy_helper


def rebuilt(
    model: onnx.ModelProto,
    nodes: Iterable[onnx.NodeProto],
    constants: Iterable[onnx.TensorProto] = (),
) -> onnx.ModelProto:
    """``model`` with other nodes, more constants, and no constant that nothing reads.

    ``model`` itself stays as it is.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    used = {name for node in graph.node for name in node.input}
    every = [*model.graph.initializer, *constants]
    graph.initializer.extend(tensor for tensor in every if tensor.name in used)
    return made


def constants_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Values of the graph's constants, by name."""
    return {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
