"""Drop nodes whose results nothing needs."""

from dataclasses import replace

from compiler.frontend.context import Context
from compiler.frontend.ir import Graph


def remove_dead_nodes(graph: Graph, _: Context) -> Graph:
    """The graph with only the nodes that its outputs depend on."""
    needed = set(graph.outputs)
    kept = []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    return replace(graph, nodes=tuple(reversed(kept)))
