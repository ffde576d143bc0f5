"""The imported graph with quantisers that learn, and back into layers and grids of a file.

Quantisers stand where ``compiler.quantize`` puts them, because its writer makes the file. All start
from what it found without training: grids, steps, roundings and biases.
"""

import numpy as np
import torch
from onnx import NodeProto
from torch import Tensor, nn

from compiler.quantize.points import layers
from compiler.quantize.quantise import Run
from compiler.quantize.ranges import Grid
from compiler.quantize.writer import Layer
from quant.distilling.graph import Graph
from quant.distilling.operators import convolution
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

    def forward(self, node: NodeProto, x: Tensor) -> Tensor:
        y = convolution(node, x, self.quantiser(self.weight), self.bias)
        return self.correction(y)

    @torch.no_grad()
    def layer(self, unit: float | None) -> Layer:
        """In integers: a correction's gain goes into the steps, its offset into the bias."""
        codes = self.quantiser.codes(self.weight).cpu().numpy().astype(np.int64)
        steps = self.quantiser.scale().flatten().double().cpu().numpy()
        bias = self.bias.double().cpu().numpy()
        if isinstance(self.correction, Correction):
            gain = self.correction.gain.flatten().double().cpu().numpy()
            steps, bias = steps * gain, bias * gain
            bias = bias + self.correction.offset.flatten().double().cpu().numpy()
        return Layer(codes, steps.astype(np.float32).astype(np.float64), bias, unit)


class Student(Graph):
    """A quantisation whose grids and layers are found, ``run``, as a graph that learns.

    Beside the heads it keeps the maps in its midst that are rounded to codes, as they are read.
    """

    def __init__(self, run: Run):
        points = run.points
        super().__init__(run.network, (each for each in points.groups if each != run.network.input))
        self.run = run
        known = {node.output[0]: node for node in layers(run.network)}
        self.places = {name: str(place) for place, name in enumerate(known)}
        self.layers = nn.ModuleDict(
            {
                self.places[name]: Convolved(
                    run.network.constants[node.input[1]], run.layers[name], run.widths.weights[name]
                )
                for name, node in known.items()
            }
        )
        self.groups = {group: str(place) for place, group in enumerate(run.grids)}
        self.grids = nn.ModuleDict(
            {self.groups[group]: LearnedGrid(grid) for group, grid in run.grids.items()}
        )
        # What the picture's bytes stand for is not to be learned.
        self.grids[self.groups[points.group(run.network.input)]].requires_grad_(False)

    def convolved(self, node: NodeProto, x: Tensor) -> Tensor:
        return self.layers[self.places[node.output[0]]](node, x)

    def passed_on(self, tensor: str, value: Tensor) -> Tensor:
        points = self.run.points
        if tensor not in points.groups:
            return value
        return self.grids[self.groups[points.group(tensor)]](value)

    def teacher(self) -> Graph:
        """The float network of the same maps."""
        return Graph(self.network, self.kept)

    def write_back(self) -> None:
        """Put what was learned into the run's grids and layers."""
        run = self.run
        run.grids = {group: self.grids[place].grid() for group, place in self.groups.items()}
        for node in layers(run.network):
            name = node.output[0]
            unit = None if run.layers[name].unit is None else run.grid(node.input[0]).scale
            run.layers[name] = self.layers[self.places[name]].layer(unit)
