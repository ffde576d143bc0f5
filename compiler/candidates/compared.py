"""Comparisons in the network: maps of one bit beside the raw sums that they are about."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from golden.network import Convolution, Network, Operator, Tensor, Thresholds
from host.candidates.records import Candidates


def with_candidates(
    network: Network, candidates: Iterable[Candidates], image_channels: int
) -> Network:
    """The network with every map of ``candidates``, each behind the convolution whose sums it is
    about: channels of that, once more, with a threshold.

    Where the channels are more than the ``image_channels`` of a machine's image, the map has one
    instead: 1 where any of them is.
    """
    tensors = {output.name: output.tensor for output in network.outputs}
    by_tensor = {tensors[each.of]: each for each in candidates}
    operators: list[Operator] = []
    made: dict[str, Tensor] = {}
    for operator in network.operators:
        operators.append(operator)
        own = by_tensor.get(operator.output)
        if own is not None:
            for each in _comparing(operator, own, image_channels):
                _, height, width = network.shape(operator.output)
                made[each.output] = Tensor(
                    name=each.output, channels=len(each.weights), height=height, width=width,
                    bits=1, scale=1.0,
                )  # fmt: skip
                operators.append(each)
    shown = (*network.shown, *(each.tensor for each in by_tensor.values()))
    return replace(
        network, operators=tuple(operators), tensors=network.tensors | made, shown=shown
    )


def _comparing(operator: Convolution, own: Candidates, image_channels: int) -> list[Convolution]:
    """The convolution of the channels that are compared, and that of their disjunction."""
    count = len(own.channels)
    each = replace(
        operator,
        name=f"{operator.name}/candidates",
        output=own.tensor if count <= image_channels else f"{own.tensor}/each",
        weights=operator.weights[list(own.channels)],
        thresholds=Thresholds(
            levels=np.array(own.level, np.int64)[:, None], sign=np.array(own.sign, np.int8)
        ),
    )
    if count <= image_channels:
        return [each]
    return [each, Convolution(
        name=f"{operator.name}/any",
        input=each.output,
        output=own.tensor,
        weights=np.ones((1, count, 1, 1), np.int32),
        thresholds=Thresholds(levels=np.ones((1, 1), np.int64), sign=np.ones(1, np.int8)),
    )]  # fmt: skip
