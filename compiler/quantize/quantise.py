"""A float network and pictures -> the network in few bits, as ONNX: one step after the other."""

import numpy as np
from onnx import ModelProto, NodeProto

from compiler.frontend import spec
from compiler.frontend.encoding import NARROW
from compiler.quantize.equalise import equalised, find_pairs
from compiler.quantize.float_network import FloatNetwork
from compiler.quantize.functions import Function
from compiler.quantize.heads import trunk
from compiler.quantize.observe import Observed, observe, values
from compiler.quantize.options import Options
from compiler.quantize.patches import Moments, window_of
from compiler.quantize.pictures import Pictures
from compiler.quantize.points import Points, find_points, layers
from compiler.quantize.ranges import Grid, Seen, adds_exactly, enlarged, find_grid
from compiler.quantize.solve import solve
from compiler.quantize.widths import Widths, uniform
from compiler.quantize.writer import Layer, written

ROUNDS = 20
"""Of enlarging steps until the array can add all that the network adds."""
QUANTISED = "quantised"
"""Under which the file's metadata tell how it was made."""
REACH = 8.0
"""Functions are looked at from -8 to 8, or as far as their values were seen to reach."""


def quantise(network: FloatNetwork, pictures: Pictures, options: Options) -> ModelProto:
    """The quantised network, in QuantizeLinear and DequantizeLinear."""
    if options.equalise:
        network = equalise(network, pictures, options)
    return Run(network, pictures, options).quantised()


def equalise(network: FloatNetwork, pictures: Pictures, options: Options) -> FloatNetwork:
    """The network with channels of equal size, where it allows that."""
    tensors = [pair.tensor for pair in find_pairs(network)]
    if not tensors:
        return network
    inputs = pictures.inputs(min(options.windows, options.pictures), "equalising channels")
    seen = observe(network.model, tensors, inputs, options.threads, options.seed)
    return equalised(network, {tensor: seen[tensor].peaks for tensor in tensors})


def observe_points(
    network: FloatNetwork, points: Points, pictures: Pictures, options: Options
) -> dict[str, Observed]:
    """What every point but the picture holds."""
    members = points.members().values()
    tensors = [tensor for each in members for tensor in each if tensor != network.input]
    inputs = pictures.inputs(options.pictures, "observing activations")
    return observe(network.model, tensors, inputs, options.threads, options.seed)


