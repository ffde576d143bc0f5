"""Take a change of encoding into the operator that makes its input: thresholds, or a table."""

from collections import Counter
from dataclasses import replace

import numpy as np

from compiler.frontend.thresholds import count_levels
from golden.network import Convolution, Lookup, Network, Operator, Tensor, Thresholds, WeightedSum

FAR = Thresholds.FAR


def fuse_requantisation(network: Network) -> Network:
    """The network without single-input WeightedSums and Lookups whose input nothing else reads.

    Thresholds take up a WeightedSum's; a Convolution takes up a table. What stays where it is: a
    change of codes of more than 4 bits into others by thresholds, and a Lookup behind another
    operator.
    """
    network = without_unread(network)
    while True:
        readers = Counter(name for operator in network.operators for name in operator.inputs)
        makers = {operator.output: operator for operator in network.operators}
        for operator in network.operators:
            if not isinstance(operator, WeightedSum | Lookup) or len(operator.inputs) != 1:
                continue
            maker = makers.get(operator.inputs[0])
            takes = Convolution if isinstance(operator, Lookup) else Convolution | WeightedSum
            has_table = isinstance(maker, Convolution) and maker.table is not None
            if isinstance(maker, takes) and readers[maker.output] == 1 and not has_table:
                network = fused(network, maker, operator)
                break
        else:
            return network


def without_unread(network: Network) -> Network:
    """The network without Lookups that nothing reads."""
    while True:
        read = {name for operator in network.operators for name in operator.inputs}
        unread = [o for o in network.operators if isinstance(o, Lookup) and o.output not in read]
        if not unread:
            return network
        network = without(network, unread)


def without(network: Network, operators: list[Operator]) -> Network:
    """The network without these operators and their results."""
    gone = {operator.output for operator in operators}
    return replace(
        network,
        operators=tuple(o for o in network.operators if o not in operators),
        tensors={k: v for k, v in network.tensors.items() if k not in gone},
        onnx_names={k: v for k, v in network.onnx_names.items() if k not in gone},
    )


def fused(
    network: Network, maker: Convolution | WeightedSum, change: WeightedSum | Lookup
) -> Network:
    """The network in which ``maker`` computes the codes of ``change`` itself."""
    if isinstance(change, Lookup):
        merged = replace(maker, output=change.output, table=change.table, between=maker.output)
        operators = (
            merged if operator is maker else operator
            for operator in network.operators
            if operator is not change
        )
        return replace(network, operators=tuple(operators))
    thresholds = compose(maker.thresholds, change, network.tensors[maker.output])
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
