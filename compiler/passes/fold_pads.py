"""Take Pad into the convolution or pooling that follows it."""

from dataclasses import replace

from compiler.errors import UnsupportedError
from compiler.ir import Graph, Node
from compiler.values import Encoding, encodings


def fold_pads(graph: Graph, picture: Encoding) -> Graph:
    """The graph without Pad nodes; Conv nodes gain an attribute ``pad_value`` (a float)."""
    known = encodings(graph, picture)
    nodes = []
    for node in graph.nodes:
        source = graph.producers.get(node.inputs[0]) if node.inputs else None
        if source is not None and source.op == "Pad" and node.op != "Pad":
            node = absorb(graph, source, node, known)
        nodes.append(node)
    return replace(graph, nodes=tuple(node for node in nodes if node.op != "Pad"))


def absorb(graph: Graph, pad: Node, node: Node, known: dict[str, Encoding]) -> Node:
    """``node`` with the padding of ``pad`` as its own."""
    value = pad.attributes["value"]
    own = node.attributes.get("pads", (0, 0, 0, 0))
    inner = graph.producers.get(pad.inputs[0])
    if inner is not None and inner.op == "Pad":
        raise UnsupportedError(f"{pad}: two Pad nodes in a row are not supported; use one.")
    total = tuple(a + b for a, b in zip(own, pad.attributes["pads"], strict=True))
    if node.op == "Conv":
        own_value = node.attributes.get("pad_value", 0.0)
        if value != own_value and any(own):
            raise UnsupportedError(
                f"{node}: pads with {own_value:g} what {pad} padded with {value}; pad in one of "
                "the two only."
            )
        attributes = {**node.attributes, "pads": total, "pad_value": value}
        return replace(node, inputs=(*pad.inputs, *node.inputs[1:]), attributes=attributes)
    if node.op == "MaxPool":
        encoding = known.get(pad.inputs[0])
        kernel = node.attributes["kernel"]
        small = max(total[0], total[2]) < kernel[0] and max(total[1], total[3]) < kernel[1]
        if encoding is None or value > encoding.values[0] + 1e-6 * encoding.scale or not small:
            raise UnsupportedError(
                f"{pad}: padding {value} in front of {node} is not supported; supported is a value "
                "that never wins (the lowest level, or -inf), smaller than the window."
            )
        return replace(node, inputs=pad.inputs, attributes={**node.attributes, "pads": total})
    raise UnsupportedError(
        f"{pad}: followed by {node}; supported is Pad in front of Conv and MaxPool."
    )
