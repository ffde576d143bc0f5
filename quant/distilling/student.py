"""The imported graph with quantisers that learn, and back into layers and grids of a file.

Quantisers stand where ``compiler.quantize`` puts them, because its writer makes the file. All start
from what it found without training: grids, steps, roundings and biases.
"""

import numpy as np
import torch
from torch import Tensor, nn

from compiler.quantize.heads import heads, trunk
from compiler.quantize.points import layers
from compiler.quantize.quantise import Run
from compiler.quantize.ranges import Grid
from compiler.quantize.writer import Layer
from quant.distilling.operators import OPERATORS, SIZES, convolution, refused
from quant.model.layers import Correction
from quant.quantisers.lsq import LearnedStepQuantiser

INSIDE = 0.49
"""Of a step: so near to the threshold do latent weights start at most."""


class LearnedGrid(LearnedStepQuantiser):
    """LSQ on the codes of a grid: its zero point stays."""

    def __init__(self, grid: Grid):
        super().__init__(grid.bits, signed=False)
        self.zero_code = grid.zero
        self.low, self.high = -grid.zero, grid.top - grid.zero
        with torch.no_grad():
            self.step.fill_(grid.scale)
        self.started.fill_(True)

    def grid(self) -> Grid:
        """What it has become."""
        return Grid(float(np.float32(self.scale().item())), self.zero_code, self.bits)


class Convolved(nn.Module):
    """A convolution with latent weights and LSQ steps; ``correction`` behind it (QC)."""

    def __init__(self, weights: np.ndarray, layer: Layer, bits: int):
        super().__init__()
        steps = layer.steps.reshape(-1, 1, 1, 1)
        cell = layer.integers + np.array([[[[-INSIDE]]], [[[INSIDE]]]])[:, None]
        latent = np.clip(weights, cell[0] * steps, cell[1] * steps)
        self.weight = nn.Parameter(torch.tensor(latent, dtype=torch.float32))
        self.bias = nn.Parameter(torch.tensor(layer.bias, dtype=torch.float32))
        self.quantiser = LearnedStepQuantiser(
            bits, signed=True, narrow=bits == 8, channels=len(weights)
        )
        with torch.no_grad():
            self.quantiser.step.copy_(torch.tensor(steps, dtype=torch.float32))
        self.quantiser.started.fill_(True)
        self.correction = nn.Identity()

    @torch.no_grad()
    def layer(self, unit: float | None) -> Layer:
        """In integers: a correction's gain goes into the steps, its offset into the bias."""
        codes = self.quantiser.codes(self.weight).numpy().astype(np.int64)
        steps = self.quantiser.scale().flatten().double().numpy()
        bias = self.bias.double().numpy()
        if isinstance(self.correction, Correction):
            gain = self.correction.gain.flatten().double().numpy()
            steps, bias = steps * gain, bias * gain
            bias = bias + self.correction.offset.flatten().double().numpy()
        return Layer(codes, steps.astype(np.float32).astype(np.float64), bias, unit)


class Student(nn.Module):
    """[n, channels, height, width] float32 -> the heads' maps, in order.

    ``run``: a quantisation whose grids and layers are found.
    """

    def __init__(self, run: Run):
        super().__init__()
        self.run = run
        network, points = run.network, run.points
        self.nodes = trunk(network)
        self.names = [node.output[0] for node in heads(network)]
        known = {node.output[0]: node for node in layers(network)}
        for node in self.nodes:
            if node.output[0] not in known and node.op_type not in OPERATORS:
                raise refused(node)
        self.places = {name: str(place) for place, name in enumerate(known)}
        self.layers = nn.ModuleDict(
            {
                self.places[name]: Convolved(
                    network.constants[node.input[1]],
                    run.layers[name],
                    run.widths.weights[name],
                )
                for name, node in known.items()
            }
        )
        self.groups = {group: str(place) for place, group in enumerate(run.grids)}
        self.grids = nn.ModuleDict(
            {self.groups[group]: LearnedGrid(grid) for group, grid in run.grids.items()}
        )
        self.picture = self.groups[points.group(network.input)]
        # What its bytes stand for is not to be learned.
        self.grids[self.picture].requires_grad_(False)
        self.constants = {
            name: torch.tensor(value)
            for name, value in network.constants.items()
            if value.dtype == np.float32
        }

    def forward(self, x: Tensor) -> list[Tensor]:
        network, points = self.run.network, self.run.points
        found: dict[str, Tensor] = {}
        heads_found: dict[str, Tensor] = {}

        def keep(tensor: str, value: Tensor) -> None:
            heads_found[tensor] = value
            if tensor in points.groups:
                value = self.grids[self.groups[points.group(tensor)]](value)
            found[tensor] = value

        keep(network.input, x)
        for node in self.nodes:
            if node.output[0] in self.places:
                own = self.layers[self.places[node.output[0]]]
                weights = own.quantiser(own.weight)
                y = convolution(node, found[node.input[0]], weights, own.bias)
                keep(node.output[0], own.correction(y))
                continue
            operands = node.input[:1] if node.op_type in SIZES else node.input
            inputs = [found[t] if t in found else self.constants[t] for t in operands]
            results = OPERATORS[node.op_type](node, inputs, network.constants)
            if isinstance(results, Tensor):
                results = (results,)
            for tensor, value in zip(node.output, results, strict=True):
                keep(tensor, value)
        return [heads_found[name] for name in self.names]

    def write_back(self) -> None:
        """Put what was learned into the run's grids and layers."""
        run = self.run
        run.grids = {group: self.grids[place].grid() for group, place in self.groups.items()}
        for node in layers(run.network):
            name = node.output[0]
            unit = None if run.layers[name].unit is None else run.grid(node.input[0]).scale
            run.layers[name] = self.layers[self.places[name]].layer(unit)
