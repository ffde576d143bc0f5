"""Take Pad into the convolution or pooling that follows it; elsewhere it becomes codes itself.

There a depthwise 1x1 convolution pads and copies them.
"""

from dataclasses import replace

import numpy as np

from compiler.errors import UnsupportedError
from compiler.frontend.context import Context
from compiler.frontend.integers import INTEGER_TYPES
from compiler.frontend.ir import Graph, NameSupply, Node
from compiler.frontend.values import moved_encoding
from golden.network import WIDEST_CODE

NONE = (0, 0, 0, 0)


def fold_pads(graph: Graph, context: Context) -> Graph:
    """The graph without Pad nodes; Conv nodes gain an attribute ``pad_value`` (a float)."""
    builder = Builder(graph, context)
    for node in graph.nodes:
        builder.add(node)
    return replace(
        graph, nodes=tuple(builder.nodes), constants=builder.constants, shapes=builder.shapes
    )


class Builder:
    """The nodes of the new graph, one after another."""

    def __init__(self, graph: Graph, context: Context):
        self.graph = graph
        self.context = context
        self.names = NameSupply.of(graph)
        self.constants = dict(graph.constants)
        self.shapes = dict(graph.shapes)
        self.known = {graph.input: graph.picture}
        self.nodes: list[Node] = []
        self.copied: set[str] = set()

    def add(self, node: Node) -> None:
        """The node, without a Pad before it."""
        if node.op == "Pad":
            # Pads of pads are codes too, so the outer one may still be part of what follows.
            return
        for place, tensor in enumerate(node.inputs):
            pad = self.graph.producers.get(tensor)
            if pad is None or pad.op != "Pad":
                continue
            self.copy_before(pad)
            absorbed = self.absorb(pad, node) if place == 0 else None
            if absorbed is None:
                self.copy(pad, node)
            else:
                node = absorbed
        encoding = moved_encoding(node, self.known)
        if encoding is not None:
            self.known[node.output] = encoding
        self.nodes.append(node)

    def copy_before(self, pad: Node) -> None:
        """Codes for a Pad that ``pad`` pads again."""
        inner = self.graph.producers.get(pad.inputs[0])
        if inner is not None and inner.op == "Pad":
            self.copy_before(inner)
            self.copy(inner, pad)

    def absorb(self, pad: Node, node: Node) -> Node | None:
        """``node`` with the padding of ``pad`` as its own; None where it cannot have that."""
        value = pad.attributes["value"]
        own = node.attributes.get("pads", NONE)
        total = tuple(a + b for a, b in zip(own, pad.attributes["pads"], strict=True))
        inputs = (*pad.inputs, *node.inputs[1:])
        if node.op == "Conv":
            if any(own) and value != node.attributes.get("pad_value", 0.0):
                return None
            attributes = {**node.attributes, "pads": total, "pad_value": value}
            return replace(node, inputs=inputs, attributes=attributes)
        if node.op == "MaxPool":
            encoding = self.known.get(pad.inputs[0])
            rows, columns = node.attributes["kernel"]
            small = max(total[0], total[2]) < rows and max(total[1], total[3]) < columns
            if encoding is None or not small:
                return None
            if value > encoding.values[0] + 1e-6 * encoding.scale:
                return None
            return replace(node, inputs=inputs, attributes={**node.attributes, "pads": total})
        return None

    def copy(self, pad: Node, reader: Node) -> None:
        """Nodes that compute the result of ``pad`` as codes, once."""
        if pad.output in self.copied:
            return
        self.copied.add(pad.output)
        made = [pad.unknown()]
        with self.context.at(pad):
            made = self.copied_by_convolution(pad, reader)
        self.nodes.extend(made)

    def copied_by_convolution(self, pad: Node, reader: Node) -> list[Node]:
        """The same; UnsupportedError where the padding cannot be codes of the Pad's input."""
        source, value = pad.inputs[0], pad.attributes["value"]
        encoding = self.known.get(source)
        if encoding is None or source == self.graph.input:
            kind = "is the picture" if source == self.graph.input else "is not quantised"
            raise UnsupportedError(
                f"{pad}: its input {self.graph.onnx.get(source, source)!r} {kind}, and {reader} "
                f"follows; supported is Pad of quantised tensors of 1 to {WIDEST_CODE} bits, and "
                "of the picture in front of Conv. Quantise before the Pad, or pad in the "
                "convolutions."
            )
        # -inf in front of a pooling stands for a value that never wins: the lowest level.
        never_wins = reader.op == "MaxPool" and value == -np.inf
        level = float(encoding.values[0]) if never_wins else value
        if np.abs(encoding.values - level).min() > 1e-6 * encoding.scale:
            levels = ", ".join(f"{level:.6g}" for level in encoding.values)
            raise UnsupportedError(
                f"{pad}: its padding {value:g} in front of {reader} is none of the levels of its "
                f"input ({levels}); supported there are those. Pad with one of them."
            )
        self.known[pad.output] = encoding
        made = self.padded_by_convolution(pad, level)
        attributes = {"encoding": encoding}
        codes = replace(pad, op="Quantise", inputs=(made[-1].output,), attributes=attributes)
        return [*made, codes]

    def padded_by_convolution(self, pad: Node, level: float) -> list[Node]:
        """A convolution that pads with ``level``, its result of the type of the Pad's input."""
        source = pad.inputs[0]
        kind = self.graph.types.get(source)
        channels = self.graph.channels(source)
        ones, sums = (self.names.fresh(f"{pad.output}/{part}") for part in ("ones", "padded"))
        weights = np.ones((channels, 1, 1, 1), np.float64 if kind is None else np.int32)
        self.constants[ones] = weights
        self.shapes[ones] = weights.shape
        self.shapes[sums] = self.shapes[pad.output]
        attributes = {
            "strides": (1, 1),
            "dilations": (1, 1),
            "groups": channels,
            "pads": pad.attributes["pads"],
            "pad_value": level,
        }
        conv = replace(
            pad, op="Conv", inputs=(source, ones), outputs=(sums,), attributes=attributes
        )
        if kind is None or kind == weights.dtype:
            return [conv]
        code = next(code for code, other in INTEGER_TYPES.items() if other == kind)
        cast = self.names.fresh(f"{pad.output}/cast")
        self.shapes[cast] = self.shapes[sums]
        return [
            conv,
            replace(pad, op="Cast", inputs=(sums,), outputs=(cast,), attributes={"to": code}),
        ]
