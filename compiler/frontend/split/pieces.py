"""Pieces of a network that the host computes before the machine goes on.

In the graph, a map that the host hands back is a node HostMap: its inputs are the codes or sums
that the host reads, its result is what a quantiser of the file then makes codes of. That quantiser
is computed by the host as well, but stays in the graph, which so knows the codes.
"""

from collections.abc import Iterable
from dataclasses import replace

from compiler.errors import UnsupportedError
from compiler.frontend import spec
from compiler.frontend.ir import Graph, Node
from compiler.frontend.split.heads import is_convolution, seen_from_picture, values_read
from compiler.frontend.split.tail import CODES, is_handed_back


def with_host_maps(graph: Graph, hosted: Iterable[str]) -> Graph:
    """The graph with a HostMap for every ``hosted`` tensor that other nodes than the host's read.

    The nodes that made it are still there, and nothing may read them.
    """
    hosted, seen = frozenset(hosted), seen_from_picture(graph)
    shapes: dict[str, tuple[int, ...]] = {}
    nodes = []
    for node in graph.nodes:
        made = [tensor for tensor in node.outputs if is_handed_back(graph, tensor, hosted)]
        if not made:
            nodes.append(node)
            continue
        shapes = shapes or graph.told()
        rest = tuple("" if tensor in made else tensor for tensor in node.outputs)
        if any(rest):  # other results of it are read within the piece only
            others = tuple(tensor or f"{node.output}/{place}" for place, tensor in enumerate(rest))
            nodes.append(replace(node, outputs=others))
        nodes.extend(host_map(graph, tensor, hosted, seen, shapes) for tensor in made)
    return replace(graph, nodes=tuple(nodes))


def host_map(
    graph: Graph,
    tensor: str,
    hosted: frozenset[str],
    seen: set[str],
    shapes: dict[str, tuple[int, ...]],
) -> Node:
    """The node that stands for a tensor of the host; UnsupportedError where it is no map."""
    maker = graph.producers[tensor]
    shape = shapes.get(tensor)
    reads = read_for(graph, tensor, hosted, seen)
    if shape is None or len(shape) != 4 or shape[0] != 1:
        raise UnsupportedError(
            f"{maker}: the host makes {tensor!r} of shape {shape} for the layers behind it; "
            "supported are maps [1, channels, height, width]. Quantise behind the operator that "
            "makes a map of it."
        )
    if graph.input in reads:
        raise UnsupportedError(
            f"{maker}: the host would compute it from the picture itself; supported are operators "
            "of any kind behind the first convolution. Leave it to the preparation of pictures."
        )
    return Node(
        op=spec.HOST,
        name=maker.name,
        inputs=reads,
        outputs=(tensor,),
        attributes={"shape": shape, "reads": reads, "made": tensor},
    )


def read_for(
    graph: Graph, tensor: str, hosted: frozenset[str], seen: set[str]
) -> tuple[str, ...]:
    """The codes and sums that a tensor of the host is computed from, in execution order.

    What lies between a convolution and its quantiser is neither: the host computes that too.
    """
    found: set[str] = set()
    known = {tensor}
    waiting = list(values_read(graph.producers[tensor]))
    while waiting:
        name = waiting.pop()
        if name in known or name not in seen:
            continue
        known.add(name)
        maker = graph.producers.get(name)
        ready = maker is None or maker.op in CODES or is_convolution(graph, maker)
        if ready and name not in hosted:
            found.add(name)
        else:
            waiting.extend(values_read(maker))
    return tuple(sorted(found, key=lambda name: graph.places.get(name, -1)))
