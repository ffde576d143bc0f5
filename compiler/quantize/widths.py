"""Bits of every layer: the same for all but the ends, or of each one's own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from onnx import NodeProto

from compiler.frontend.encoding import NARROW
from compiler.quantize.float_network import FloatNetwork
from compiler.quantize.heads import heads
from compiler.quantize.options import Options
from compiler.quantize.points import Points, find_points, layers


@dataclass(frozen=True)
class Widths:
    """``weights``: bits of each convolution's, by its output. ``activations``: of each point that
    stands there whatever the bits, by its tensor; those that share a grid have the same.
    """

    weights: Mapping[str, int]
    activations: Mapping[str, int]

    @property
    def wide(self) -> set[str]:
        """The points of more than 4 bits: they are computed as runtimes do."""
        return {tensor for tensor, bits in self.activations.items() if bits > NARROW}

    def with_weights(self, layer: str, bits: int) -> "Widths":
        """The same with other weights of one convolution."""
        return replace(self, weights={**self.weights, layer: bits})

    def with_activations(self, points: tuple[str, ...], bits: int) -> "Widths":
        """The same with other codes of these points."""
        return replace(self, activations={**self.activations, **dict.fromkeys(points, bits)})

    def of_groups(self, points: Points) -> dict[str, int]:
        """Bits of the grid of each group of ``points`` (which are those of ``wide``).

        Where a function of codes starts, there are as many as where it ends.
        """
        bits = dict(self.activations)
        for chain in points.chains.values():
            if chain.root in points.groups and chain.tensor in self.activations:
                ends = self.activations[chain.tensor]
                bits[chain.root] = max(bits.get(chain.root, 0), ends)
        return {
            group: max((bits.get(tensor, 0) for tensor in members), default=0)
            for group, members in points.members().items()
        }


def uniform(network: FloatNetwork, options: Options) -> Widths:
    """The same bits everywhere but at the ends."""
    points = find_points(network, ())
    ends = end_bits(network, points, options)
    return Widths(
        {node.output[0]: ends.get(node.output[0], options.weights) for node in layers(network)},
        {tensor: options.activations for tensor in points.groups if tensor != network.input},
    )


def end_bits(network: FloatNetwork, points: Points, options: Options) -> dict[str, int]:
    """Bits of the weights of the convolutions that see the picture, and of the heads."""

    def bits(node: NodeProto) -> int | None:
        if any(node is head for head in heads(network)):
            return options.last
        sees_picture = points.source[node.input[0]] == network.input
        return options.first if sees_picture else None

    found = {node.output[0]: bits(node) for node in layers(network)}
    return {name: value for name, value in found.items() if value is not None}
