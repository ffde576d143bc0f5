"""What the host computes of a float network in mid-network, once that is quantised.

That is what the array does not have, and what lies between two such operators without a convolution
(of maps larger than one place). Nothing is rounded within; quantisers stand where it begins and
where it ends, so that the array goes on there.
"""

from onnx import ModelProto

from compiler.frontend.ir import Graph, Node
from compiler.frontend.reader.onnx_reader import graph_of
from compiler.frontend.split.foreign import foreign_nodes
from compiler.frontend.split.heads import heads, is_convolution, seen_from_picture, values_read
from compiler.frontend.split.tail import made_for


def hosted_tensors(model: ModelProto) -> frozenset[str]:
    """All that the host makes before the heads of a network."""
    graph = graph_of(model)
    last = heads(graph)
    seen = seen_from_picture(graph)
    trunk = made_for(graph, {node.output for node in last}, set()) & seen
    foreign = foreign_nodes(graph, last, trunk)
    if not foreign:
        return frozenset()
    own = {id(node) for node in foreign}
    shapes = graph.told()
    behind: set[str] = set()
    for node in graph.nodes:
        reads = not behind.isdisjoint(values_read(node))
        if id(node) in own or (reads and not separates(graph, node, shapes)):
            behind.update(node.outputs)
    before: set[str] = set()
    for node in reversed(graph.nodes):
        made = not before.isdisjoint(node.outputs)
        if id(node) in own or (made and not separates(graph, node, shapes)):
            before.update(values_read(node))
    found = {tensor for node in foreign for tensor in node.outputs}
    for node in graph.nodes:
        between = not before.isdisjoint(node.outputs) and not separates(graph, node, shapes)
        if between and not behind.isdisjoint(values_read(node)):
            found.update(node.outputs)
    return frozenset(found & trunk)


def separates(graph: Graph, node: Node, shapes: dict[str, tuple[int, ...]]) -> bool:
    """Whether a node is a convolution that is worth to be computed by the array."""
    places = shapes.get(node.operand(0), ())[2:]
    return is_convolution(graph, node) and places != (1, 1)
