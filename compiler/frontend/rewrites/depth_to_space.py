"""DepthToSpace of blocks of 2 (pixel shuffle) as slices of channels, interleaved.

ONNX DepthToSpace-13: of 4 C channels the ones that go to row y and column x of a block are, in mode
DCR, the C from (2 y + x) C on; in mode CRD every fourth from 2 y + x on.
"""

from dataclasses import replace

import numpy as np

from compiler.frontend.context import Context
from compiler.frontend.ir import Graph, Node
from compiler.frontend.rewrites.shuffles import Maker, Moved


def resolve_depth_to_space(graph: Graph, _: Context) -> Graph:
    """The graph with Slice, Concat and Interleave for each; other sizes of blocks stay."""
    if not any(node.op == "DepthToSpace" for node in graph.nodes):
        return graph
    maker = Maker(graph)
    nodes: list[Node] = []
    for node in graph.nodes:
        source = graph.shapes.get(node.inputs[0], ()) if node.inputs else ()
        fits = len(source) == 4 and source[0] == 1 and source[1] % 4 == 0
        if node.op != "DepthToSpace" or node.attributes.get("blocksize") != 2 or not fits:
            nodes.append(node)
            continue
        numbers = np.arange(source[1])
        joined = node.attributes.get("mode", "DCR") == "CRD"
        quarters = numbers.reshape(-1, 4).T if joined else numbers.reshape(4, -1)
        parts = []
        for place, channels in enumerate(quarters):
            part = maker.names.fresh(f"{node.output}/{place // 2}{place % 2}")
            moved = Moved(node.inputs[0], channels, (node,))
            nodes.extend(maker.nodes(moved, part, channels.tolist()))
            parts.append(part)
        nodes.append(replace(node, op="Interleave", inputs=tuple(parts), attributes={}))
    return replace(graph, nodes=tuple(nodes), constants=maker.constants, shapes=maker.shapes)
