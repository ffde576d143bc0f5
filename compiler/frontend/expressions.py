"""The elementwise operators between a tensor and what it is computed from, as one function."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from compiler.errors import QuantisationError
from compiler.frontend import spec
from compiler.frontend.ir import Graph, Node
from compiler.frontend.operators.elementwise import (
    agreement,
    apply,
    directions,
    is_variable_elementwise,
    operand_direction,
)
from compiler.frontend.operators.intervals import Range, image


@dataclass(frozen=True, eq=False)
class Expression:
    """``tensor`` as a function of ``leaves``: tensors that are neither elementwise nor constant."""

    graph: Graph
    tensor: str
    nodes: tuple[Node, ...]
    leaves: tuple[str, ...]

    def evaluate(
        self,
        values: dict[str, np.ndarray],
        channels: np.ndarray | None = None,
        compute: Callable[[Node, list], np.ndarray] = apply,
    ) -> np.ndarray:
        """``tensor`` for leaf values [1, C, ...], as float64; computed in the graph's order.

        Every operator computes in its operands' types: integers wrap around where the graph's do.
        ``channels`` [P]: leaf values are [1, P, 1, 1], each of that channel. ``compute``: one
        operator, for another arithmetic than float64 and integers. QuantisationError where a result
        is not a number.
        """
        results = {
            tensor: np.asarray(value).astype(self.graph.types.get(tensor, np.float64))
            for tensor, value in values.items()
        }
        for node in self.nodes:
            operands = [
                results[tensor] if tensor in results else self.constant(node, tensor, channels)
                for tensor in node.inputs
            ]
            result = results[node.output] = compute(node, operands)
            if result.dtype.kind == "f" and np.isnan(result).any():
                raise QuantisationError(
                    f"{node}: its result {node.output!r} is not a number (0/0, infinity minus "
                    "infinity) for values that its input can take; supported are functions that "
                    "are defined everywhere. Check the node's constants."
                )
        return results[self.tensor].astype(np.float64)

    def limits(self, low: np.ndarray, high: np.ndarray, channels: np.ndarray) -> Range:
        """Limits [P] of ``tensor`` for values low[p]..high[p] of the one leaf in ``channels``."""
        kind = self.graph.types.get(self.leaves[0], np.float64)
        form = (1, -1, 1, 1)
        results = {self.leaves[0]: tuple(x.astype(kind).reshape(form) for x in (low, high))}
        for node in self.nodes:
            operands = []
            for tensor in node.inputs:
                value = self.constant(node, tensor, channels)
                constant = None if value is None else (value, value)
                operands.append(results.get(tensor, constant))
            results[node.output] = image(node, operands)
        low, high = np.broadcast_arrays(*results[self.tensor])
        both = np.broadcast_to(np.stack([low, high]), (2, 1, channels.size, 1, 1))
        return tuple(both.reshape(2, -1).astype(np.float64))

    def constant(self, node: Node, tensor: str, channels: np.ndarray | None) -> np.ndarray | None:
        """A constant operand; where ``channels`` are given, one entry for each."""
        value = self.graph.constants.get(tensor)
        axis = spec.channel_axis(node.op)
        if channels is None or value is None or value.ndim <= axis or value.shape[axis] == 1:
            return value
        return np.take(value, channels, axis)

    def direction(self) -> np.ndarray | None:
        """+1 rises, -1 falls, 0 constant: per channel, as a function of the one leaf.

        None: not monotone, or not known to be.
        """
        signs: dict[str, np.ndarray] = {self.leaves[0]: np.ones(1)}
        for node in self.nodes:
            sign = self.direction_of(node, signs)
            if sign is None:
                return None
            signs[node.output] = sign
        return signs[self.tensor]

    def direction_of(self, node: Node, signs: dict[str, np.ndarray]) -> np.ndarray | None:
        """The direction of one of the nodes, given those of its operands."""
        known = directions(node, self.graph)
        if known is not None:
            return known * signs[self.graph.variables(node)[0]]
        parts = []
        for place, tensor in enumerate(node.inputs):
            if tensor in signs:
                part = operand_direction(node, self.graph, place)
                parts.append(None if part is None else part * signs[tensor])
        return agreement(parts)

    def turning(self) -> Node:
        """The first node because of which ``direction`` is not known."""
        signs: dict[str, np.ndarray] = {self.leaves[0]: np.ones(1)}
        for node in self.nodes:
            sign = self.direction_of(node, signs)
            if sign is None:
                return node
            signs[node.output] = sign
        raise ValueError(f"{self.tensor}: its direction is known")


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
