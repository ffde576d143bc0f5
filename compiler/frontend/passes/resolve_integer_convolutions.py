"""ConvInteger as Conv on integers: zero points taken into weights, bias and padding.

ConvInteger (version 10) sums (x - x_zero_point) * (w - w_zero_point) and pads with x_zero_point,
which is x * w' + bias, with bias = -x_zero_point * sum(w').
"""

from dataclasses import replace

import numpy as np

from compiler.errors import UnsupportedError
from compiler.frontend.context import Context
from compiler.frontend.ir import Graph, NameSupply, Node

BYTES = (np.dtype(np.uint8), np.dtype(np.int8))


def resolve_integer_convolutions(graph: Graph, context: Context) -> Graph:
    """The graph with int32 weights instead of ConvInteger nodes; Conv gains ``pad_value``."""
    constants = dict(graph.constants)
    onnx = dict(graph.onnx)
    names = NameSupply.of(graph)
    nodes = []
    for node in graph.nodes:
        if node.op != "ConvInteger":
            nodes.append(node)
            continue
        made = node.unknown()
        with context.at(node):
            zero, weights = checked_operands(graph, node)
            inputs = [node.inputs[0], names.fresh(f"{node.inputs[1]}/integers")]
            constants[inputs[1]] = weights
            onnx[inputs[1]] = node.inputs[1]
            if zero:
                inputs.append(names.fresh(f"{node.output}/bias"))
                constants[inputs[2]] = -zero * weights.sum(axis=(1, 2, 3), dtype=np.int32)
            attributes = {**node.attributes, "pad_value": float(zero)}
            made = replace(node, op="Conv", inputs=tuple(inputs), attributes=attributes)
        nodes.append(made)
    shapes = {**graph.shapes, **{name: value.shape for name, value in constants.items()}}
    return replace(graph, nodes=tuple(nodes), constants=constants, shapes=shapes, onnx=onnx)


def checked_operands(graph: Graph, node: Node) -> tuple[int, np.ndarray]:
    """Zero point of the input, and weights without theirs, int32; UnsupportedError if unusual."""
    kind = graph.types[node.inputs[0]]
    weights = graph.constants[node.inputs[1]]
    if kind not in BYTES or weights.dtype not in BYTES:
        raise UnsupportedError(
            f"{node}: its input {node.inputs[0]!r} is {kind} and its weights {node.inputs[1]!r} "
            f"are {weights.dtype}; ConvInteger takes uint8 or int8. Cast the input (to uint8 "
            "behind a Min with its largest code), and store the weights in int8."
        )
    zeros = []
    for place, wanted in ((2, kind), (3, weights.dtype)):
        tensor = node.operand(place)
        zero = graph.constants.get(tensor, None if tensor else np.zeros((), wanted))
        most = 1 if place == 2 else weights.shape[0]
        if zero is None or zero.dtype != wanted or zero.size not in (1, most):
            found = "not constant" if zero is None else f"{zero.dtype} of shape {zero.shape}"
            raise UnsupportedError(
                f"{node}: its zero point {tensor!r} is {found}; supported is a constant {wanted} "
                f"with one value{' or one per output channel' * (place == 3)}."
            )
        zeros.append(zero.astype(np.int32))
    zero_of_weights = zeros[1].reshape(-1, 1, 1, 1)
    return int(zeros[0].reshape(-1)[0]), weights.astype(np.int32) - zero_of_weights
