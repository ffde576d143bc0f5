"""Mark the tensors that have few, evenly spaced values: from here on they are codes."""

from dataclasses import replace

import numpy as np

from compiler.frontend import spec
from compiler.frontend.context import Context
from compiler.frontend.encoding import NARROW, Encoding
from compiler.frontend.ir import Graph, NameSupply, Node, substitute
from compiler.frontend.operators.elementwise import (
    ELEMENTWISE,
    directions,
    is_variable_elementwise,
)
from compiler.frontend.values import (
    Levels,
    Values,
    encode,
    levels_of,
    merges_levels,
    moved_encoding,
    node_values,
    quantiser_encoding,
)


def insert_quantisers(graph: Graph, _: Context) -> Graph:
    """A Quantise node wherever codes are needed and the values allow at most 8 bits.

    Codes are needed by everything that is not elementwise in one tensor. A quantiser's result of
    more than 4 bits becomes codes in any case, so that what follows is a table, and so does any
    where the function that follows may turn. Where the inputs of a Concat have different encodings
    but one would hold all their values, it gets that one.
    """
    names = NameSupply.of(graph)
    values: dict[str, Values] = {graph.input: levels_of(graph.picture)}
    known: dict[str, Encoding] = {graph.input: graph.picture}
    renamed: dict[str, str] = {}
    onnx = dict(graph.onnx)
    shapes = dict(graph.shapes)
    nodes: list[Node] = []
    for old in graph.nodes:
        node = substitute(old, renamed)
        nodes.append(node)
        tensor = node.output
        values.update(dict.fromkeys(node.outputs, node_values(old, graph, values)))
        moved = moved_encoding(node, known)
        if moved is not None:
            known[tensor] = moved
            continue
        found = values[tensor]
        encoding = wanted_encoding(graph, node, found)
        if tensor not in shapes:  # behind an operator that is not supported
            continue
        if encoding is None or (node.op == "Concat" and swallows(found, old, values)):
            continue
        codes = names.fresh(f"{tensor}/codes")
        nodes.append(
            Node(
                op="Quantise",
                name=node.name,
                inputs=(tensor,),
                outputs=(codes,),
                attributes={"encoding": encoding},
            )
        )
        renamed[tensor] = codes
        known[codes] = encoding
        values[tensor] = levels_of(encoding)
        onnx[codes] = tensor
        shapes[codes] = shapes[tensor]
    outputs = tuple(renamed.get(tensor, tensor) for tensor in graph.outputs)
    return replace(graph, nodes=tuple(nodes), outputs=outputs, onnx=onnx, shapes=shapes)


def swallows(joined: Levels, concat: Node, values: dict[str, Values]) -> bool:
    """Whether one input's levels are no more than rounding errors beside another's."""
    size = np.abs(joined.rows).max(initial=0.0)
    return any(merges_levels(values[part].rows.reshape(1, -1), size) for part in concat.inputs)


def wanted_encoding(graph: Graph, node: Node, found: Values) -> Encoding | None:
    """The encoding of a node's result; None where codes are not needed, or the values have none."""
    if not isinstance(found, Levels):
        return None
    single = is_variable_elementwise(node, graph)
    needed = node.op == "Concat" or (single and ends_chain(graph, node.output))
    quantises = single and node.op in spec.LEAVING | spec.UNIFORM_QUANTISERS
    if not needed and not quantises:
        return None
    encoding = encode(found)
    if encoding is None or encoding.bits > NARROW:
        encoding = quantiser_encoding(node, graph, found) or encoding
    is_wide = encoding is not None and encoding.bits > NARROW
    return encoding if needed or is_wide or turns_after(graph, node.output) else None


def turns_after(graph: Graph, tensor: str) -> bool:
    """Whether an elementwise function follows that is not known to only rise or only fall."""
    readers = graph.consumers.get(tensor, ())
    return any(
        is_variable_elementwise(node, graph) and directions(node, graph) is None for node in readers
    )


def ends_chain(graph: Graph, tensor: str) -> bool:
    """Whether anything but elementwise operators in this one tensor needs it."""
    return tensor in graph.outputs or any(
        node.op not in ELEMENTWISE or graph.variables(node) != [tensor]
        for node in graph.consumers.get(tensor, ())
    )
