"""A float network and pictures -> the network in few bits, as ONNX: every step after the other."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto

from compiler.frontend.encoding import NARROW
from compiler.quantize.equalise import equalised, find_pairs
from compiler.quantize.float_network import FloatNetwork
from compiler.quantize.functions import Function
from compiler.quantize.heads import heads, trunk
from compiler.quantize.observe import Observed, observe, values
from compiler.quantize.patches import Moments, window_of
from compiler.quantize.pictures import Pictures
from compiler.quantize.points import Points, find_points, layers
from compiler.quantize.ranges import Grid, Seen, find_grid
from compiler.quantize.rounding import adaptive, find_steps, nearest
from compiler.quantize.writer import Layer, written

PICTURE = Grid(float(np.float32(1 / 255)), 0, 8)
SECOND = 32
"""Pictures of which windows are looked at: their inner products are what costs time."""
LARGEST_BIAS = float(1 << 22)
"""In units of the sums: channels without weights would make integers of any size of it."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to make of a network: bits, and the methods (see ``ranges`` and ``rounding``).

    ``first`` and ``last``: bits of the weights of the convolutions that see the picture, and of the
    heads. ``pictures``: how many to look at, most.
    """

    weights: int = 8
    activations: int = 8
    first: int = 8
    last: int = 8
    ranges: str = "mse"
    steps: str = "mse"
    rounding: str = "adaptive"
    equalise: bool = True
    correct: bool = True
    pictures: int = 128
    threads: int = 1
    seed: int = 0


def quantise(network: FloatNetwork, pictures: Pictures, options: Options) -> ModelProto:
    """The quantised network, in QuantizeLinear and DequantizeLinear."""
    run = Run(network, pictures, options)
    if options.equalise:
        run.equalise()
    grids = run.find_grids()
    return written(run.network, run.points, grids, run.find_layers(grids), trunk(run.network))


class Run:
    """One quantisation: the network as it is by now, and what is known of it."""

    def __init__(self, network: FloatNetwork, pictures: Pictures, options: Options):
        self.network = network
        self.pictures = pictures
        self.options = options
        self.wide = options.activations > NARROW
        self.points: Points = find_points(network, self.wide)

    def equalise(self) -> None:
        """Channels of equal size, where the network allows it."""
        pairs = find_pairs(self.network)
        if pairs:
            tensors = [pair.tensor for pair in pairs]
            inputs = self.pictures.inputs(SECOND, "equalising channels")
            seen = observe(self.network.model, tensors, inputs, self.options.threads)
            self.network = equalised(self.network, {t: seen[t].peaks for t in tensors})
            self.points = find_points(self.network, self.wide)

    def find_grids(self) -> dict[str, Grid]:
        """The grid of each group of points."""
        options, members = self.options, self.points.members()
        tensors = [t for each in members.values() for t in each if t != self.network.input]
        inputs = self.pictures.inputs(options.pictures, "observing activations")
        observed = observe(self.network.model, tensors, inputs, options.threads, options.seed)
        later = self.functions_of_points()
        grids = {}
        for group, each in members.items():
            if self.network.input in each:
                grids[group] = Grid(float(np.float32(self.pictures.scale)), 0, 8)
                continue
            seen = [self.seen(observed[t], later.get(t, [])) for t in each]
            unsigned = not self.wide and any(self.turns(t, observed[t]) for t in each)
            grids[group] = find_grid(seen, options.activations, options.ranges, unsigned=unsigned)
        return grids

    def functions_of_points(self) -> dict[str, list[Function]]:
        """The functions of codes that start at a point, where they are known."""
        found: dict[str, list[Function]] = {}
        for chain in self.points.chains.values():
            if chain.nodes and chain.root in self.points.groups:
                function = Function(self.network, chain)
                if function.is_plain:
                    found.setdefault(chain.root, []).append(function)
        return found

    def seen(self, observed: Observed, functions: list[Callable]) -> Seen:
        return Seen(observed.low, observed.high, observed.samples, functions)

    def turns(self, tensor: str, observed: Observed) -> bool:
        """Whether sums reach a point by a function that falls somewhere: thresholds cannot."""
        function = Function(self.network, self.points.chains[tensor])
        reach = max(abs(observed.low), abs(observed.high), 8.0)
        return not function.rises(-reach, reach)

    def find_layers(self, grids: dict[str, Grid]) -> dict[str, Layer]:
        """The convolutions in integers."""
        nodes = layers(self.network)
        moments = {}
        for node in nodes:
            source = self.points.source[node.input[0]]
            grid = grids[self.points.group(source)]
            size = self.network.shapes[node.input[0]][2:]
            window = window_of(node, self.network.constants[node.input[1]], size)
            rng = np.random.default_rng(self.options.seed)
            moments[node.output[0]] = Moments(window, grid, rng=rng)
        inputs = self.pictures.inputs(min(SECOND, self.options.pictures), "looking at windows")
        reads = [node.input[0] for node in nodes]
        for found in values(self.network.model, reads, inputs, self.options.threads):
            for node in nodes:
                moments[node.output[0]].add(found[node.input[0]][0])
        last = {id(node) for node in heads(self.network)}
        made = {}
        for node in nodes:
            bits = self.options.weights
            if self.points.source[node.input[0]] == self.network.input:
                bits = self.options.first
            if id(node) in last:
                bits = self.options.last
            made[node.output[0]] = self.layer(node, moments[node.output[0]], bits)
        return made

    def layer(self, node: NodeProto, moments: Moments, bits: int) -> Layer:
        """One convolution in integers."""
        options = self.options
        weights = self.network.constants[node.input[1]].astype(np.float64)
        groups = moments.window.groups
        rows = weights.reshape(groups, len(weights) // groups, -1)
        gram = np.asarray(moments.gram) / moments.count
        given = self.network.constants[node.input[2]] if len(node.input) > 2 else None
        bias = np.zeros(len(weights)) if given is None else given.astype(np.float64)
        energy = np.diagonal(gram, axis1=1, axis2=2)
        importance = np.repeat(energy, rows.shape[1], axis=0)
        flat = rows.reshape(len(weights), -1)
        steps = find_steps(flat, bits, options.steps, importance + 1e-12)
        unit = moments.grid.scale
        least = np.abs(bias) / (LARGEST_BIAS * unit)
        steps = np.maximum(steps, least).astype(np.float32).astype(np.float64)
        integers = np.empty(rows.shape, np.int64)
        for group in range(groups):
            part = steps.reshape(groups, -1)[group]
            integers[group] = (
                adaptive(rows[group], part, bits, gram[group])
                if options.rounding == "adaptive"
                else nearest(rows[group], part, bits)
            )
        integers = integers.reshape(weights.shape)
        if options.correct:
            bias = bias + moments.shift(weights, integers * steps.reshape(-1, 1, 1, 1))
        return Layer(integers, steps, bias, unit if self.is_kernel(node) else None)

    def is_kernel(self, node: NodeProto) -> bool:
        """Whether a quantiser of more than 4 bits stands behind the sums: runtimes then have a
        kernel that adds the bias as an integer."""
        if not self.wide:
            return False
        return any(
            chain.root == node.output[0] and chain.limits for chain in self.points.chains.values()
        )
