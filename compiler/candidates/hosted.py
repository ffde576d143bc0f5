"""Heads that need not be computed by the array: the host does, where the maps say so.

That is a last convolution of single places (1 x 1, stride 1, one group), whose sums a map of
candidates is about. The program ends at its features, which then lie in memory.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from golden.network import Concat, Convolution, Network, Operator, Slice
from host.candidates.heads import weights_file
from host.candidates.records import Candidates, HostHead

SINGLE = {"strides": (1, 1), "pads": (0, 0, 0, 0), "groups": 1, "thresholds": None}


def hosted(network: Network, maps: Iterable[Candidates]) -> tuple[HostHead, ...]:
    """The results that a host can compute where ``maps`` say that there can be boxes."""
    makers = {each.output: each for each in network.operators}
    read = [name for each in network.operators for name in each.inputs]
    read += [each.tensor for piece in network.pieces for each in piece.reads]
    read += [each.tensor for each in network.outputs]
    wanted = {name for each in maps for name in each.results}
    found = []
    for output in network.outputs:
        maker = makers[output.tensor]
        if output.name in wanted and read.count(output.tensor) == 1 and _single(maker):
            # The picture lies in memory in another form, and what is joined or cut nowhere.
            if isinstance(makers.get(maker.input), Concat | Slice | None):
                continue
            features = network.tensors[maker.input]
            found.append(HostHead(
                of=output.name, channels=len(maker.weights), features=features.name,
                step=features.step, offset=features.offset,
            ))  # fmt: skip
    return tuple(found)


def _single(maker: Operator) -> bool:
    """Whether sums are those of single places."""
    return (
        isinstance(maker, Convolution)
        and maker.weights.shape[2:] == (1, 1)
        and all(getattr(maker, name) == value for name, value in SINGLE.items())
    )


def of_array(network: Network, heads: Iterable[HostHead]) -> Network:
    """The network without these heads, whose features the host reads."""
    heads = tuple(heads)
    tensors = {output.name: output.tensor for output in network.outputs}
    names = {head.of for head in heads}
    gone = {tensors[name] for name in names}
    shown = dict.fromkeys((*network.shown, *(head.features for head in heads)))
    return replace(
        network,
        operators=tuple(each for each in network.operators if each.output not in gone),
        outputs=tuple(each for each in network.outputs if each.name not in names),
        shown=tuple(shown),
    )


def head_weights(network: Network, heads: Iterable[HostHead]) -> bytes:
    """Their ``heads.bin``."""
    tensors = {output.name: output.tensor for output in network.outputs}
    makers = {each.output: each for each in network.operators}
    weights: list[np.ndarray] = [makers[tensors[head.of]].weights[:, :, 0, 0] for head in heads]
    return weights_file(weights)
