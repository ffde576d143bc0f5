"""Quantise before pooling, enlargement, padding and concatenation instead of after them.

For an elementwise function f: f(Concat(x, y)) = Concat(f(x), f(y)), f(Enlarge(x)) = Enlarge(f(x)),
f(Pad(x, p)) = Pad(f(x), f(p)), and f(MaxPool(x)) = MaxPool(f(x)) where f never falls; where it
falls, MaxPool becomes a search for the smallest code.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from compiler.errors import UnsupportedError
from compiler.frontend import spec
from compiler.frontend.context import Context
from compiler.frontend.expressions import Expression, trace
from compiler.frontend.ir import Graph, NameSupply, Node
from compiler.frontend.values import encodings

Part = tuple[int, int] | None
#: Stretches of moving operators, with elementwise ones in between, before one quantiser.
MOST_ROUNDS = 100


def hoist_quantisers(graph: Graph, context: Context) -> Graph:
    """The graph in which a quantiser's function starts at sums or codes wherever possible."""
    for _ in range(MOST_ROUNDS):
        builder = Builder(graph)
        nodes: list[Node] = []
        for node in graph.nodes:
            made = [node]
            if node.op == "Quantise":
                made = [node.unknown()]
                with context.at(node):
                    made = builder.hoisted(node)
            nodes.extend(made)
        if not builder.moves:
            return graph
        graph = replace(
            graph, nodes=tuple(nodes), constants=builder.constants, shapes=builder.shapes
        )
    raise UnsupportedError(
        f"{builder.moves[0]}: more than {MOST_ROUNDS} operators like it, with others in between, "
        "come one after another before a quantiser; supported are fewer. Quantise in between."
    )


@dataclass(frozen=True)
class Quantised:
    """To be made: ``output``, the quantiser's result for ``leaf`` instead of its own.

    ``part``: which of the function's channels the leaf has, where it is one of a Concat.
    """

    leaf: str
    part: Part
    output: str


@dataclass(frozen=True, eq=False)
class Function:
    """A quantiser and what stands between it and its one leaf."""

    expression: Expression
    quantiser: Node

    @cached_property
    def direction(self) -> np.ndarray | None:
        """+1 rises, -1 falls, 0 constant, [channels or 1]; None where not monotone."""
        return self.expression.direction()

    def falls(self, part: Part) -> bool:
        """Whether it falls in any of the channels, or is not known not to."""
        return self.direction is None or bool((self.taken(self.direction, part) < 0).any())

    def taken(self, rows: np.ndarray, part: Part) -> np.ndarray:
        """The part's rows of values per channel."""
        return rows if part is None or rows.size == 1 else rows[slice(*part)]


