"""The tail of a network: what the host computes from the sums of its last convolutions.

It is cut off where the array cannot do it. What can be a result of the program stays in it: sums
with a factor and an offset per channel, and tensors of codes.
"""

from dataclasses import dataclass, replace

from compiler.frontend import spec
from compiler.frontend.ir import Graph, Node
from compiler.frontend.operators.elementwise import ELEMENTWISE, TRUTH
from compiler.frontend.reader.onnx_reader import FLOATS
from compiler.frontend.split.heads import heads, is_convolution, seen_from_picture, values_read

CODES = spec.QUANTISERS | spec.QDQ
"""Their results can be handed over as codes."""


@dataclass(frozen=True, eq=False)
class Tail:
    """``inputs``: tensors that the program hands over, sums or codes, in execution order; ``nodes``
    compute the ``outputs`` of the network from them, except for those that are inputs."""

    inputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]


def tail_of(graph: Graph) -> Tail | None:
    """The tail of a graph as it was read; None where the program can give all of its results."""
    last = heads(graph)
    seen = seen_from_picture(graph)
    trunk = made_for(graph, {node.output for node in last}, set())
    behind = made_for(graph, set(graph.outputs), trunk) & seen
    nodes = [node for node in graph.nodes if not behind.isdisjoint(node.outputs)]
    if not last or not nodes or can_stay(graph, nodes, seen):
        return None
    nodes += handed_over_later(graph, nodes, seen)
    made = {tensor for node in nodes for tensor in node.outputs}
    wanted = {tensor for node in nodes for tensor in values_read(node)} | set(graph.outputs)
    order = sorted((wanted & seen) - made, key=lambda tensor: graph.places.get(tensor, -1))
    places = {node.output: place for place, node in enumerate(graph.nodes)}
    nodes.sort(key=lambda node: places[node.output])
    return Tail(inputs=tuple(order), nodes=tuple(nodes), outputs=graph.outputs)


def cut(graph: Graph, tail: Tail) -> Graph:
    """The graph up to what it hands over to the tail; nodes of the tail are still there."""
    return replace(graph, outputs=tail.inputs, results=tail.inputs)


def made_for(graph: Graph, tensors: set[str], given: set[str]) -> set[str]:
    """Results of the nodes that ``tensors`` are computed by, from those that are ``given``."""
    needed, made = set(tensors), set()
    for node in reversed(graph.nodes):
        if not needed.isdisjoint(node.outputs) and given.isdisjoint(node.outputs):
            needed.update(node.inputs)
            made.update(node.outputs)
    return made


def handed_over_later(graph: Graph, nodes: list[Node], seen: set[str]) -> list[Node]:
    """Nodes before the tail that it computes too, because what they make is neither sums nor codes.

    Such a tensor lies between a convolution and its quantiser.
    """
    made = {tensor for node in nodes for tensor in node.outputs}
    waiting = [t for node in nodes for t in values_read(node) if t in seen]
    waiting += [tensor for tensor in graph.outputs if tensor in seen]
    found: list[Node] = []
    while waiting:
        tensor = waiting.pop()
        node = graph.producers.get(tensor)
        if node is None or tensor in made or is_convolution(graph, node) or node.op in CODES:
            continue
        made.update(node.outputs)
        found.append(node)
        waiting.extend(t for t in values_read(node) if t in seen)
    return found


def can_stay(graph: Graph, nodes: list[Node], seen: set[str]) -> bool:
    """Whether every node behind the heads is one of the array's, and every result can be read."""
    known = spec.STRUCTURAL | ELEMENTWISE
    return all(node.op in known for node in nodes) and all(
        is_readable(graph, tensor, seen) for tensor in graph.outputs
    )


def is_readable(graph: Graph, tensor: str, seen: set[str], *, exact: bool = True) -> bool:
    """Whether a tensor may be codes, or with ``exact`` is sums with a factor and an offset."""
    node = graph.producers.get(tensor)
    if node is None or node.op in CODES | TRUTH | spec.ROUNDING:
        return True
    if node.op == "Cast" and node.attributes.get("to") not in FLOATS:
        return True
    if node.op in spec.CONVOLUTIONS_IN_FILES:
        return exact
    sources = [source for source in dict.fromkeys(values_read(node)) if source in seen]
    if node.op in spec.AVERAGES:
        return exact and all(is_readable(graph, s, seen, exact=False) for s in sources)
    keeps = exact and node.op in spec.AFFINE and len(sources) == 1
    return all(is_readable(graph, source, seen, exact=keeps) for source in sources)
