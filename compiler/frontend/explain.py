"""Messages about tensors that are not what they would have to be, and what is affine."""

import numpy as np

from compiler.errors import OnefourError, QuantisationError, UnsupportedError
from compiler.frontend import spec
from compiler.frontend.expressions import Expression, trace
from compiler.frontend.ir import Graph, Node
from compiler.frontend.operators.elementwise import apply, setting
from compiler.frontend.values import Levels, Values, candidates, quantiser_bits
from golden.network import WIDEST_CODE

SUPPORTED = f"supported are activations of 1 to {WIDEST_CODE} bits"
WANTED = f"1..{WIDEST_CODE} bits"


def last_quantiser(graph: Graph, tensor: str) -> Node | None:
    """The quantising operator nearest before ``tensor``, past elementwise and moving operators."""
    waiting, seen = [tensor], set()
    while waiting:
        name = waiting.pop(0)
        node = graph.producers.get(name)
        if node is None or name in seen or node.op == "Conv":
            continue
        seen.add(name)
        single = node.op != "Quantise" and len(graph.variables(node)) == 1
        if single and (quantiser_bits(node, graph) or candidates(node, graph) is not None):
            return node
        waiting.extend(graph.variables(node))
    return None


def concat_before(graph: Graph, tensor: str) -> Node | None:
    """The Concat whose result reaches ``tensor`` without any arithmetic, if there is one."""
    node = graph.producers.get(tensor)
    while node is not None and node.op in spec.MOVING and len(node.inputs) == 1:
        node = graph.producers.get(node.inputs[0])
    return node if node is not None and node.op == "Concat" else None


def is_small(values: Values | None) -> bool:
    """Whether every channel has few enough levels for codes."""
    most = 1 << WIDEST_CODE
    return isinstance(values, Levels) and all(np.unique(row).size <= most for row in values.rows)


def not_codes(graph: Graph, reader: Node, tensor: str, values: dict[str, Values]) -> OnefourError:
    """Why ``tensor``, which ``reader`` needs as codes, is not in codes."""
    who = reader if reader.op != "Quantise" else f"quantiser of {reader.inputs[0]!r}"
    name = graph.onnx.get(tensor, tensor)
    found = values.get(tensor)
    producer = graph.producers.get(tensor)
    join = concat_before(graph, tensor)
    if join and all(is_small(values.get(part)) for part in join.inputs):
        levels = [np.unique(values[part].rows) for part in join.inputs]
        steps = ", ".join(f"{np.diff(part).min(initial=np.inf):.6g}" for part in levels)
        return QuantisationError(
            f"{join}: its inputs are quantised with steps {steps}, and their values do not fit one "
            f"{WIDEST_CODE}-bit grid; supported are inputs of equal scale and zero point. Share "
            "one quantiser between them, or put a quantiser after the Concat."
        )
    if isinstance(found, Levels):
        levels = np.unique(found.rows)
        quantiser = last_quantiser(graph, tensor)
        origin = f", quantised by {quantiser}," if quantiser else ""
        if not is_small(found):
            bits = (levels.size - 1).bit_length()
            size = f"{bits} bits" if np.isfinite(levels).all() else "no upper or lower limit"
            return UnsupportedError(
                f"{who}: its input {name!r}{origin} has {size}; {SUPPORTED}. Quantise it to "
                f"{WANTED} and train again."
            )
        return QuantisationError(
            f"{who}: its input {name!r}{origin} has {levels.size} levels {levels[:5].tolist()} ... "
            "that are not evenly spaced from a whole or half multiple of the step in every "
            "channel; supported are one scale and zero point per tensor."
        )
    quantiser = last_quantiser(graph, tensor)
    bits = quantiser_bits(quantiser, graph) if quantiser is not None else 0
    if bits > WIDEST_CODE:
        return UnsupportedError(
            f"{who}: its input {name!r}, quantised by {quantiser}, has {bits} bits; {SUPPORTED}. "
            f"Quantise it to {WANTED} and train again."
        )
    if producer is not None and producer.op == "Conv" and reader.op == "Quantise":
        return UnsupportedError(
            f"{who}: it combines the sums {name!r} of {producer} with another tensor; supported "
            f"are sums of two quantised tensors. Put a quantiser ({WANTED}) on "
            f"{name!r} before they are combined."
        )
    sources = trace(graph, tensor).leaves
    makers = sorted({str(graph.producers[t]) for t in sources if t in graph.producers})
    return UnsupportedError(
        f"{who}: its input {name!r} is not quantised (computed from {', '.join(makers) or name}); "
        f"{SUPPORTED}. Put a quantiser of {WANTED} before {name!r} and train again."
    )


