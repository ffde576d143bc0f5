"""Quantise before pooling, enlargement, padding and concatenation instead of after them.

For an elementwise function f: f(Concat(x, y)) = Concat(f(x), f(y)), f(Enlarge(x)) = Enlarge(f(x)),
f(Pad(x, p)) = Pad(f(x), f(p)), and f(MaxPool(x)) = MaxPool(f(x)) where f never falls; where it
falls, MaxPool becomes a search for the smallest code.
"""

from dataclasses import replace

import numpy as np

from compiler.errors import UnsupportedError
from compiler.expressions import Expression, trace
from compiler.ir import Graph, NameSupply, Node
from compiler.values import Encoding, encodings

MOVING = {"MaxPool", "Enlarge", "Pad", "Concat"}


def hoist_quantisers(graph: Graph, picture: Encoding) -> Graph:
    """The graph in which a quantiser's function starts at sums or codes wherever possible."""
    while True:
        hoisted = hoist_one(graph, picture)
        if hoisted is None:
            return graph
        graph = hoisted


def hoist_one(graph: Graph, picture: Encoding) -> Graph | None:
    """The graph with one quantiser moved, or None where nothing is left to do."""
    known = encodings(graph, picture)
    for place, node in enumerate(graph.nodes):
        if node.op != "Quantise":
            continue
        expression = trace(graph, node.inputs[0])
        if len(expression.leaves) != 1 or expression.leaves[0] in known:
            continue
        moving = graph.producers.get(expression.leaves[0])
        if moving is None or moving.op not in MOVING:
            continue
        builder = Builder(graph)
        made = builder.hoisted(expression, moving, node)
        nodes = (*graph.nodes[:place], *made, *graph.nodes[place + 1 :])
        return replace(graph, nodes=nodes, constants=builder.constants, shapes=builder.shapes)
    return None


class Builder:
    """Clones a quantiser's function onto the inputs of the operator before it."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.names = NameSupply.of(graph)
        self.constants = dict(graph.constants)
        self.shapes = dict(graph.shapes)

    def hoisted(self, expression: Expression, moving: Node, quantiser: Node) -> list[Node]:
        """Nodes that compute the quantiser's result, with ``moving`` after the quantiser."""
        if moving.op == "MaxPool":
            direction = expression.direction()
            if direction is None or (direction < 0).any():
                return self.hoisted_falling(expression, moving, quantiser)
        made: list[Node] = []
        inputs, offset = [], 0
        for tensor in moving.inputs:
            channels = self.shapes[tensor][1]
            part = (offset, offset + channels) if moving.op == "Concat" else None
            nodes = self.clone(expression, quantiser, tensor, part)
            made.extend(nodes)
            inputs.append(nodes[-1].output)
            offset += channels
        attributes = dict(moving.attributes)
        if moving.op == "Pad":
            attributes["value"] = self.padding_value(expression, moving, quantiser)
        made.append(
            replace(moving, inputs=tuple(inputs), outputs=quantiser.outputs, attributes=attributes)
        )
        return made

    def hoisted_falling(self, expression: Expression, pool: Node, quantiser: Node) -> list[Node]:
        """The same for a MaxPool whose function falls in some channels.

        There the smallest code of each window is wanted: the codes are mirrored before the pooling
        and back after it.
        """
        direction = expression.direction()
        if direction is None:
            raise UnsupportedError(
                f"{expression.turning()}: it stands between {pool} and the quantiser of "
                f"{quantiser.inputs[0]!r} and neither only rises nor only falls, so that "
                "pooling cannot follow the quantiser. Pool after the quantiser."
            )
        rises = np.broadcast_to(direction >= 0, self.shapes[quantiser.output][1])
        made = self.clone(expression, quantiser, pool.inputs[0], None)
        made += self.mirror(made[-1].output, rises, quantiser)
        pooled = self.names.fresh(f"{pool.output}/mirrored")
        self.shapes[pooled] = self.shapes[pool.output]
        made.append(replace(pool, inputs=(made[-1].output,), outputs=(pooled,)))
        made += self.mirror(pooled, rises, quantiser)
        made[-1] = replace(made[-1], outputs=quantiser.outputs)
        return made

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

    def clone(
        self, expression: Expression, quantiser: Node, leaf: str, part: tuple[int, int] | None
    ) -> list[Node]:
        """The quantiser and its function, on ``leaf``; ``part``: its channels in a Concat."""
        names = {expression.leaves[0]: leaf}
        shape = self.shapes[leaf]
        made = []
        for node in (*expression.nodes, quantiser):
            axis = 0 if node.op == "MultiThreshold" else 1
            inputs = tuple(
                self.part_of(names.get(tensor, tensor), part, axis) for tensor in node.inputs
            )
            output = self.names.fresh(f"{node.output}/{leaf}")
            self.shapes[output] = shape
            names[node.output] = output
            made.append(replace(node, inputs=inputs, outputs=(output,)))
        return made

    def part_of(self, tensor: str, part: tuple[int, int] | None, axis: int) -> str:
        """A per-channel constant's share for the channels ``part``; other tensors as they are."""
        value = self.graph.constants.get(tensor)
        if value is None or part is None or value.shape[axis] == 1:
            return tensor
        name = self.names.fresh(f"{tensor}/{part[0]}:{part[1]}")
        self.constants[name] = np.take(value, range(*part), axis)
        return name

    def padding_value(self, expression: Expression, pad: Node, quantiser: Node) -> float:
        """What the padding becomes; it must be the same in every channel."""
        before = np.full((1, 1, 1, 1), pad.attributes["value"])
        after = expression.evaluate({expression.leaves[0]: before})
        encoding = quantiser.attributes["encoding"]
        values = np.unique(encoding.values[encoding.codes(after)])
        if values.size != 1:
            raise UnsupportedError(
                f"{pad}: its padding {pad.attributes['value']} becomes different values "
                f"{values[:4].tolist()} in different channels of {quantiser.inputs[0]!r}; pad "
                "after the quantiser."
            )
        return float(values[0])