class Run:
    """One quantisation: ``grids`` by group of points, ``layers`` by output, once they are found."""

    def __init__(
        self,
        network: FloatNetwork,
        pictures: Pictures,
        options: Options,
        widths: Widths | None = None,
        observed: dict[str, Observed] | None = None,
    ):
        """``widths``: of the options, if None. ``observed``: what is known of activations."""
        self.network = network
        self.pictures = pictures
        self.options = options
        self.widths = widths or uniform(network, options)
        self.points = find_points(network, self.widths.wide)
        self.bits = self.widths.of_groups(self.points)
        self.observed = observed
        self.grids: dict[str, Grid] = {}
        self.layers: dict[str, Layer] = {}

    def quantised(self, told: str = "") -> ModelProto:
        """All of it, as a file, whose metadata say what else is ``told``."""
        self.find_grids()
        self.find_layers()
        return self.told(told)

    def told(self, more: str = "") -> ModelProto:
        """The file of what was found, whose metadata tell the options and ``more``."""
        model = self.written()
        entry = model.metadata_props.add()
        entry.key, entry.value = QUANTISED, self.options.told(len(self.pictures.files)) + more
        return model

    def written(self) -> ModelProto:
        """The network with its grids and its layers in integers."""
        return written(self.network, self.points, self.grids, self.layers, trunk(self.network))

    # Activations

    def find_grids(self) -> None:
        """The grid of each group of points, with steps that the array can add where these are."""
        options, members = self.options, self.points.members()
        picture = self.network.input
        observed = self.observed
        if observed is None:
            observed = observe_points(self.network, self.points, self.pictures, options)
        later = self.tables()
        for group, each in members.items():
            if picture in each:
                self.grids[group] = Grid(float(np.float32(self.pictures.scale)), 0, 8)
                continue
            seen = [
                Seen(found.low, found.high, found.samples, later.get(tensor, []))
                for tensor, found in ((tensor, observed[tensor]) for tensor in each)
            ]
            bits = self.bits[group]
            unsigned = bits <= NARROW and any(self.turns(t, observed[t]) for t in each)
            self.grids[group] = find_grid(seen, bits, options.ranges, unsigned=unsigned)
        nodes = [node for node in trunk(self.network) if node.op_type in spec.ADDING]
        for _ in range(ROUNDS):
            if sum(self.make_addable(node) for node in nodes) == 0:
                break

    def make_addable(self, node: NodeProto) -> bool:
        """Whether an operand's grid was changed, because the array could not add this node's."""
        points = self.points
        operands = [points.source.get(tensor) for tensor in node.input]
        if None in operands:
            return False
        groups = [points.group(operand) for operand in operands]
        sign = -1 if node.op_type == "Sub" else 1
        for point, chain in points.chains.items():
            if chain.root != node.output[0]:
                continue
            result, function = points.group(point), Function(self.network, chain)
            grids = [self.grids[group] for group in (*groups, result)]
            fixed = (result, points.group(points.picture))
            free = [group for group in groups if group not in fixed]
            wide = max(grid.bits for grid in grids) > NARROW
            if wide and free and function.is_plain and not adds_exactly(*grids, sign, function):
                self.grids[free[-1]] = enlarged(self.grids[free[-1]])
                return True
        return False

    def tables(self) -> dict[str, list[Function]]:
        """The functions of codes that start at a point."""
        found: dict[str, list[Function]] = {}
        for chain in self.points.chains.values():
            if chain.nodes and chain.root in self.points.groups:
                function = Function(self.network, chain)
                if function.is_plain:
                    found.setdefault(chain.root, []).append(function)
        return found

    def turns(self, tensor: str, observed: Observed) -> bool:
        """Whether sums reach a point by a function that falls somewhere, as SiLU does below 0.

        Thresholds give its codes only if those of negative values are all 0.
        """
        function = Function(self.network, self.points.chains[tensor])
        reach = max(abs(observed.low), abs(observed.high), REACH)
        return not function.rises(-reach, reach)

    def grid(self, tensor: str) -> Grid:
        """The grid of what a convolution reads."""
        return self.grids[self.points.group(self.points.source[tensor])]

    def is_scaled(self, tensor: str) -> bool:
        """Whether it is the picture after operators that change what its bytes stand for."""
        return self.points.source[tensor] == self.network.input != tensor

    def rounded(self, tensor: str, x: np.ndarray) -> np.ndarray:
        """What a convolution reads in few bits, if it reads ``x`` in the float network."""
        return x if self.is_scaled(tensor) else self.grid(tensor).rounded(x)

    # Convolutions

    def find_layers(self) -> None:
        """The convolutions in integers.

        What they read is rounded to its grid, and otherwise what it is in the float network: the
        layers before take their own errors back.
        """
        network, options = self.network, self.options
        nodes = layers(network)
        reads = list(dict.fromkeys(node.input[0] for node in nodes))
        moments: dict[str, Moments] = {}
        inputs = self.pictures.inputs(min(options.windows, options.pictures), "rounding weights")
        for found in values(network.model, reads, inputs, options.threads):
            rounded = {read: self.rounded(read, found[read]) for read in reads}
            for node in nodes:
                read, name = node.input[0], node.output[0]
                if name not in moments:
                    weights, size = network.constants[node.input[1]], found[read].shape[2:]
                    rng = np.random.default_rng(options.seed)
                    moments[name] = Moments(window_of(node, weights, size), rng)
                moments[name].add(found[read][0], rounded[read][0])
        for node in nodes:
            self.layers[node.output[0]] = solve(
                network.constants[node.input[1]],
                network.constants[node.input[2]] if len(node.input) > 2 else None,
                moments[node.output[0]],
                self.widths.weights[node.output[0]],
                options,
                self.grid(node.input[0]).scale,
                whole_bias=self.has_kernel(node) and not self.is_scaled(node.input[0]),
            )

    def has_kernel(self, node: NodeProto) -> bool:
        """Whether a quantiser of more than 4 bits sees the sums: the bias is an integer then."""
        return any(
            chain.root == node.output[0]
            and chain.limits
            and self.bits[self.points.group(chain.tensor)] > NARROW
            for chain in self.points.chains.values()
        )
