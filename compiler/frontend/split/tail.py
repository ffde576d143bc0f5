"""The tail of a network: what the host computes from the sums of its last convolutions.

It is cut off where the array cannot do it. What can be a result of the program stays in it: sums
with a factor and an offset per channel, and tensors of codes. An operator in mid-network that the
array does not have (attention) is computed by the host, and what follows it up to a quantiser;
then the array goes on (``pieces``). Without a quantiser, all that follows belongs to the tail.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from compiler.frontend import spec
from compiler.frontend.ir import Graph, Node
from compiler.frontend.operators.elementwise import ELEMENTWISE, TRUTH
from compiler.frontend.reader.onnx_reader import FLOATS
from compiler.frontend.split.foreign import foreign_nodes
from compiler.frontend.split.heads import heads, is_convolution, seen_from_picture, values_read

CODES = spec.QUANTISERS | spec.QDQ
"""Their results can be handed over as codes."""
QUANTISING = spec.QUANTISERS | {"QuantizeLinear"}
"""They make codes of floats."""


@dataclass(frozen=True, eq=False)
class Tail:
    """``inputs``: tensors that the program hands over, sums or codes, in execution order; ``nodes``
    compute the ``outputs`` of the network from them, except for those that are inputs;
    ``foreign``: those of them, before the heads, that the array does not have."""

    inputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    foreign: tuple[Node, ...] = ()


@dataclass(frozen=True, eq=False)
class Split:
    """What the host computes of a network: ``hosted`` tensors in mid-network, and the ``tail``."""

    tail: Tail | None
    hosted: frozenset[str] = frozenset()


NO_SPLIT = Split(None)


def tail_of(graph: Graph) -> Tail | None:
    """The tail of a graph as it was read; None where the program can give all of its results."""
    return split_of(graph).tail


def split_of(graph: Graph) -> Split:
    """The parts of a graph as it was read, some of which are the host's."""
    last = heads(graph)
    if not last:
        return NO_SPLIT
    seen = seen_from_picture(graph)
    trunk = made_for(graph, {node.output for node in last}, set())
    foreign = foreign_nodes(graph, last, trunk & seen)
    hosted = hosted_tensors(graph, foreign)
    if not any(is_handed_back(graph, tensor, hosted) for tensor in hosted & trunk):
        # Then the host would compute convolutions for the sake of a form.
        foreign = foreign_nodes(graph, last, trunk & seen, forms=False)
        hosted = hosted_tensors(graph, foreign)
    if foreign:
        shorter = trunk - hosted
        nodes = nodes_behind(graph, shorter, seen)
        host = [*nodes, *readers_of(graph, hosted & trunk)]
        if has_convolution(graph, shorter) and runs_on_the_host(host):
            begun = {id(node) for node in nodes}
            first = tuple(node for node in foreign if id(node) in begun)
            stays = not nodes or (not first and can_stay(graph, nodes, seen))
            tail = None if stays else tail_from(graph, nodes, seen, first)
            return Split(tail, frozenset(hosted & trunk))
    nodes = nodes_behind(graph, trunk, seen)
    stays = not nodes or can_stay(graph, nodes, seen)
    return Split(None if stays else tail_from(graph, nodes, seen))


def nodes_behind(graph: Graph, trunk: set[str], seen: set[str]) -> list[Node]:
    """The nodes behind ``trunk`` that compute the outputs from what depends on the picture."""
    behind = made_for(graph, set(graph.outputs), trunk) & seen
    return [node for node in graph.nodes if not behind.isdisjoint(node.outputs)]


def has_convolution(graph: Graph, tensors: set[str]) -> bool:
    """Whether a convolution makes one of ``tensors``."""
    return any(node.output in tensors and is_convolution(graph, node) for node in graph.nodes)


def runs_on_the_host(nodes: Iterable[Node]) -> bool:
    """Whether onnxruntime has these operators; it has none of QONNX."""
    return all(node.op not in spec.QUANTISERS for node in nodes)


def readers_of(graph: Graph, tensors: set[str]) -> Iterator[Node]:
    """The nodes that read some of ``tensors``: the host makes codes of those as they do."""
    return (node for node in graph.nodes if not tensors.isdisjoint(node.inputs))


def tail_from(
    graph: Graph, nodes: list[Node], seen: set[str], foreign: tuple[Node, ...] = ()
) -> Tail:
    """The tail of ``nodes``, and of those before that make what is neither sums nor codes."""
    nodes = nodes + handed_over_later(graph, nodes, seen)
    made = {tensor for node in nodes for tensor in node.outputs}
    wanted = {tensor for node in nodes for tensor in values_read(node)} | set(graph.outputs)
    order = sorted((wanted & seen) - made, key=lambda tensor: graph.places.get(tensor, -1))
    places = {node.output: place for place, node in enumerate(graph.nodes)}
    nodes.sort(key=lambda node: places[node.output])
    return Tail(tuple(order), tuple(nodes), graph.outputs, foreign)


def cut(graph: Graph, tail: Tail) -> Graph:
    """The graph up to what it hands over to the tail; nodes of the tail are still there."""
    return replace(graph, outputs=tail.inputs, results=tail.inputs)


def is_handed_back(graph: Graph, tensor: str, hosted: Collection[str]) -> bool:
    """Whether the array goes on with what the host has made of one of the ``hosted`` tensors."""
    readers = graph.consumers.get(tensor, ())
    return tensor in hosted and any(
        not any(made in hosted for made in node.outputs) for node in readers
    )


def hosted_tensors(graph: Graph, nodes: list[Node]) -> set[str]:
    """What nodes make, and all that is computed from it without a quantiser in between.

    A quantiser whose codes only such operators read again is one of them.
    """
    own = {id(node) for node in nodes}
    found: set[str] = set()
    for node in graph.nodes:
        reads = not found.isdisjoint(values_read(node))
        if id(node) in own or (reads and node.op not in QUANTISING):
            found.update(node.outputs)
    again = {tensor for node in graph.nodes if not found.isdisjoint(node.outputs)
             for tensor in values_read(node)}  # fmt: skip
    for node in reversed(graph.nodes):
        wanted = again.intersection(node.outputs)
        readers = graph.consumers.get(node.output, [])
        if not wanted or node.op not in ELEMENTWISE or node.output in graph.outputs:
            continue
        if all(not found.isdisjoint(reader.outputs) for reader in readers) and comes_from(
            graph, node, found
        ):
            found.update(node.outputs)
            again.update(values_read(node))
    return found


def comes_from(graph: Graph, node: Node, tensors: set[str]) -> bool:
    """Whether a node makes what it makes of ``tensors`` alone, element by element."""
    waiting, reached = [node], False
    while waiting:
        current = waiting.pop()
        if current.op not in ELEMENTWISE:
            return False
        for tensor in values_read(current):
            if tensor in tensors:
                reached = True
            elif tensor in graph.producers:
                waiting.append(graph.producers[tensor])
            elif tensor == graph.input:
                return False
    return reached


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
