"""Refuse operators that no later pass knows, saying which and where to cut."""

from compiler.errors import UnsupportedError
from compiler.frontend.ir import Graph, Node
from compiler.frontend.operators.constants import refuse_random
from compiler.frontend.operators.elementwise import ELEMENTWISE
from compiler.frontend.operators.quantiser_forms import QUANTISERS, check_quantiser

STRUCTURAL = {
    "Conv", "ConvInteger", "MaxPool", "AveragePool", "GlobalAveragePool", "Concat", "Split",
    "Slice", "Resize", "Upsample", "Pad",
}  # fmt: skip
CONVOLUTIONS = {"Conv", "ConvInteger"}


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
        if node.op in QUANTISERS:
            check_quantiser(node, graph.constants, graph.shapes)
        refuse_random(node, graph.constants)
        if node.op == "BatchNormalization" and node.attributes.get("training_mode", 0):
            raise UnsupportedError(
                f"{node}: training_mode 1 is not supported; export in eval mode."
            )
    return graph


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
