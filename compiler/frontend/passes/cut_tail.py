"""Leave out what the host computes, in mid-network and behind the heads (``split``)."""

from compiler.frontend.context import Context
from compiler.frontend.ir import Graph
from compiler.frontend.passes.remove_dead_nodes import remove_dead_nodes
from compiler.frontend.split.pieces import with_host_maps
from compiler.frontend.split.tail import cut, split_of


def cut_tail(graph: Graph, context: Context) -> Graph:
    """The graph up to the tensors that its tail starts from, with HostMap nodes for what the host
    makes before them; as it is, where the host computes nothing of it."""
    split = split_of(graph)
    if split.tail is not None:
        graph = remove_dead_nodes(cut(graph, split.tail), context)
    if split.hosted:
        graph = remove_dead_nodes(with_host_maps(graph, split.hosted), context)
    return graph