class Builder:
    """Clones a quantiser's function onto the inputs of the operators before it."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.known = encodings(graph)
        self.names = NameSupply.of(graph)
        self.constants = dict(graph.constants)
        self.shapes = dict(graph.shapes)
        #: The operators behind which quantisers stood.
        self.moves: list[Node] = []

    def moving(self, tensor: str) -> Node | None:
        """The operator that only moves what it gets, and gets no codes, if ``tensor`` is of one."""
        node = self.graph.producers.get(tensor)
        moves = node is not None and node.op in spec.QUANTISED_BEFORE
        return node if moves and tensor not in self.known else None

    def hoisted(self, quantiser: Node) -> list[Node]:
        """Nodes that compute the quantiser's result, the quantiser as early as possible."""
        expression = trace(self.graph, quantiser.inputs[0])
        if len(expression.leaves) != 1 or self.moving(expression.leaves[0]) is None:
            return [quantiser]
        function = Function(expression, quantiser)
        self.moves.append(self.moving(expression.leaves[0]))
        pending: list[Node | Quantised] = [Quantised(expression.leaves[0], None, quantiser.output)]
        made: list[Node] = []
        while pending:  # from the result backwards
            wanted = pending.pop()
            if isinstance(wanted, Node):
                made.append(wanted)
            elif self.moving(wanted.leaf) is None:
                pending.extend(self.clone(function, wanted))
            else:
                pending.extend(self.moved(function, self.moving(wanted.leaf), wanted))
        return made[::-1]

    def moved(self, function: Function, moving: Node, wanted: Quantised) -> list[Node | Quantised]:
        """``wanted`` by ``moving`` of what is quantised before it."""
        if moving.op == "MaxPool" and function.falls(wanted.part):
            return self.pooled_falling(function, moving, wanted)
        sources, offset = [], wanted.part[0] if wanted.part else 0
        for tensor in moving.inputs:
            channels = self.shapes[tensor][1]
            part = (offset, offset + channels) if moving.op == "Concat" else wanted.part
            sources.append(self.source(function, tensor, part))
            offset += channels
        attributes = dict(moving.attributes)
        if moving.op == "Pad":
            attributes["value"] = self.padding_value(function, moving, wanted.part)
        inputs = tuple(source.output for source in sources)
        moved = replace(moving, inputs=inputs, outputs=(wanted.output,), attributes=attributes)
        return [*sources, moved]

    def source(self, function: Function, tensor: str, part: Part) -> Quantised:
        """A new tensor for the quantiser's result on ``tensor``."""
        output = self.names.fresh(f"{function.quantiser.output}/{tensor}")
        self.shapes[output] = self.shapes[tensor]
        return Quantised(tensor, part, output)

    def pooled_falling(
        self, function: Function, pool: Node, wanted: Quantised
    ) -> list[Node | Quantised]:
        """The same for a MaxPool whose function falls in some channels.

        There the smallest code of each window is wanted: the codes are mirrored before the pooling
        and back after it.
        """
        quantiser = function.quantiser
        if function.direction is None:
            raise UnsupportedError(
                f"{function.expression.turning()}: it stands between {pool} and the quantiser of "
                f"{quantiser.inputs[0]!r} and neither only rises nor only falls, so that "
                "pooling cannot follow the quantiser. Pool after the quantiser."
            )
        source = self.source(function, pool.inputs[0], wanted.part)
        channels = self.shapes[source.output][1]
        rises = np.broadcast_to(function.taken(function.direction, wanted.part) >= 0, channels)
        before = self.mirror(source.output, rises, quantiser)
        pooled = self.names.fresh(f"{pool.output}/mirrored")
        self.shapes[pooled] = self.shapes[pool.output]
        after = self.mirror(pooled, rises, quantiser)
        after[-1] = replace(after[-1], outputs=(wanted.output,))
        middle = replace(pool, inputs=(before[-1].output,), outputs=(pooled,))
        return [source, *before, middle, *after]

    def mirror(self, codes: str, rises: np.ndarray, quantiser: Node) -> list[Node]:
        """Nodes that turn the range of levels round in every channel that does not rise."""
        levels = quantiser.attributes["encoding"].values
        factor = np.where(rises, 1.0, -1.0).reshape(1, -1, 1, 1)
        offset = np.where(rises, 0.0, levels[0] + levels[-1]).reshape(1, -1, 1, 1)
        made, tensor = [], codes
        for op, value in (("Mul", factor), ("Add", offset)):
            constant = self.names.fresh(f"{codes}/{op}")
            self.constants[constant] = value
            output = self.names.fresh(f"{codes}/mirror")
            self.shapes[output] = self.shapes[codes]
            made.append(
                Node(op=op, name=quantiser.name, inputs=(tensor, constant), outputs=(output,))
            )
            tensor = output
        output = self.names.fresh(f"{codes}/mirrored")
        self.shapes[output] = self.shapes[codes]
        return [*made, replace(quantiser, inputs=(tensor,), outputs=(output,))]

    def clone(self, function: Function, wanted: Quantised) -> list[Node]:
        """The quantiser and its function on another leaf."""
        names = {function.expression.leaves[0]: wanted.leaf}
        made = []
        for node in (*function.expression.nodes, function.quantiser):
            axis = spec.channel_axis(node.op)
            inputs = tuple(
                self.part_of(names.get(tensor, tensor), wanted.part, axis) for tensor in node.inputs
            )
            output = wanted.output
            if node is not function.quantiser:
                output = self.names.fresh(f"{node.output}/{wanted.leaf}")
                self.shapes[output] = self.shapes[wanted.leaf]
            names[node.output] = output
            made.append(replace(node, inputs=inputs, outputs=(output,)))
        return made

    def part_of(self, tensor: str, part: Part, axis: int) -> str:
        """A per-channel constant's share for the channels ``part``; other tensors as they are."""
        value = self.graph.constants.get(tensor)
        if value is None or part is None or value.shape[axis] == 1:
            return tensor
        name = self.names.fresh(f"{tensor}/{part[0]}:{part[1]}")
        self.constants[name] = np.take(value, range(*part), axis)
        return name

    def padding_value(self, function: Function, pad: Node, part: Part) -> float:
        """What the padding becomes; it must be the same in every channel."""
        before = np.full((1, 1, 1, 1), pad.attributes["value"])
        after = function.expression.evaluate({function.expression.leaves[0]: before})
        encoding = function.quantiser.attributes["encoding"]
        rows = function.taken(after.reshape(-1), part)
        values = np.unique(encoding.values[encoding.codes(rows)])
        if values.size != 1:
            raise UnsupportedError(
                f"{pad}: its padding {pad.attributes['value']} becomes different values "
                f"{values[:4].tolist()} in different channels of "
                f"{function.quantiser.inputs[0]!r}; pad after the quantiser."
            )
        return float(values[0])
