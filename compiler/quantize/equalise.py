"""Channels of equal size: what one convolution gives less of, the next one takes more of.

Where positively homogeneous operators stand between two convolutions (ReLU, LeakyReLU, pooling), a
channel can be divided by a factor before them and multiplied by it after them without changing the
network (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction",
ICCV 2019, section 4.1). Output channels have a step of their own here, so what is balanced is the
part of the map's range that a channel fills (``Observed.peaks``) against its share of the weights
that follow; in front of a depthwise convolution only the map counts, whose channels then fill
equally much of it.
"""

from dataclasses import dataclass

import numpy as np
from onnx import NodeProto, helper

from compiler.quantize.float_network import FloatNetwork
from compiler.quantize.points import is_moving, layers

HOMOGENEOUS = frozenset({"Relu", "LeakyRelu", "PRelu", "Identity"})
WITHIN_CHANNELS = frozenset({"MaxPool", "Resize", "Upsample"})
LARGEST = 64.0
"""How far a factor may be from the typical one of its map."""


@dataclass(frozen=True, eq=False)
class Pair:
    """A convolution, the map that leaves it for others (behind its activation), and those."""

    before: NodeProto
    tensor: str
    after: tuple[NodeProto, ...]


def find_pairs(network: FloatNetwork) -> list[Pair]:
    """All places of a network where channels can be equalised."""
    known = {id(node) for node in layers(network)}
    found = []
    for node in layers(network):
        tensor = node.output[0]
        while owns_constants(network, node):
            readers = network.consumers.get(tensor, [])
            if tensor in network.outputs or not readers:
                break
            if all(id(reader) in known and reader.input[0] == tensor for reader in readers):
                if all(scalable(network, reader) for reader in readers):
                    found.append(Pair(node, tensor, tuple(readers)))
                break
            only = readers[0]
            passes = only.op_type in HOMOGENEOUS or (
                only.op_type in WITHIN_CHANNELS and is_moving(only)
            )
            if len(readers) > 1 or not passes or only.input[0] != tensor:
                break
            tensor = only.output[0]
    return found


def groups_of(node: NodeProto) -> int:
    """The groups of a Conv node."""
    return next((helper.get_attribute_value(a) for a in node.attribute if a.name == "group"), 1)


def scalable(network: FloatNetwork, node: NodeProto) -> bool:
    """Whether each input channel has weights of its own: one group, or groups of one channel."""
    weights, groups = network.constants[node.input[1]], groups_of(node)
    return owns_constants(network, node) and (groups == 1 or weights.shape[1] == 1)


def owns_constants(network: FloatNetwork, node: NodeProto) -> bool:
    """Whether no other node reads a convolution's weights or bias."""
    return all(len(network.consumers[name]) == 1 for name in node.input[1:])


def share(weights: np.ndarray) -> np.ndarray:
    """For each input channel [in] the largest part that it has of an output channel's range."""
    size = np.abs(weights).max(axis=(2, 3))
    return (size / np.maximum(size.max(axis=1, keepdims=True), 1e-30)).max(axis=0)


def factors(network: FloatNetwork, pair: Pair, peaks: np.ndarray) -> np.ndarray:
    """What each channel of a pair's map is divided by; ``peaks`` [C]: what of the map's range each
    fills."""
    dense = [node for node in pair.after if groups_of(node) == 1]
    alive = peaks > 1e-3 * peaks.max(initial=0)
    taken = peaks.copy()
    if dense:
        shares = np.max([share(network.constants[node.input[1]]) for node in dense], axis=0)
        alive &= shares > 1e-3
        taken = np.sqrt(peaks / np.maximum(shares, 1e-3))
    if not alive.any():
        return np.ones(len(peaks))
    typical = np.exp(np.log(taken[alive]).mean())
    return np.where(alive, np.clip(taken / typical, 1 / LARGEST, LARGEST), 1.0)


def equalised(network: FloatNetwork, peaks: dict[str, np.ndarray]) -> FloatNetwork:
    """The network with equal channels; ``peaks`` [C] of the map of each of :func:`find_pairs`."""
    changed = {name: value.astype(np.float64) for name, value in network.constants.items()
               if value.dtype == np.float32}  # fmt: skip
    touched: set[str] = set()
    for pair in find_pairs(network):
        scale = factors(network, pair, peaks[pair.tensor])
        for name in pair.before.input[1:3]:
            changed[name] = changed[name] / scale.reshape(-1, *[1] * (changed[name].ndim - 1))
            touched.add(name)
        for node in pair.after:
            along = (1, -1, 1, 1) if groups_of(node) == 1 else (-1, 1, 1, 1)
            value = changed[node.input[1]]
            if along[0] == -1:  # several output channels may read one input channel
                scales = np.repeat(scale, len(value) // len(scale))
            else:
                scales = scale
            changed[node.input[1]] = value * scales.reshape(along)
            touched.add(node.input[1])
    return network.with_constants({name: changed[name].astype(np.float32) for name in touched})
