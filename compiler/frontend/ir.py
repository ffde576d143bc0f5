"""The graph between the ONNX file and the integer network.

Tensors are names; float constants are float64 from the moment they are read, integer constants keep
their type. Passes build new graphs; nothing here is changed in place.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from compiler.frontend import spec
from compiler.frontend.encoding import Encoding
from compiler.frontend.integers import INTEGER_TYPES

FLOAT = np.dtype(np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """One operator; ``inputs`` uses "" for an optional input that is absent, as ONNX does."""

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> str:
        return self.outputs[0]

    def operand(self, index: int) -> str:
        """Input ``index``, or "" where it is absent."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def unknown(self) -> "Node":
        """What stands for the node where it cannot be taken over (see ``spec.UNKNOWN``)."""
        return replace(self, op=spec.UNKNOWN, attributes={})

    def __str__(self) -> str:
        """How messages name the node."""
        if self.name:
            return f"{self.op} {self.name!r}"
        return f"{self.op} (unnamed, output {self.outputs[0]!r})"


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """Nodes in execution order.

    ``shapes``: every tensor whose shape is known. ``origins``: for a constant that was computed,
    the node that computed it, for messages. ``steps``: for a constant that DequantizeLinear made of
    integers, or weights that average, its scale [1 or rows]. ``onnx``: tensors made by passes ->
    ONNX tensor of the same value (a tensor of the original file stands for itself).
    ``input_type``: float64, or the integer type of the picture. ``picture``: what the codes of the
    input stand for, once known.
    """

    name: str
    input: str
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    constants: dict[str, np.ndarray]
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    origins: dict[str, Node] = field(default_factory=dict)
    steps: dict[str, np.ndarray] = field(default_factory=dict)
    onnx: dict[str, str] = field(default_factory=dict)
    input_type: np.dtype = FLOAT
    picture: Encoding | None = None
    #: The code of every byte, uint8 [256], where those are not the same.
    picture_table: np.ndarray | None = None
    #: Shapes behind operators that are not supported, to find what else is not.
    hints: dict[str, tuple[int, ...]] = field(default_factory=dict)
    #: Shapes of tensors as the file tells them, wherever that can be known.
    told: Callable[[], dict[str, tuple[int, ...]]] = dict
    #: Names of the results, in the order of ``outputs``, which passes may rename.
    results: tuple[str, ...] = ()
    #: Every tensor name of the file; what passes make is called otherwise.
    names: frozenset[str] = frozenset()

    @cached_property
    def types(self) -> dict[str, np.dtype]:
        """Integer types of the tensors that are integers all the way from the picture.

        Every other tensor is computed in float64, whatever its type in the file.
        """
        known = {self.input: self.input_type} if self.input_type.kind in "iu" else {}
        for node in self.nodes:
            kind = self.result_type(node, known)
            if kind is not None:
                known.update(dict.fromkeys(filter(None, node.outputs), kind))
        return known

    def result_type(self, node: Node, known: dict[str, np.dtype]) -> np.dtype | None:
        """Integer type of a node's results, given those of the tensors before; None: float64."""
        source = next((known[t] for t in node.inputs if t in known), None)
        if source is None or node.op in spec.FLOAT_RESULTS:
            return None
        match node.op:
            case "ConvInteger":
                return np.dtype(np.int32)
            case "Conv":
                weights = self.constants.get(node.operand(1))
                whole = weights is not None and weights.dtype.kind == "i"
                return weights.dtype if whole else None
            case "Cast":
                return INTEGER_TYPES.get(node.attributes.get("to"))
        return source

    @cached_property
    def producers(self) -> dict[str, Node]:
        """Tensor -> the node that computes it."""
        return {output: node for node in self.nodes for output in node.outputs if output}

    @cached_property
    def consumers(self) -> dict[str, list[Node]]:
        """Tensor -> the nodes that read it."""
        result: dict[str, list[Node]] = {}
        for node in self.nodes:
            for tensor in dict.fromkeys(node.inputs):
                result.setdefault(tensor, []).append(node)
        return result

    @cached_property
    def places(self) -> dict[str, int]:
        """Tensor -> position of its producer in the execution order."""
        return {output: i for i, node in enumerate(self.nodes) for output in node.outputs}

    def variables(self, node: Node) -> list[str]:
        """Inputs of a node that are not constants, each once."""
        return [t for t in dict.fromkeys(node.inputs) if t and t not in self.constants]

    def channels(self, tensor: str) -> int:
        return self.shapes[tensor][1]


class NameSupply:
    """Names that nothing in the file or made by a pass has."""

    def __init__(self, used: Iterable[str]):
        self.used = set(used)
        self.numbers: dict[str, int] = {}

    @classmethod
    def of(cls, graph: Graph) -> "NameSupply":
        """New tensor names for a graph."""
        return cls(graph.names.union([graph.input], graph.constants, graph.producers))

    def fresh(self, base: str) -> str:
        """``base``, or ``base`` with the first free number."""
        name, number = base, self.numbers.get(base, 1)
        while name in self.used:
            number += 1
            name = f"{base}.{number}"
        self.numbers[base] = number
        self.used.add(name)
        return name


def substitute(node: Node, names: dict[str, str]) -> Node:
    """The node with its inputs renamed."""
    if not any(tensor in names for tensor in node.inputs):
        return node
    return replace(node, inputs=tuple(names.get(tensor, tensor) for tensor in node.inputs))


def sort_nodes(nodes: Iterable[Node], known: Iterable[str]) -> tuple[list[Node], list[Node]]:
    """Nodes in execution order, given the tensors ``known``; and those that can never run."""
    nodes = list(nodes)
    have = set(known) | {""}
    waiting: dict[str, list[int]] = {}
    missing = []
    ready = []
    for index, node in enumerate(nodes):
        needs = {tensor for tensor in node.inputs if tensor not in have}
        missing.append(len(needs))
        for tensor in needs:
            waiting.setdefault(tensor, []).append(index)
        if not needs:
            ready.append(index)
    order = []
    position = 0
    while position < len(ready):
        node = nodes[ready[position]]
        position += 1
        order.append(node)
        for output in node.outputs:
            if output in have:
                continue
            have.add(output)
            for index in waiting.get(output, ()):
                missing[index] -= 1
                if not missing[index]:
                    ready.append(index)
    return order, [node for index, node in enumerate(nodes) if missing[index]]
