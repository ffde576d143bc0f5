"""All that keeps a file from becoming an integer network, not only the first of it.

Passes report instead of raising (see ``context``): what one of them refuses becomes an Unknown
node, and the next ones go on around it. What follows from an earlier obstacle is not another one.
"""

import re
from dataclasses import dataclass

import numpy as np

from arch.errors import OnefourError
from compiler.errors import UnsupportedError
from compiler.frontend import spec
from compiler.frontend.build_network import build_network
from compiler.frontend.context import AlreadyReportedError, Context, Obstacle
from compiler.frontend.explain import WANTED
from compiler.frontend.expressions import trace
from compiler.frontend.ir import Graph
from compiler.frontend.operators.elementwise import ELEMENTWISE
from compiler.frontend.passes.fold_constants import fold_constants
from compiler.frontend.passes.insert_quantisers import ends_chain, insert_quantisers
from compiler.frontend.pipeline import INTERNAL_ERRORS, PASSES

#: Names, numbers and lists in a message, which differ between obstacles of one kind.
PARTICULAR = re.compile(r"'[^']*'|\[[^]]*\]|\([^()]*\)|-?\d[\d.e+-]*")


class Collector:
    """Takes the obstacles that passes report, in their order, each once."""

    def __init__(self) -> None:
        self.found: list[Obstacle] = []
        self.told: set[str] = set()
        #: Tensors of which nothing is known because of an obstacle.
        self.hidden: set[str] = set()
        #: Whether results of all refused nodes are hidden. Not while operators are brought to one
        #: form: that needs shapes, and those are known of what is refused there.
        self.hides = True
        #: Results of operators that are not supported, which are always hidden.
        self.foreign: set[str] = set()

    def report(self, obstacle: Obstacle) -> None:
        """Keep an obstacle that is not known yet and follows from no other."""
        node, text = obstacle.node, str(obstacle.error)
        follows = isinstance(obstacle.error, AlreadyReportedError)
        if node is not None:
            behind = node.op == spec.UNKNOWN or not self.hidden.isdisjoint(node.inputs)
            follows |= behind and not obstacle.own and bool(self.found)
            if obstacle.short:
                self.foreign.update(node.outputs)
            if self.hides and node.op not in spec.CONVOLUTIONS | {"Quantise"}:
                self.hidden.update(node.outputs)
        if not follows and text not in self.told:
            self.told.add(text)
            self.found.append(obstacle)

    def look(self, graph: Graph) -> None:
        """Note the tensors of a graph of which nothing is known.

        Those without a shape; and those computed from what is not supported, or once values count
        from any Unknown node, up to the next convolution or Quantise.
        """
        self.hides = graph.picture is not None
        self.hidden = set()
        through = ELEMENTWISE | spec.MOVING | spec.MOVING_IN_FILES | {spec.UNKNOWN}
        for node in graph.nodes:
            unknown = self.hides and node.op == spec.UNKNOWN
            start = unknown or node.output in self.foreign or node.output not in graph.shapes
            if start or (node.op in through and not self.hidden.isdisjoint(node.inputs)):
                self.hidden.update(node.outputs)


def passed(graph: Graph, context: Context, collector: Collector, last: int) -> Graph:
    """The graph after passes 0..``last`` that go on where they can."""
    for place, run in enumerate(PASSES[: last + 1]):
        graph = run(graph, context)
        if place >= PASSES.index(fold_constants):  # before it, no shapes are known
            collector.look(graph)
    return graph


def all_obstacles(
    graph: Graph, input_scale: float, *, quantised: bool = True
) -> list[Obstacle]:
    """Why the graph of a file is refused, as far as that can be seen; none where it is not.

    The first is the one that ``read_network`` raises. Of a network that is not ``quantised``, only
    what quantising it does not mend.
    """
    collector = Collector()
    context = Context(input_scale=input_scale, report=collector.report)
    try:
        with np.errstate(all="ignore"):
            if not quantised:
                passed(graph, context, collector, PASSES.index(insert_quantisers) - 1)
                return collector.found
            graph = passed(graph, context, collector, len(PASSES))
            build_network(graph, context)
    except OnefourError as error:
        collector.report(Obstacle(error))
    except INTERNAL_ERRORS:
        pass  # of what is behind an obstacle; without one, `read_network` says what it is
    if collector.found and graph.picture is not None:
        return collector.found + turning_activations(graph)
    return collector.found


def turning_activations(graph: Graph) -> list[Obstacle]:
    """Functions of sums that neither only rise nor only fall, and are not quantised.

    One that turns is supported where the codes of the quantiser after it do not.
    """
    found: dict[str, Obstacle] = {}
    for node in graph.nodes:
        readers = graph.consumers.get(node.output, [])
        quantised = readers and all(reader.op == "Quantise" for reader in readers)
        if node.op not in ELEMENTWISE or quantised or not ends_chain(graph, node.output):
            continue
        expression = trace(graph, node.output)
        sums = graph.producers.get(expression.leaves[0])
        single = len(expression.leaves) == 1 and sums is not None and sums.op == "Conv"
        if not single or expression.direction() is not None:
            continue
        node = expression.turning()
        error = UnsupportedError(
            f"{node}: its result neither only rises nor only falls with the sums of {sums}; with a "
            f"quantiser of {WANTED} after it, supported are functions whose codes do. Use ReLU "
            "or another function that only rises, or a step that hides where it turns; or put a "
            "quantiser before it too."
        )
        found[node.output] = Obstacle(error, node, own=True)
    return list(found.values())


@dataclass(frozen=True)
class Kind:
    """Obstacles of one kind: how many, and the first of them."""

    count: int
    first: Obstacle

    def __str__(self) -> str:
        """One line: operator, how often, where, why, what is supported."""
        node, text = self.first.node, self.first.short or str(self.first.error)
        if node is None:
            return text
        where = f"node {node.name!r}" if node.name else f"output {node.output!r}"
        if self.count > 1:
            where = f"x {self.count}, first at {where}"
        else:
            where = f"at {where}"
        return f"{node.op} {where}: {text.removeprefix(f'{node}: ')}"


def kind_of(obstacle: Obstacle) -> tuple[str, str]:
    """What obstacles of one kind share: the operator, and the message but for its particulars."""
    op = obstacle.node.op if obstacle.node is not None else ""
    if obstacle.short:
        return op, ""
    text, left = str(obstacle.error).removeprefix(f"{obstacle.node}: "), 1
    while left:  # names first, then what is in parentheses, from inside out
        text, left = PARTICULAR.subn("", text)
    return op, " ".join(text.split())


def place_of(obstacle: Obstacle) -> str:
    """The node of the file: what passes make of one, such as parts of a Conv, keeps its name."""
    node = obstacle.node
    return "" if node is None else node.name or node.output


def by_kind(obstacles: list[Obstacle]) -> list[Kind]:
    """Obstacles grouped, those that block most nodes first."""
    groups: dict[tuple[str, str], list[Obstacle]] = {}
    for obstacle in obstacles:
        groups.setdefault(kind_of(obstacle), []).append(obstacle)
    kinds = [Kind(len(set(map(place_of, group))), group[0]) for group in groups.values()]
    return sorted(kinds, key=lambda kind: -kind.count)
