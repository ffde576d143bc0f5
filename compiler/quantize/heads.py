"""Which convolutions are a detector's last ones: what follows them is left in float."""

import numpy as np
from onnx import NodeProto

from compiler.errors import UnsupportedError
from compiler.quantize.float_network import FloatNetwork


def is_expectation(network: FloatNetwork, node: NodeProto) -> bool:
    """Whether a Conv only weighs bins with 0, 1, 2, ...: how a DFL head decodes boxes."""
    weights = network.constants.get(node.input[1])
    return weights is not None and bool(
        weights.shape[0] == 1 and (weights.ravel() == np.arange(weights.size)).all()
    )


def heads(network: FloatNetwork) -> tuple[NodeProto, ...]:
    """The convolutions from which no other convolution is reachable, in order.

    UnsupportedError where the network has none.
    """
    reaching: set[str] = set()
    found = []
    for node in reversed(network.nodes):
        is_layer = node.op_type == "Conv" and not is_expectation(network, node)
        ahead = any(tensor in reaching for tensor in node.output)
        if is_layer and not ahead:
            found.append(node)
        if is_layer or ahead:
            reaching.update(node.input)
    if not found:
        raise UnsupportedError("it has no convolution; supported are networks of 2-D convolutions.")
    return tuple(found[::-1])


def trunk(network: FloatNetwork) -> tuple[NodeProto, ...]:
    """The nodes that the heads depend on, and the heads, in order."""
    needed = {id(node) for node in heads(network)}
    tensors: set[str] = set()
    kept = []
    for node in reversed(network.nodes):
        if id(node) in needed or any(tensor in tensors for tensor in node.output):
            kept.append(node)
            tensors.update(node.input)
    return tuple(kept[::-1])
