"""Give every constant operand of an elementwise operator the shape [1, channels or 1, 1, 1]."""

from dataclasses import replace

import numpy as np

from compiler.errors import UnsupportedError
from compiler.frontend import spec
from compiler.frontend.context import Context
from compiler.frontend.ir import Graph, NameSupply, Node
from compiler.frontend.operators.elementwise import is_variable_elementwise


def normalise_operands(graph: Graph, context: Context) -> Graph:
    """The graph with operands that broadcast per channel; Clip limits as operands.

    UnsupportedError for an operand that differs from place to place.
    """
    constants = dict(graph.constants)
    names = NameSupply.of(graph)
    nodes = []
    for node in graph.nodes:
        made = node
        if is_variable_elementwise(node, graph) and node.op not in spec.ROW_OPERANDS:
            made = node.unknown()
            with context.at(node):
                inputs = normalised_inputs(node, graph, constants, names)
                made = replace(node, inputs=tuple(inputs))
        nodes.append(made)
    return replace(graph, nodes=tuple(nodes), constants=constants)


def normalised_inputs(
    node: Node, graph: Graph, constants: dict[str, np.ndarray], names: NameSupply
) -> list[str]:
    """A node's inputs, with new constants of the one shape among ``constants``."""
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
    return inputs


def normalise(node: Node, tensor: str, value: np.ndarray, graph: Graph) -> np.ndarray:
    """One operand as [1, C or 1, 1, 1]: float64, or as it is beside a tensor of integers."""
    variables = graph.variables(node)
    if node.op in spec.LEAVING or not all(name in graph.types for name in variables):
        value = value.astype(np.float64)
    channels = graph.shapes.get(node.output, (1, 0, 0, 0))[1]
    if node.op in spec.CHANNEL_VECTORS and value.ndim == 1:
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
