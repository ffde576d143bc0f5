"""The imported graph in PyTorch: as it stands in float, or with what a student does to it."""

from collections.abc import Iterable

import numpy as np
import torch
from onnx import NodeProto
from torch import Tensor, nn

from compiler.quantize.float_network import FloatNetwork
from compiler.quantize.heads import heads, trunk
from compiler.quantize.points import layers
from quant.distilling.operators import OPERATORS, SIZES, convolution, refused


class Graph(nn.Module):
    """[n, channels, height, width] float32 -> the values of ``kept``, by name.

    ``kept`` begins with the heads' maps, in order; ``more`` are tensors beside them.
    """

    def __init__(self, network: FloatNetwork, more: Iterable[str] = ()):
        super().__init__()
        self.network, self.nodes = network, trunk(network)
        self.heads = tuple(node.output[0] for node in heads(network))
        self.kept = tuple(dict.fromkeys([*self.heads, *more]))
        self.convolutions = {node.output[0] for node in layers(network)}
        for node in self.nodes:
            if node.output[0] not in self.convolutions and node.op_type not in OPERATORS:
                raise refused(node)
        # Buffers, so that they go to the device with the rest; they are no state that is kept.
        self._names: dict[str, str] = {}
        for name, value in network.constants.items():
            if value.dtype == np.float32:
                self._names[name] = f"constant{len(self._names)}"
                self.register_buffer(self._names[name], torch.tensor(value), persistent=False)

    def constant(self, name: str) -> Tensor:
        """A float constant of the graph."""
        return getattr(self, self._names[name])

    def convolved(self, node: NodeProto, x: Tensor) -> Tensor:
        """What a convolution makes of ``x``: with the weights of the graph."""
        bias = self.constant(node.input[2]) if len(node.input) > 2 and node.input[2] else None
        return convolution(node, x, self.constant(node.input[1]), bias)

    def passed_on(self, _tensor: str, value: Tensor) -> Tensor:
        """What the readers of a tensor see of it: its value."""
        return value

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        kept: dict[str, Tensor] = {}

        def keep(tensor: str, value: Tensor) -> None:
            found[tensor] = self.passed_on(tensor, value)
            if tensor in self.kept:
                kept[tensor] = value if tensor in self.heads else found[tensor]

        keep(self.network.input, x)
        for node in self.nodes:
            if node.output[0] in self.convolutions:
                keep(node.output[0], self.convolved(node, found[node.input[0]]))
                continue
            operands = node.input[:1] if node.op_type in SIZES else node.input
            inputs = [found[t] if t in found else self.constant(t) for t in operands]
            results = OPERATORS[node.op_type](node, inputs, self.network.constants)
            if isinstance(results, Tensor):
                results = (results,)
            for tensor, value in zip(node.output, results, strict=True):
                keep(tensor, value)
        return {name: kept[name] for name in self.kept}
