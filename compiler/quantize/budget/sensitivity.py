"""What it does to the heads that one layer alone has few bits.

The measure is taken on pictures, at the heads, by the very quantisers of the written file; all else
is the float network. Two others were weighed. The error of a layer's own output is cheaper, but
does not know what the network makes of it. Second derivatives (HAWQ, Dong et al., ICCV 2019) need
gradients, and describe small errors: codes of four bits make none. Errors of several layers add
up where they are independent, so that a sum over layers stands for a mixture; the mixture that is
chosen is measured itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto
from tqdm import tqdm

from compiler.quantize.float_network import FloatNetwork
from compiler.quantize.heads import heads, trunk
from compiler.quantize.observe import Observed, values
from compiler.quantize.options import Options
from compiler.quantize.patches import Moments, window_of
from compiler.quantize.pictures import Pictures
from compiler.quantize.points import Points, layers
from compiler.quantize.quantise import Run
from compiler.quantize.solve import solve
from compiler.quantize.widths import Widths
from compiler.quantize.writer import Layer, written

SENSED = 4
"""Pictures on which every single layer is tried."""


class Judge:
    """Tells the error of a network at the heads of the float one, on a few pictures."""

    def __init__(self, network: FloatNetwork, pictures: Pictures, options: Options):
        self.threads = options.threads
        self.heads = [node.output[0] for node in heads(network)]
        self.inputs = [*pictures.inputs(SENSED, "comparing")]
        self.wanted = [*values(network.model, self.heads, self.inputs, self.threads)]
        self.energy = {name: self._energy(name) for name in self.heads}

    def _energy(self, name: str) -> float:
        """How much a head varies about the mean of each channel, over all pictures."""
        maps = np.concatenate([found[name] for found in self.wanted]).astype(np.float64)
        return float(((maps - maps.mean(axis=(0, 2, 3), keepdims=True)) ** 2).sum())

    def error(self, model: ModelProto) -> float:
        """The energy of its error over that of what the heads say: 0 and more, mean of heads."""
        error = dict.fromkeys(self.heads, 0.0)
        found = values(model, self.heads, self.inputs, self.threads)
        for exact, rounded in zip(self.wanted, found, strict=True):
            for name in self.heads:
                difference = exact[name].astype(np.float64) - rounded[name]
                error[name] += float((difference**2).sum())
        shares = [error[name] / max(self.energy[name], 1e-30) for name in self.heads]
        return float(np.mean(shares))


@dataclass(frozen=True, eq=False)
class Sensitivities:
    """``weights`` by layer, ``activations`` by unit (below): error by bits, falling with them.

    ``units``: the points that share a grid and so their bits, named after the first.
    """

    weights: dict[str, dict[int, float]]
    activations: dict[str, dict[int, float]]
    units: dict[str, tuple[str, ...]]

    def of(self, widths: Widths) -> float:
        """The sum for a mixture."""
        of_weights = sum(each[widths.weights[name]] for name, each in self.weights.items())
        return of_weights + sum(
            each[widths.activations[name]] for name, each in self.activations.items()
        )


def falling(errors: dict[int, float]) -> dict[int, float]:
    """More bits never count as worse: where they do, it is chance."""
    least, found = np.inf, {}
    for bits in sorted(errors):
        least = min(least, errors[bits])
        found[bits] = least
    return found


def sensitivities(
    network: FloatNetwork,
    pictures: Pictures,
    options: Options,
    judge: Judge,
    widths: Widths,
    observed: dict[str, Observed],
    free: Sequence[str],
    choices: Sequence[int],
) -> Sensitivities:
    """Try every one of the ``choices`` for the weights of every ``free`` layer and every grid.

    ``widths``: those of which every layer has the most bits.
    """
    plain = Run(network, pictures, options, widths, observed)
    plain.find_grids()
    units = {
        members[0]: tuple(tensor for tensor in members if tensor in widths.activations)
        for members in plain.points.members().values()
        if network.input not in members and members[0] in widths.activations
    }
    weights: dict[str, dict[int, float]] = {name: {} for name in free}
    for bits, name, layer in _progress(_layers(plain, free, choices), len(free) * len(choices)):
        model = written(network, Points(network.input), {}, {name: layer}, trunk(network))
        weights[name][bits] = judge.error(model)
    activations: dict[str, dict[int, float]] = {name: {} for name in units}
    most = len(units) * len(choices)
    for bits, name, model in _progress(_grids(plain, units, choices), most):
        activations[name][bits] = judge.error(model)
    return Sensitivities(
        {name: falling(each) for name, each in weights.items()},
        {name: falling(each) for name, each in activations.items()},
        units,
    )


def _progress(steps: Iterable[tuple], most: int) -> Iterator[tuple]:
    return iter(tqdm(steps, desc="trying layers", total=most, delay=1, leave=False))


def _layers(
    run: Run, free: Sequence[str], choices: Sequence[int]
) -> Iterator[tuple[int, str, Layer]]:
    """Every free layer in every number of bits, for the inputs of the float network."""
    network, options = run.network, run.options
    nodes = {node.output[0]: node for node in layers(network) if node.output[0] in free}
    reads = list(dict.fromkeys(node.input[0] for node in nodes.values()))
    moments: dict[str, Moments] = {}
    inputs = run.pictures.inputs(min(options.windows, options.pictures), "looking at windows")
    for found in values(network.model, reads, inputs, options.threads):
        for name, node in nodes.items():
            read = found[node.input[0]]
            if name not in moments:
                weights = network.constants[node.input[1]]
                rng = np.random.default_rng(options.seed)
                moments[name] = Moments(window_of(node, weights, read.shape[2:]), rng)
            moments[name].add(read[0], read[0])
    for name, node in nodes.items():
        bias = network.constants[node.input[2]] if len(node.input) > 2 else None
        for bits in choices:
            yield (
                bits,
                name,
                solve(
                    network.constants[node.input[1]],
                    bias,
                    moments[name],
                    bits,
                    options,
                    run.grid(node.input[0]).scale,
                    whole_bias=False,
                ),
            )


def _grids(
    run: Run, units: dict[str, tuple[str, ...]], choices: Sequence[int]
) -> Iterator[tuple[int, str, ModelProto]]:
    """The network with every unit alone on a grid of every number of bits."""
    network = run.network
    for bits in choices:
        widths = run.widths
        for members in units.values():
            widths = widths.with_activations(members, bits)
        each = Run(network, run.pictures, run.options, widths, run.observed)
        each.find_grids()
        points = each.points
        for name, members in units.items():
            # With them, what their functions start from.
            roots = {points.chains[tensor].root for tensor in members}
            kept = {points.group(t) for t in {*members, *roots} if t in points.groups}
            kept.discard(points.groups.get(network.input))
            groups = {t: g for t, g in points.groups.items() if points.group(t) in kept}
            alone = Points(network.input, points.chains, groups, points.source)
            yield bits, name, written(network, alone, each.grids, {}, trunk(network))
