"""Run an integer network on one picture."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from golden import operators
from golden.network import (
    Concat,
    Convolution,
    HostMap,
    Interleave,
    Lookup,
    MaxPool,
    Network,
    Operator,
    Output,
    Slice,
    TableSum,
    Upsample,
    WeightedSum,
)


def parts(operator: Operator) -> tuple[Operator, ...]:
    """The operator, or one for each tensor of codes that it computes: before and behind a table."""
    if not isinstance(operator, Convolution) or operator.table is None:
        return (operator,)
    sums = replace(operator, output=operator.between, table=None)
    name, result = operator.name, operator.output
    return sums, Lookup(name=name, input=sums.output, output=result, table=operator.table)


def apply(operator: Operator, network: Network, results: dict[str, np.ndarray]) -> np.ndarray:
    """Codes uint8 (or sums int64) of one operator, given its inputs' codes in ``results``."""
    inputs = [results[name] for name in operator.inputs]
    match operator:
        case Convolution():
            tensor = network.tensors[operator.input]
            sums = operators.convolution_sums(operators.integers(inputs[0], tensor), operator)
            if operator.thresholds is None:
                return sums
            codes = operators.threshold(sums, operator.thresholds)
            return codes if operator.table is None else operators.look_up(codes, operator.table)
        case WeightedSum():
            values = [
                operators.integers(codes, network.tensors[name])
                for codes, name in zip(inputs, operator.inputs, strict=True)
            ]
            sums = operators.weighted_sums(values, operator)
            return operators.threshold(sums, operator.thresholds)
        case TableSum():
            return operators.table_sum(inputs, operator)
        case Lookup():
            return operators.look_up(inputs[0], operator.table)
        case MaxPool():
            return operators.max_pool(inputs[0], operator)
        case Concat():
            return np.concatenate(inputs)
        case Slice():
            return inputs[0][operator.start : operator.stop]
        case Upsample():
            return operators.upsample(inputs[0])
        case Interleave():
            return operators.interleave(inputs)
        case HostMap():
            found = operator.piece.compute(values_read(operator.piece.reads, results))
            return operators.codes_of(found[operator.made], network.tensors[operator.output])


def picture_codes(network: Network, picture: np.ndarray) -> np.ndarray:
    """Codes uint8 of the network's input for a picture's bytes."""
    return picture if network.picture_table is None else network.picture_table[picture]


def steps(network: Network, picture: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (tensor name, codes or sums) in execution order, the picture's codes first."""
    expected = network.tensors[network.input].shape
    if picture.shape != expected or picture.dtype != np.uint8:
        raise ValueError(
            f"{network.name}: picture codes must be uint8 {expected}, "
            f"not {picture.dtype} {picture.shape}"
        )
    results = {network.input: picture_codes(network, picture)}
    yield network.input, results[network.input]
    for operator in network.operators:
        for part in parts(operator):
            results[part.output] = apply(part, network, results)
            yield part.output, results[part.output]


def run(network: Network, picture: np.ndarray) -> dict[str, np.ndarray]:
    """Every tensor by name: codes uint8, or sums int64 for a Convolution without thresholds.

    ``picture``: uint8 [C, H, W]; ValueError where shape or type differ from the network's input.
    """
    return dict(steps(network, picture))


def outputs(network: Network, results: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Float64 [C, H, W] of every network output: sums * scale + bias."""
    return values_read(network.outputs, results)


def values_read(
    reads: Iterable[Output], results: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Float64 [C, H, W] of what the host reads, by name: codes or sums * scale + bias."""
    return {
        read.name: results[read.tensor] * read.scale[:, None, None] + read.bias[:, None, None]
        for read in reads
    }
