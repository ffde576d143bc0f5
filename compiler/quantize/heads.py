"""A detector's last convolutions and what they depend on: what follows them is left in float."""

from onnx import NodeProto

from compiler.errors import UnsupportedError
from compiler.frontend.split.heads import heads_of
from compiler.quantize.float_network import FloatNetwork


def heads(network: FloatNetwork) -> tuple[NodeProto, ...]:
    """The convolutions from which no other one is reachable, in order.

    UnsupportedError where the network has none.
    """
    found = tuple(network.producers[name] for name in heads_of(network.model))
    if not found:
        raise UnsupportedError("it has no convolution; supported are networks of 2-D convolutions.")
    return found


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
