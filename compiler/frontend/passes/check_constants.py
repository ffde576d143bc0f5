"""Refuse constants that are not numbers, and those for which an operator is not defined."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from compiler.errors import OnefourError, ReadError, UnsupportedError
from compiler.frontend import spec
from compiler.frontend.context import Context, Obstacle
from compiler.frontend.ir import Graph, Node
from compiler.frontend.operators.elementwise import setting

#: Where infinity means that there is no limit: operands, and attributes of earlier opsets.
UNLIMITED = {
    "Clip": (1, 2, "min", "max"),
    "Min": tuple(range(64)),
    "Max": tuple(range(64)),
    "Pad": (2, "value"),
}


def check_constants(graph: Graph, context: Context) -> Graph:
    """The same graph; ReadError or UnsupportedError for a constant that has no meaning."""
    return context.without(graph, obstacles(graph))


def obstacles(graph: Graph) -> Iterator[Obstacle]:
    """Nodes with such constants, one obstacle each."""
    for node in graph.nodes:
        try:
            check_node(graph, node)
        except OnefourError as error:
            yield Obstacle(error, node, own=True)


def check_node(graph: Graph, node: Node) -> None:
    """ReadError or UnsupportedError for an operand or attribute that has no meaning."""
    if node.op == spec.UNKNOWN:
        return
    for place, tensor in enumerate(node.inputs):
        if tensor in graph.constants:
            check_finite(graph, node, place, graph.constants[tensor])
    for name, value in node.attributes.items():
        check_finite(graph, node, name, value)
    if node.op == "BatchNormalization":
        check_normalisation(graph, node)
    divisor = graph.constants.get(node.operand(1))
    if node.op == "Div" and divisor is not None and (divisor == 0).any():
        raise UnsupportedError(
            f"{node}: its divisor {node.operand(1)!r} is 0 somewhere, where the result is not "
            "defined; supported are divisors other than 0."
        )


def check_finite(graph: Graph, node: Node, place: int | str, value: Any) -> None:
    """ReadError where an operand or attribute holds NaN, or infinity that is not no limit."""
    if isinstance(value, float | tuple):
        value = np.array(value)
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or np.isfinite(value).all():
        return
    bad = "NaN (not a number)" if np.isnan(value).any() else "infinity"
    if bad == "infinity" and place in UNLIMITED.get(node.op, ()):
        return
    name = f"attribute {place!r}"
    if isinstance(place, int):
        tensor = node.inputs[place]
        name = f"constant {graph.onnx.get(tensor, tensor)!r}"
        if tensor in graph.origins:
            name += f" (from {graph.origins[tensor]})"
    raise ReadError(
        f"{node}: its {name} holds {bad}; supported are finite numbers. The file is damaged, or "
        "training diverged; export the network again."
    )


def check_normalisation(graph: Graph, node: Node) -> None:
    """UnsupportedError where a parameter is not constant, or a variance has no root."""
    parameters = node.inputs[1:5]
    if any(tensor not in graph.constants for tensor in parameters):
        raise UnsupportedError(
            f"{node}: its parameters {list(parameters)} must be constants. Export a trained "
            "network in evaluation mode."
        )
    variance = graph.constants[parameters[3]]
    if (variance < 0).any() or (variance + setting(node.op, node.attributes, "epsilon") <= 0).any():
        raise UnsupportedError(
            f"{node}: its variance {parameters[3]!r} is {variance.min()} somewhere; supported are "
            "variances of 0 or more, that are above 0 with epsilon. Export the network again."
        )