def too_many_tensors(quantiser: Node, expression: Expression) -> OnefourError:
    """Why what ``quantiser`` reads, of more than two tensors of codes, cannot be computed."""
    joins = [node for node in expression.nodes if len(expression.graph.variables(node)) > 1]
    return UnsupportedError(
        f"quantiser of {quantiser.inputs[0]!r}: {joins[-1]} combines {len(expression.leaves)} "
        f"tensors {list(expression.leaves)} without a quantiser in between; supported are two. "
        f"Put one ({WANTED}) behind {joins[0]}."
    )


def affine(graph: Graph, name: str, expression: Expression) -> tuple[np.ndarray, np.ndarray]:
    """(factor, bias) with output = factor * leaf + bias, each [channels] or [1].

    UnsupportedError where an operator between the leaf and output ``name`` is not affine.
    """
    for node in expression.nodes:
        if node.op not in spec.AFFINE or len(graph.variables(node)) != 1:
            raise not_an_output(graph, name, expression, node)
        whole = node.inputs[0] in graph.types
        if node.op == "Div" and (whole or node.inputs[0] in graph.constants):
            raise not_an_output(graph, name, expression, node)
        if node.op == "Cast" and not whole and apply(node, [np.array([0.25])])[0] != 0.25:
            raise not_an_output(graph, name, expression, node)
    factor, bias = np.ones((1, 1, 1, 1)), np.zeros((1, 1, 1, 1))
    for node in expression.nodes:
        operands = [graph.constants.get(tensor) for tensor in node.inputs]
        place = next(i for i, tensor in enumerate(node.inputs) if tensor not in graph.constants)
        before, after = operands[:place], operands[place + 1 :]
        zero = np.zeros((1, 1, 1, 1))
        slope = zero + 1
        match node.op:
            case "Mul":
                slope = operands[1 - place]
            case "Div":
                slope = 1 / operands[1]
            case "BatchNormalization":
                epsilon = setting(node.op, node.attributes, "epsilon")
                slope = operands[1] / np.sqrt(operands[4] + epsilon)
            case "Neg":
                slope = zero - 1
            case "Sub":
                slope = zero + (1 if place == 0 else -1)
        factor, bias = factor * slope, apply(node, [*before, bias, *after])
    return factor.reshape(-1), bias.reshape(-1)


def not_an_output(
    graph: Graph, name: str, expression: Expression, node: Node | None = None
) -> OnefourError:
    """Why ``name`` cannot be an output of the network."""
    if name in graph.constants:
        return UnsupportedError(
            f"output {name!r} is constant: it does not depend on the picture; supported are "
            "outputs computed from it. Remove this output from the network."
        )
    last = node or graph.producers.get(name) or graph.producers.get(expression.leaves[0])
    text = f"output {name!r}"
    if last is None:
        return UnsupportedError(f"{text}: it is the input of the network; no operator computes it.")
    return UnsupportedError(
        f"{last}: {text} is not the sums of one convolution with a scale and a bias per channel, "
        f"nor a tensor quantised to {WANTED}. Quantise it so, or leave it out."
    )


def advice(graph: Graph, node: Node) -> str:
    """What to do about an operator that the array cannot do and the host does not get."""
    makers = (node for node in graph.nodes if node.op in spec.CONVOLUTIONS)
    if next(makers, None) is None:
        return "There is no convolution in it; networks of 2-D convolutions are supported."
    after = set(node.outputs)
    for other in graph.nodes[graph.places[node.output] :]:
        if not after.isdisjoint(other.inputs):
            if other.op in spec.CONVOLUTIONS:
                return (
                    f"It stands before {other}, so the array would have to compute it: replace it "
                    "in the network and train again."
                )
            after.update(other.outputs)
    return "Replace it in the network and train again."
