"""Where a network ends for the array: its heads, and what the host computes behind them.

Heads are the convolutions from which no other one is reachable. What follows (Sigmoid, the decoding
of boxes, suppression) has no weights, and no operator of it is one of the array's. The convolution
0..n-1 with which boxes are decoded from distributions (distribution focal loss) belongs to that.
Tensors are those of a file, as they are before any pass.
"""

from collections.abc import Iterable

import numpy as np
from onnx import ModelProto

from compiler.frontend import spec
from compiler.frontend.ir import Graph, Node
from compiler.frontend.reader.onnx_reader import graph_of


def heads_of(model: ModelProto) -> tuple[str, ...]:
    """Names of the tensors that the heads of a file make, in execution order."""
    return tuple(node.output for node in heads(graph_of(model)))


def heads(graph: Graph) -> list[Node]:
    """The heads of a graph as it was read, in execution order; none without a convolution."""
    seen = seen_from_picture(graph)
    found: list[Node] = []
    followed: set[str] = set()
    for node in reversed(graph.nodes):
        if not seen.intersection(node.outputs):
            continue
        if not followed.isdisjoint(node.outputs):
            followed.update(values_read(node))
        elif is_convolution(graph, node):
            found.append(node)
            followed.update(values_read(node))
    return found[::-1]


def seen_from_picture(graph: Graph) -> set[str]:
    """Tensors whose values depend on the picture; a shape does not."""
    seen = {graph.input}
    for node in graph.nodes:
        if not seen.isdisjoint(values_read(node)):
            seen.update(node.outputs)
    return seen


def values_read(node: Node) -> Iterable[str]:
    """The inputs whose values, not only shapes, a node reads."""
    return () if node.op in spec.SHAPES else filter(None, node.inputs)


def is_convolution(graph: Graph, node: Node) -> bool:
    """Whether a node is a convolution of the network, and not one that decodes its boxes."""
    return node.op in spec.CONVOLUTIONS_IN_FILES and not is_expectation(graph, node)


def is_expectation(graph: Graph, node: Node) -> bool:
    """Whether a Conv takes the expectation of distributions: one channel, 1 x 1, of a Softmax."""
    weights = constant_behind(graph, node.operand(1))
    if weights is None or weights.ndim != 4 or weights.size != weights.shape[1]:
        return False
    if weights.size > 1 and np.array_equal(weights.reshape(-1), np.arange(weights.size)):
        return True
    source = graph.producers.get(node.inputs[0])
    while source is not None and source.op in spec.SAME_VALUES | spec.QDQ:
        source = graph.producers.get(source.inputs[0])
    return source is not None and source.op == "Softmax"


def constant_behind(graph: Graph, tensor: str) -> np.ndarray | None:
    """The constant that a tensor is, or is made of by a Constant, Quantize or Dequantize node."""
    while tensor not in graph.constants:
        node = graph.producers.get(tensor)
        if node is not None and node.op == "Constant":
            value = node.attributes.get("value")
            return value if isinstance(value, np.ndarray) else None
        if node is None or node.op not in spec.QDQ | spec.UNIFORM_QUANTISERS | {"Identity"}:
            return None
        tensor = node.inputs[0]
    return graph.constants[tensor]
