"""Refuse operators that no later pass knows, saying which and where to cut."""

import numpy as np

from compiler.constants import refuse_random
from compiler.elementwise import ELEMENTWISE
from compiler.errors import UnsupportedError
from compiler.ir import Graph, Node
from compiler.quantisers import ROUNDINGS

STRUCTURAL = {
    "Conv", "ConvInteger", "MaxPool", "AveragePool", "GlobalAveragePool", "Concat", "Split",
    "Slice", "Resize", "Upsample", "Pad",
}  # fmt: skip
CONVOLUTIONS = {"Conv", "ConvInteger"}
#: As many as 8 bits have; more never lead to 4 bits.
MOST_THRESHOLDS = 255


def check_operators(graph: Graph) -> Graph:
    """The same graph; UnsupportedError where an operator or a quantiser's constants are not."""
    for node in graph.nodes:
        if node.op not in ELEMENTWISE and node.op not in STRUCTURAL:
            raise UnsupportedError(
                f"{node}: operator {node.op} (output {node.output!r}) is not supported. Supported: "
                f"{', '.join(sorted(STRUCTURAL | ELEMENTWISE))}. {advise_cut(graph, node)}"
            )
        for output in node.outputs[1:]:
            if node.op != "Split" and (output in graph.consumers or output in graph.outputs):
                raise UnsupportedError(
                    f"{node}: its further output {output!r} is used; only the first is supported."
                )
        if node.op in ("Quant", "IntQuant", "BipolarQuant", "MultiThreshold"):
            check_quantiser(graph, node)
        refuse_random(node, graph.constants)
        if node.op == "BatchNormalization" and node.attributes.get("training_mode", 0):
            raise UnsupportedError(
                f"{node}: training_mode 1 is not supported; export in eval mode."
            )
    return graph


def check_quantiser(graph: Graph, node: Node) -> None:
    """UnsupportedError where scale, zero point, bit width or rounding of a QONNX node are not."""
    count = {"BipolarQuant": 2, "MultiThreshold": 2}.get(node.op, 4)
    if len(node.inputs) < count or any(t not in graph.constants for t in node.inputs[1:count]):
        raise UnsupportedError(
            f"{node}: its parameters {list(node.inputs[1:])} must be constants. Export a trained "
            "network in evaluation mode."
        )
    values = [graph.constants[tensor].astype(np.float64) for tensor in node.inputs[1:count]]
    if node.op == "MultiThreshold":
        channels = graph.shapes.get(node.inputs[0], (1, 1))[1:2]
        layout = str(node.attributes.get("data_layout", "NCHW"))
        if values[0].ndim == 2 and values[0].shape[1] > MOST_THRESHOLDS:
            raise UnsupportedError(
                f"{node}: {values[0].shape[1]} thresholds; supported are {MOST_THRESHOLDS}. "
                "Quantise to fewer levels."
            )
        fits = values[0].ndim == 2 and values[0].shape[0] in (1, *channels)
        if not fits or layout != "NCHW":
            raise UnsupportedError(
                f"{node}: thresholds of shape {values[0].shape} in data layout {layout} are not "
                f"supported; supported are [channels or 1, n] in NCHW (channels: {channels})."
            )
        return
    if not np.isfinite(values[0]).all() or not (values[0] > 0).all():
        raise UnsupportedError(
            f"{node}: scale must be positive and finite, not {values[0].min()}; train or set it."
        )
    if node.op == "BipolarQuant":
        return
    bits, zero = values[2].reshape(-1), values[1]
    if bits.size < 1 or (bits != bits[0]).any() or bits[0] not in range(1, 33):
        raise UnsupportedError(
            f"{node}: bit width must be one whole number from 1 to 32, not {bits[:4].tolist()}."
        )
    if not np.isfinite(zero).all() or (zero != np.rint(zero)).any():
        raise UnsupportedError(
            f"{node}: zero point must be a whole number, not {zero.reshape(-1)[0]}."
        )
    mode = str(node.attributes.get("rounding_mode", "ROUND")).upper()
    if mode not in ROUNDINGS:
        raise UnsupportedError(
            f"{node}: rounding mode {mode!r} is not known; supported: {', '.join(ROUNDINGS)}."
        )


def advise_cut(graph: Graph, node: Node) -> str:
    """Where to cut the network so that everything from ``node`` on runs on the host."""
    after = set(node.outputs)
    followed = False
    for other in graph.nodes[graph.places[node.output] :]:
        if after.intersection(other.inputs):
            after.update(other.outputs)
            followed |= other.op in CONVOLUTIONS
    ends = node.inputs if followed else graph.outputs
    names = ", ".join(repr(tensor) for tensor in convolutions_before(graph, ends))
    if not names:
        return "No convolution comes before it; networks of 2-D convolutions are supported."
    cut = f"cut the network at {names} (onnx.utils.extract_model) and decode those tensors there."
    if followed:
        return (
            "If it decodes boxes, that part runs on the host: " + cut + " Otherwise replace the "
            "operator in the network and train again."
        )
    return "It belongs to the part after the last convolutions, which runs on the host: " + cut


def convolutions_before(graph: Graph, tensors: tuple[str, ...]) -> list[str]:
    """Outputs of the convolutions nearest before ``tensors``, in execution order."""
    cuts: set[str] = set()
    seen: set[str] = set()
    waiting = list(tensors)
    while waiting:
        tensor = waiting.pop()
        producer = graph.producers.get(tensor)
        if producer is None or tensor in seen:
            continue
        seen.add(tensor)
        if producer.op in CONVOLUTIONS:
            cuts.add(tensor)
        else:
            waiting.extend(producer.inputs)
    return sorted(cuts, key=graph.places.__getitem__)
