"""Leave out what the host computes behind the heads (``split.tail``)."""

from compiler.frontend.context import Context
from compiler.frontend.ir import Graph
from compiler.frontend.passes.remove_dead_nodes import remove_dead_nodes
from compiler.frontend.split.tail import cut, tail_of


def cut_tail(graph: Graph, context: Context) -> Graph:
    """The graph up to the tensors that its tail starts from; as it is, where it has none."""
    tail = tail_of(graph)
    return graph if tail is None else remove_dead_nodes(cut(graph, tail), context)
