"""Compose a change of encoding with the thresholds of the operator that makes its input."""

from collections import Counter
from dataclasses import replace

import numpy as np

from compiler.frontend.thresholds import count_levels
from golden.network import Convolution, Network, Tensor, Thresholds, WeightedSum

FAR = Thresholds.FAR


def fuse_requantisation(network: Network) -> Network:
    """The network without single-input WeightedSums whose input nothing else reads."""
    while True:
        readers = Counter(name for operator in network.operators for name in operator.inputs)
        makers = {operator.output: operator for operator in network.operators}
        for operator in network.operators:
            if not isinstance(operator, WeightedSum) or len(operator.inputs) != 1:
                continue
            maker = makers.get(operator.inputs[0])
            if isinstance(maker, Convolution | WeightedSum) and readers[maker.output] == 1:
                network = fused(network, maker, operator)
                break
        else:
            return network


def fused(network: Network, maker: Convolution | WeightedSum, change: WeightedSum) -> Network:
    """The network in which ``maker`` computes the codes of ``change`` itself."""
    tensor = network.tensors[maker.output]
    thresholds = compose(maker.thresholds, change, tensor)
    merged = replace(maker, output=change.output, thresholds=thresholds)
    operators = tuple(
        merged if operator is maker else operator
        for operator in network.operators
        if operator is not change
    )
    return replace(
        network,
        operators=operators,
        tensors={k: v for k, v in network.tensors.items() if k != maker.output},
        onnx_names={k: v for k, v in network.onnx_names.items() if k != maker.output},
    )


def compose(first: Thresholds, change: WeightedSum, tensor: Tensor) -> Thresholds:
    """Thresholds on the sums of ``first`` that give the codes after ``change``."""
    channels, old = first.levels.shape
    new = change.thresholds.levels.shape[1]
    codes = np.arange(old + 1)
    integers = (tensor.step * codes + tensor.offset) * change.factors[0]
    table = count_levels(change.thresholds, np.broadcast_to(integers, (channels, old + 1)))
    levels = np.full((channels, new), FAR, np.int64)
    sign = first.sign.copy()
    for channel in range(channels):
        row = table[channel]
        # ends[j]: smallest directed sum with code j; code 0 from -FAR on.
        ends = np.concatenate([[-FAR], first.levels[channel]])
        if row[-1] >= row[0]:
            for k in range(new):
                reached = np.flatnonzero(row > k)
                levels[channel, k] = ends[reached[0]] if reached.size else FAR
            continue
        sign[channel] = -sign[channel]
        for k in range(new):
            reached = np.flatnonzero(row > k)
            if not reached.size:
                continue
            # Codes up to reached[-1]: the directed sum stays below the next end.
            below = ends[reached[-1] + 1] if reached[-1] < old else FAR
            levels[channel, k] = -FAR if below == FAR else FAR if below == -FAR else 1 - below
    return Thresholds(levels=levels, sign=sign)
