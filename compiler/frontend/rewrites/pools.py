"""Max-pools of large windows as several small ones: 9 x 9 is 5 x 5 of 5 x 5."""

from dataclasses import replace

from compiler.frontend.context import Context
from compiler.frontend.ir import Graph, NameSupply, Node

STEP = 5
"""Side of the parts: what detectors with one window size have, so that parts are shared."""


def compose_pools(graph: Graph, _: Context) -> Graph:
    """The graph with max-pools of stride 1 that keep the size of their map in parts of 5 x 5.

    A maximum of maxima over windows that overlap or touch is that over the whole window, at the
    edges too, where windows are cut off. Windows of 13 cost 75 taps so, and not 169; where a
    network takes 5, 9 and 13 of one map, as YOLOv7-tiny does, each further one costs 25.
    """
    names, shapes = NameSupply.of(graph), dict(graph.shapes)
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.op != "MaxPool" or not composes(node):
            nodes.append(node)
            continue
        side, source = node.attributes["kernel"][0], node.inputs[0]
        while side > STEP:
            tensor = names.fresh(f"{node.output}/part")
            nodes.append(part(node, source, tensor, STEP))
            shapes[tensor] = shapes[node.output]
            source, side = tensor, side - STEP + 1
        nodes.append(part(node, source, node.output, side))
    return replace(graph, nodes=tuple(nodes), shapes=shapes)


def composes(node: Node) -> bool:
    """Whether a MaxPool has a large odd window, stride 1, and pads that keep the map's size."""
    height, width = node.attributes["kernel"]
    return (
        height == width > STEP
        and height % 2 == 1
        and node.attributes["strides"] == (1, 1)
        and tuple(node.attributes["pads"]) == (height // 2,) * 4
    )


def part(node: Node, source: str, tensor: str, side: int) -> Node:
    """One of the pools in a row."""
    attributes = {**node.attributes, "kernel": (side, side), "pads": (side // 2,) * 4}
    return replace(node, inputs=(source,), outputs=(tensor,), attributes=attributes)
