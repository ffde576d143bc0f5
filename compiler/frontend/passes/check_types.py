"""Refuse what mixes integers and floats, or what integer operators are not defined for."""

from collections.abc import Iterator

import numpy as np

from compiler.errors import OnefourError, UnsupportedError
from compiler.frontend import integers, spec
from compiler.frontend.context import Context, Obstacle
from compiler.frontend.ir import Graph, Node
from compiler.frontend.reader.onnx_reader import FLOATS


def check_types(graph: Graph, context: Context) -> Graph:
    """The same graph; UnsupportedError where an operator on integers is not one."""
    return context.without(graph, obstacles(graph))


def obstacles(graph: Graph) -> Iterator[Obstacle]:
    """Nodes whose operands' types are not supported, one obstacle each."""
    for node in graph.nodes:
        try:
            check_node(graph, node)
        except OnefourError as error:
            yield Obstacle(error, node)


def check_node(graph: Graph, node: Node) -> None:
    """UnsupportedError where a node mixes integers and floats, or takes no integers."""
    found = [tensor for tensor in graph.variables(node) if tensor in graph.types]
    if node.op in spec.INTEGERS_ONLY and not found:
        raise UnsupportedError(
            f"{node}: its input {node.inputs[0]!r} is computed in floating point"
            f"{origin(graph, node.inputs[0])}; {node.op} is supported where only integers lie "
            "between the picture and it. Give the network a uint8 input and write that part "
            "with integer operators, or export all of it in floats."
        )
    if found and node.op not in ("ConvInteger", spec.UNKNOWN):
        check_operator(graph, node)
        check_constants(graph, node)


def origin(graph: Graph, tensor: str) -> str:
    """By which operator a tensor became floats, as part of a message."""
    node = graph.producers.get(tensor)
    while node is not None and graph.variables(node):
        if any(source in graph.types for source in graph.variables(node)):
            return f" from {node} on"
        tensor = graph.variables(node)[0]
        node = graph.producers.get(tensor)
    return f" from input {graph.input!r} on" if tensor == graph.input else ""


def check_operator(graph: Graph, node: Node) -> None:
    """UnsupportedError where the operator does not take integers of these types."""
    elementwise = node.op in integers.OPERATORS
    if not elementwise and node.op not in spec.MOVING_IN_FILES | spec.LEAVING:
        known = integers.OPERATORS.keys() | spec.MOVING_IN_FILES | {"ConvInteger"}
        supported = ", ".join(sorted(known))
        raise UnsupportedError(
            f"{node}: its input {node.inputs[0]!r} is of integers ({type_of(graph, node)}), which "
            f"{node.op} does not take here; on integers supported are {supported}. Use those, or "
            "Cast the tensor to float before it."
        )
    target = node.attributes.get("to")
    if node.op == "Cast" and target not in FLOATS and target not in integers.INTEGER_TYPES:
        raise UnsupportedError(
            f"{node}: casting {type_of(graph, node)} to element type {target} is not supported; "
            "supported are integers of 8 to 64 bits, and floats."
        )
    operands = [t for t in node.inputs if t] if node.op not in spec.STEERED else node.inputs[:1]
    kinds = {t: str(graph.types.get(t, constant_type(graph, t))) for t in operands}
    if len(set(kinds.values())) > 1:
        listed = ", ".join(f"{tensor!r} is {kind}" for tensor, kind in kinds.items())
        raise UnsupportedError(
            f"{node}: its operands differ in type ({listed}); ONNX operators take one type. Insert "
            "a Cast, or store the constant in the tensor's type."
        )
    variables = graph.variables(node)
    if elementwise and len(variables) > 1 and node.op not in spec.JOINING:
        raise UnsupportedError(
            f"{node}: its operands {variables} all depend on the picture; supported are constants "
            f"per channel or tensor (only {', '.join(sorted(spec.JOINING))} combine two tensors of "
            "integers). Make the multiplier a constant."
        )


def check_constants(graph: Graph, node: Node) -> None:
    """UnsupportedError where a divisor or a shift has no defined result."""
    variable = node.inputs[0] in graph.types
    amounts = graph.constants.get(node.operand(1))
    if node.op == "Div" and (amounts is None or not variable or (amounts == 0).any()):
        raise UnsupportedError(
            f"{node}: integers are divided by {node.operand(1)!r}, which is 0 somewhere or not "
            "constant; supported are constants other than 0."
        )
    if node.op == "BitShift":
        bits = graph.types[node.inputs[0]].itemsize * 8 if variable else 0
        if amounts is None or (amounts >= bits).any() or graph.types[node.output].kind != "u":
            raise UnsupportedError(
                f"{node}: supported are constant shifts of unsigned integers by less than their "
                f"width, not of {type_of(graph, node)} by {shown(amounts)}. Cast to uint64 behind "
                "a Max with 0, or use a smaller shift."
            )


def shown(amounts: np.ndarray | None) -> str:
    return "a tensor" if amounts is None else f"up to {amounts.max(initial=0)}"


def type_of(graph: Graph, node: Node) -> str:
    """Type of the first tensor of integers among a node's inputs."""
    return str(next(graph.types[t] for t in node.inputs if t in graph.types))


def constant_type(graph: Graph, tensor: str) -> str:
    value = graph.constants.get(tensor)
    return str(value.dtype) if value is not None and value.dtype.kind in "iu" else "float"
