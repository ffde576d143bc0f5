"""Refuse operators that no later pass knows, saying which."""

from collections.abc import Iterator

from compiler.errors import OnefourError, UnsupportedError
from compiler.frontend import spec
from compiler.frontend.context import Context, Obstacle
from compiler.frontend.explain import advice
from compiler.frontend.ir import Graph, Node
from compiler.frontend.operators.constants import refuse_random
from compiler.frontend.operators.elementwise import ELEMENTWISE
from compiler.frontend.operators.quantiser_forms import check_quantiser

SUPPORTED = spec.STRUCTURAL | ELEMENTWISE


def check_operators(graph: Graph, context: Context) -> Graph:
    """The same graph; UnsupportedError where an operator or a quantiser's constants are not."""
    return context.without(graph, obstacles(graph))


def obstacles(graph: Graph) -> Iterator[Obstacle]:
    """Nodes whose operators or quantisers are not supported, one obstacle each."""
    for node in graph.nodes:
        if node.op in (spec.UNKNOWN, spec.HOST):
            continue
        if node.op not in SUPPORTED:
            yield unsupported(graph, node)
            continue
        try:
            check_node(graph, node)
        except OnefourError as error:
            yield Obstacle(error, node, own=True)


def unsupported(graph: Graph, node: Node) -> Obstacle:
    """The operator is not supported; what to do about it."""
    error = UnsupportedError(
        f"{node}: operator {node.op} (output {node.output!r}) is not supported. Supported: "
        f"{', '.join(sorted(SUPPORTED))}. {advice(graph, node)}"
    )
    return Obstacle(error, node, own=True, short="not supported")


def check_node(graph: Graph, node: Node) -> None:
    """UnsupportedError where a supported operator's further results or constants are not."""
    for output in node.outputs[1:]:
        used = output in graph.consumers or output in graph.outputs
        if used and node.op not in spec.SEVERAL_RESULTS:
            raise UnsupportedError(
                f"{node}: its further output {output!r} is used; only the first is supported."
            )
    if node.op in spec.QUANTISERS:
        check_quantiser(node, graph.constants, graph.shapes)
    refuse_random(node, graph.constants)
    if node.op == "BatchNormalization" and node.attributes.get("training_mode", 0):
        raise UnsupportedError(f"{node}: training_mode 1 is not supported; export in eval mode.")
