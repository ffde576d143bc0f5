"""Where quantisers have to stand so that the front end finds codes between integer operators.

A *point* is a tensor that is rounded to codes:

* the picture;
* what goes into a convolution, or into any other operator that is neither elementwise nor only
  moves elements; and both operands of an Add of two tensors. Where an operator that only moves
  elements made it (MaxPool, Concat, Slice, nearest Resize), the inputs of that one instead;
* with more than 4 bits, what an activation function other than a limit (ReLU, Clip) starts from:
  the function then is a table of codes. With up to 4 bits it is thresholds of the exact sums.

Points that a Concat joins share one grid.
"""

from collections.abc import Container
from dataclasses import dataclass, field

import numpy as np
from onnx import NodeProto, helper

from compiler.frontend import spec
from compiler.frontend.operators.elementwise import ELEMENTWISE
from compiler.quantize.float_network import FloatNetwork
from compiler.quantize.heads import trunk


@dataclass(frozen=True, eq=False)
class Chain:
    """Elementwise operators from one tensor, ``root``, to another."""

    root: str
    tensor: str
    nodes: tuple[NodeProto, ...]

    @property
    def limits(self) -> bool:
        """Whether it is nothing but limits of what a quantiser behind it rounds."""
        return all(node.op_type in spec.LIMITING for node in self.nodes)


@dataclass(eq=False)
class Points:
    """``chains``: of each point, from the last tensor that is not a function of one other.

    ``groups`` maps a point to the tensor whose name its grid has. ``source``: for what an operator
    reads, the point whose grid it has.
    """

    picture: str
    chains: dict[str, Chain] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    source: dict[str, str] = field(default_factory=dict)

    def group(self, point: str) -> str:
        """The name of a point's grid."""
        while self.groups[point] != point:
            point = self.groups[point]
        return point

    def members(self) -> dict[str, list[str]]:
        """The points of each grid, in order."""
        found: dict[str, list[str]] = {}
        for point in self.groups:
            found.setdefault(self.group(point), []).append(point)
        return found

    def add(self, chain: Chain) -> None:
        """One more point."""
        if chain.tensor not in self.groups:
            self.chains[chain.tensor] = chain
            self.groups[chain.tensor] = chain.tensor

    def join(self, first: str, second: str) -> None:
        """Both points share a grid from now on."""
        first, second = self.group(first), self.group(second)
        if first != second:
            self.groups[second] = first


def is_elementwise(network: FloatNetwork, node: NodeProto) -> bool:
    """Whether it is a function of single elements (of one tensor or of several)."""
    return node.op_type in ELEMENTWISE and bool(network.variables(node))


def is_moving(node: NodeProto) -> bool:
    """Whether its results are elements of its inputs, or zeros beside them."""
    if node.op_type in spec.RESIZING:
        modes = [helper.get_attribute_value(a) for a in node.attribute if a.name == "mode"]
        return modes in ([], [b"nearest"])
    return node.op_type in spec.MOVING_IN_FILES | spec.REORDERING | spec.UNFOLDING


class Tracer:
    """Finds chains and points of a network's trunk."""

    def __init__(self, network: FloatNetwork):
        self.network = network
        self.trunk = trunk(network)
        self.roots: dict[str, str] = {network.input: network.input}
        self.points = Points(network.input)
        for node in self.trunk:
            self.find_roots(node)

    def operands(self, node: NodeProto) -> list[str]:
        """What a node reads of the picture's: not shapes that were computed from it."""
        variables = self.network.variables(node)
        is_single = node.op_type in spec.CONVOLUTIONS or (
            is_moving(node) and node.op_type != "Concat"
        )
        return variables[:1] if is_single else variables

    def find_roots(self, node: NodeProto) -> None:
        """The tensor that each result is an elementwise function of: mostly itself."""
        for tensor in node.output:
            self.roots[tensor] = tensor
        if is_elementwise(self.network, node):
            found = {self.roots[tensor] for tensor in self.operands(node)}
            if len(found) == 1:
                self.roots[node.output[0]] = found.pop()

    def chain(self, tensor: str) -> Chain:
        """The chain that ends in a tensor."""
        root = self.roots[tensor]
        wanted, nodes = {tensor} - {root}, []
        for node in reversed(self.trunk):
            if node.output[0] in wanted:
                nodes.append(node)
                wanted.update(set(self.operands(node)) - {root})
        return Chain(root, tensor, tuple(nodes[::-1]))

    def resolve(self, tensor: str) -> str:
        """The point whose codes ``tensor`` holds; it is made if need be."""
        if tensor in self.points.source:
            return self.points.source[tensor]
        node = self.network.producers.get(tensor)
        if node is not None and is_moving(node):
            found = [self.resolve(part) for part in self.operands(node)]
            for other in found[1:]:
                self.points.join(found[0], other)
            point = found[0]
        else:
            # What is done to the picture before the first convolution changes what its codes mean.
            at_picture = self.roots[tensor] == self.network.input
            chain = Chain(tensor, tensor, ()) if at_picture else self.chain(tensor)
            self.points.add(self.picture_chain() if at_picture else chain)
            point = self.network.input if at_picture else tensor
        self.points.source[tensor] = point
        return point

    def picture_chain(self) -> Chain:
        return Chain(self.network.input, self.network.input, ())

    def needed(self, node: NodeProto) -> list[str]:
        """The operands of a node that must be codes."""
        operands = self.operands(node)
        if is_moving(node):
            return []
        if is_elementwise(self.network, node):
            return operands if self.roots[node.output[0]] == node.output[0] else []
        return operands


def find_points(network: FloatNetwork, wide: Container[str]) -> Points:
    """The points of a network; those that ``wide`` names have more than 4 bits."""
    tracer = Tracer(network)
    for node in tracer.trunk:
        for tensor in tracer.needed(node):
            tracer.resolve(tensor)
    for chain in list(tracer.points.chains.values()):
        if chain.tensor in wide and not chain.limits:
            tracer.resolve(chain.root)
    return tracer.points


def layers(network: FloatNetwork) -> list[NodeProto]:
    """The convolutions of the trunk whose weights are constants, in order."""
    return [
        node
        for node in trunk(network)
        if node.op_type == "Conv" and isinstance(network.constants.get(node.input[1]), np.ndarray)
    ]
