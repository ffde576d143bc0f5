"""Take what happens to the picture before the first operator into the encoding of its codes."""

from dataclasses import replace

import numpy as np

from compiler.errors import QuantisationError
from compiler.frontend.context import Context, Obstacle
from compiler.frontend.encoding import Encoding
from compiler.frontend.expressions import Expression, trace
from compiler.frontend.ir import Graph, Node, substitute
from compiler.frontend.operators.elementwise import is_variable_elementwise
from compiler.frontend.values import Levels, encode, quantiser_bits

CODES = np.arange(256, dtype=np.float64)


def fold_picture_scaling(graph: Graph, context: Context) -> Graph:
    """The graph that starts from the picture's codes; ``picture``: what those codes stand for.

    The network's input is ``context.input_scale`` times the codes 0..255, or of integers the
    codes themselves. Scalar scaling, offsets and an 8-bit quantiser in front of the first operator
    only change scale and zero point of the codes. A quantiser that merges some of them is a table
    of 256 entries, ``picture_table``, by which the host makes codes of bytes. QuantisationError
    where codes would be mapped unevenly.
    """
    input_scale = 1.0 if graph.input in graph.types else context.input_scale
    ends: dict[str, Encoding] = {}
    tables: dict[str, np.ndarray] = {}
    inside = {graph.input}
    for tensor in (graph.input, *(node.output for node in graph.nodes)):
        if tensor not in inside:
            continue
        node_consumers = graph.consumers.get(tensor, [])
        onward = [
            node
            for node in node_consumers
            if is_variable_elementwise(node, graph) and graph.variables(node) == [tensor]
        ]
        inside.update(node.output for node in onward)
        if len(onward) < len(node_consumers) or tensor in graph.outputs:
            ends[tensor] = Encoding(scale=input_scale, step=1, offset=0, count=256)
            tables[tensor] = CODES
            with context.at(graph.producers.get(tensor)):
                ends[tensor], tables[tensor] = picture_encoding(graph, tensor, input_scale)
    if not ends:
        raise QuantisationError(
            f"the input {graph.input!r} does not reach a convolution, only elementwise operators."
        )
    name, encoding = next(iter(ends.items()))
    for other, second in ends.items():
        same = encoding.same_grid(second) and encoding.count == second.count
        if not same or (tables[other] != tables[name]).any():
            error = QuantisationError(
                f"the picture is used with two scales, in {name!r} (scale {encoding.scale:.6g}) "
                f"and {other!r} (scale {second.scale:.6g}); use one of them for both."
            )
            context.report(Obstacle(error))
    names = dict.fromkeys(ends, graph.input)
    nodes = tuple(substitute(node, names) for node in graph.nodes if node.output not in inside)
    outputs = tuple(names.get(tensor, tensor) for tensor in graph.outputs)
    onnx = {**graph.onnx, graph.input: name}
    for output in graph.outputs:
        if output in names:
            onnx[graph.input] = output
    kind = graph.types.get(name, np.dtype(np.float64))
    merged = None if (tables[name] == CODES).all() else tables[name].astype(np.uint8)
    return replace(
        graph, nodes=nodes, outputs=outputs, onnx=onnx, input_type=kind, picture=encoding,
        picture_table=merged,
    )  # fmt: skip


def picture_encoding(
    graph: Graph, tensor: str, input_scale: float
) -> tuple[Encoding, np.ndarray]:
    """What the picture's codes stand for in ``tensor``, and the code of every byte [256]."""
    expression = trace(graph, tensor)
    values = (CODES * input_scale).reshape(1, 1, 1, 256)
    table = expression.evaluate({graph.input: values}).reshape(-1, 256)
    last = str(expression.nodes[-1]) if expression.nodes else f"input {graph.input!r}"
    if (np.abs(table - table[0]) > 1e-9 * np.abs(table).max()).any():
        raise QuantisationError(
            f"{last}: the picture {tensor!r} is scaled differently per channel; supported is one "
            "scale and offset for all channels. Fold the scaling into the first convolution."
        )
    encoding = encode(Levels(table[:1]), 256)
    codes = None if encoding is None else encoding.codes(table[0])
    found = len(np.unique(table[0]))
    if codes is None or (found < 256 and found < least_codes(graph, expression)):
        raise QuantisationError(
            f"{last}: the 256 codes of the picture become {found} values in {tensor!r}, which are "
            "not 256 evenly spaced steps from a whole number, nor most of what a quantiser has; "
            "supported are scaling, an offset of whole or half steps and quantisation of the "
            f"picture (scale {input_scale:.6g}). Give the right scale with --input-scale, or feed "
            "the picture as 8-bit codes."
        )
    return encoding, codes


def least_codes(graph: Graph, expression: Expression) -> int:
    """How many codes a picture's quantiser must use to be taken for one: more than a quarter.

    Fewer are the sign of a picture that is brought in with the wrong scale. A signed quantiser has
    half of its codes for numbers that a picture of 0..1 does not have.
    """
    counts = [count for node in expression.nodes if (count := code_count(graph, node))]
    return min(counts) // 4 + 1 if counts and min(counts) <= 256 else 256


def code_count(graph: Graph, node: Node) -> int:
    """How many codes a quantiser has, or a Clip leaves of them; 0 for other operators."""
    bits = quantiser_bits(node, graph)
    if bits:
        return 2**bits
    source = graph.producers.get(node.inputs[0])
    if node.op != "Clip" or source is None or source.op != "QuantizeLinear":
        return 0
    ends = [graph.constants.get(node.operand(place)) for place in (1, 2)]
    return 0 if any(end is None for end in ends) else int(ends[1].max()) - int(ends[0].min()) + 1
