"""The elementwise operators between a tensor and what it is computed from, as one function."""

from dataclasses import dataclass

import numpy as np

from compiler.elementwise import apply, directions, is_variable_elementwise
from compiler.ir import Graph, Node


@dataclass(frozen=True, eq=False)
class Expression:
    """``tensor`` as a function of ``leaves``: tensors that are neither elementwise nor constant."""

    graph: Graph
    tensor: str
    nodes: tuple[Node, ...]
    leaves: tuple[str, ...]

    def evaluate(self, values: dict[str, np.ndarray]) -> np.ndarray:
        """``tensor`` for leaf values [1, C, ...], as float64; computed in the graph's order.

        Every operator computes in its operands' types: integers wrap around where the graph's do.
        """
        types = self.graph.types
        results = {
            tensor: np.asarray(value).astype(types.get(tensor, np.float64))
            for tensor, value in values.items()
        }
        for node in self.nodes:
            operands = [
                results[tensor] if tensor in results else self.graph.constants.get(tensor)
                for tensor in node.inputs
            ]
            results[node.output] = apply(node, operands)
        return results[self.tensor].astype(np.float64)

    def is_monotone(self) -> bool:
        """Whether every operator is, in one variable; then the whole is, per channel."""
        return all(directions(node, self.graph) is not None for node in self.nodes)

    def never_falls(self) -> bool:
        """Whether every operator is known not to fall in any channel."""
        signs = [directions(node, self.graph) for node in self.nodes]
        return all(sign is not None and (sign >= 0).all() for sign in signs)


def trace(graph: Graph, tensor: str) -> Expression:
    """The expression that computes ``tensor``; without nodes where it is a leaf itself."""
    found: dict[str, Node] = {}
    leaves: dict[str, None] = {}
    waiting = [tensor]
    while waiting:
        name = waiting.pop()
        node = graph.producers.get(name)
        if node is None or not is_variable_elementwise(node, graph):
            leaves[name] = None
            continue
        if name not in found:
            found[name] = node
            waiting.extend(reversed(graph.variables(node)))
    nodes = sorted(found.values(), key=lambda node: graph.places[node.output])
    return Expression(graph, tensor, tuple(nodes), tuple(leaves))
