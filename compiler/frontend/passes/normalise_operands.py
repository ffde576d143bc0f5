"""Give every constant operand of an elementwise operator the shape [1, channels or 1, 1, 1]."""

from dataclasses import replace

import numpy as np

from compiler.errors import UnsupportedError
from compiler.frontend.ir import Graph, NameSupply, Node
from compiler.frontend.operators.elementwise import is_variable_elementwise

PER_CHANNEL_VECTORS = {"BatchNormalization"}
#: Operands with a form of their own.
EXEMPT = {"MultiThreshold"}


def normalise_operands(graph: Graph) -> Graph:
    """The graph with operands that broadcast per channel; Clip limits as operands.

    UnsupportedError for an operand that differs from place to place.
    """
    constants = dict(graph.constants)
    names = NameSupply.of(graph)
    nodes = []
    for node in graph.nodes:
        if not is_variable_elementwise(node, graph) or node.op in EXEMPT:
            nodes.append(node)
            continue
        inputs = list(node.inputs)
        if node.op == "Clip":  # limits were attributes before opset 11
            for place, attribute in ((1, "min"), (2, "max")):
                if attribute in node.attributes:
                    inputs += [""] * (place + 1 - len(inputs))
                    inputs[place] = names.fresh(f"{node.output}/{attribute}")
                    constants[inputs[place]] = np.array(node.attributes[attribute], np.float64)
        for place, tensor in enumerate(inputs):
            if tensor in constants:
                inputs[place] = names.fresh(f"{tensor}/operand")
                constants[inputs[place]] = normalise(node, tensor, constants[tensor], graph)
        nodes.append(replace(node, inputs=tuple(inputs)))
    return replace(graph, nodes=tuple(nodes), constants=constants)


def normalise(node: Node, tensor: str, value: np.ndarray, graph: Graph) -> np.ndarray:
    """One operand as [1, C or 1, 1, 1]: float64, or as it is beside a tensor of integers."""
    variables = graph.variables(node)
    if node.op == "DequantizeLinear" or not all(name in graph.types for name in variables):
        value = value.astype(np.float64)
    channels = graph.shapes.get(node.output, (1, 0, 0, 0))[1]
    if node.op in PER_CHANNEL_VECTORS and value.ndim == 1:
        value = value[:, None, None]
    if value.size == 1:
        return value.reshape(1, 1, 1, 1)
    value = value.reshape([1] * (4 - value.ndim) + list(value.shape)) if value.ndim < 4 else value
    if value.ndim == 4:
        first = value[:1, :, :1, :1]
        if (value == first).all() and first.shape[1] in (1, channels):
            return first
    raise UnsupportedError(
        f"{node}: constant {tensor!r} has shape {graph.constants[tensor].shape} and differs from "
        "place to place; supported are one value or one per channel, [1, channels, 1, 1]."
    )
