"""Transposed convolutions of 2 x 2 windows side by side as four convolutions, interleaved.

They enlarge maps in YOLOv6's neck and before YOLOv8's masks: every position makes four of its own.
"""

from dataclasses import replace

import numpy as np

from compiler.frontend.context import Context
from compiler.frontend.ir import Graph, NameSupply, Node
from compiler.frontend.operators.shapes import is_four_convolutions


def resolve_transposed(graph: Graph, _: Context) -> Graph:
    """The graph with Conv 1 x 1 and Interleave for each such ConvTranspose; others stay."""
    names = NameSupply.of(graph)
    constants, shapes, steps = dict(graph.constants), dict(graph.shapes), dict(graph.steps)
    origins = dict(graph.origins)
    nodes: list[Node] = []
    for node in graph.nodes:
        weights = constants.get(node.operand(1)) if node.op == "ConvTranspose" else None
        source = graph.shapes.get(node.inputs[0], ()) if node.inputs else ()
        whole = weights is not None and len(source) == 4
        if not whole or not is_four_convolutions(node, weights.shape):
            nodes.append(node)
            continue
        parts = []
        for y, x in np.ndindex(2, 2):
            name = names.fresh(f"{node.inputs[1]}/{y}{x}")
            constants[name] = weights[:, :, y, x].T[:, :, None, None]
            shapes[name] = constants[name].shape
            scale = steps.get(node.inputs[1])
            if scale is not None and scale.size == 1:
                steps[name] = scale
            if node.inputs[1] in origins:
                origins[name] = origins[node.inputs[1]]
            part = names.fresh(f"{node.output}/{y}{x}")
            shapes[part] = (1, weights.shape[1], *source[2:])
            inputs = (node.inputs[0], name, *node.inputs[2:])
            attributes = {"opset": node.attributes.get("opset", 13)}
            nodes.append(
                replace(node, op="Conv", inputs=inputs, outputs=(part,), attributes=attributes)
            )
            parts.append(part)
        nodes.append(replace(node, op="Interleave", inputs=tuple(parts), attributes={}))
    return replace(
        graph, nodes=tuple(nodes), constants=constants, shapes=shapes, steps=steps, origins=origins
    )
