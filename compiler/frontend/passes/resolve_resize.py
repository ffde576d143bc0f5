"""Resize and Upsample as Enlarge nodes: out[y, x] = in[y // 2, x // 2]."""

from dataclasses import replace

import numpy as np

from compiler.errors import UnsupportedError
from compiler.frontend import spec
from compiler.frontend.context import Context
from compiler.frontend.ir import Graph, NameSupply, Node
from compiler.frontend.operators.shapes import need_map, resize_scales


def resolve_resize(graph: Graph, context: Context) -> Graph:
    """The graph with one Enlarge per factor 2; UnsupportedError for any other result."""
    names = NameSupply.of(graph)
    shapes = dict(graph.shapes)
    nodes: list[Node] = []
    for node in graph.nodes:
        made = [node]
        if node.op in spec.RESIZING:
            made = [node.unknown()]
            with context.at(node):
                made = enlargements(graph, node, names, shapes)
        nodes.extend(made)
    return replace(graph, nodes=tuple(nodes), shapes=shapes)


def enlargements(graph: Graph, node: Node, names: NameSupply, shapes: dict) -> list[Node]:
    """The chain of Enlarge nodes that equals ``node``; a Resize to the same size is an Identity."""
    source = need_map(node, graph.shapes.get(node.inputs[0]))
    target = graph.shapes.get(node.output)
    found = resize_scales(node, source, graph.constants)
    if target is None or found is None:
        raise UnsupportedError(
            f"{node}: its scales or sizes are not constant; supported are constants (scales "
            "[1, 1, 2, 2]). Export the network with a fixed picture size."
        )
    mode = node.attributes.get("mode", "nearest")
    factor = target[2] // source[2]
    wanted = (*source[:2], source[2] * factor, source[3] * factor)
    if mode != "nearest" or target != wanted or factor < 1 or factor & (factor - 1):
        raise UnsupportedError(
            f"{node}: mode {mode!r} from {source} to {target} is not supported; supported is "
            "nearest enlargement by 2, 4 or 8 in both directions (scales [1, 1, 2, 2])."
        )
    if found[1] != (1, 1, factor, factor):
        raise UnsupportedError(
            f"{node}: scales {found[1]} are no whole numbers; supported is nearest enlargement by "
            "2, 4 or 8 in both directions (scales [1, 1, 2, 2])."
        )
    transformation = node.attributes.get("coordinate_transformation_mode", "half_pixel")
    rounding = node.attributes.get("nearest_mode", "round_prefer_floor")
    if node.op == "Upsample" or node.attributes.get("opset", 13) < 11:
        transformation, rounding = "asymmetric", "floor"
    for size in source[2:]:
        places = nearest_places(size, factor, transformation, rounding)
        if places is None or (places != np.arange(size * factor) // factor).any():
            raise UnsupportedError(
                f"{node}: coordinate_transformation_mode {transformation!r} with nearest_mode "
                f"{rounding!r} does not repeat every position {factor} times; export with "
                "asymmetric and floor."
            )
    if factor == 1:
        return [replace(node, op="Identity", inputs=node.inputs[:1], attributes={})]
    result = []
    tensor = node.inputs[0]
    while factor > 1:
        factor //= 2
        output = node.output if factor == 1 else names.fresh(f"{node.output}/half")
        result.append(
            Node(op="Enlarge", name=node.name, inputs=(tensor,), outputs=(output,), attributes={})
        )
        height, width = shapes[tensor][2:]
        shapes[output] = (*source[:2], height * 2, width * 2)
        tensor = output
    return result


def nearest_places(size: int, factor: int, transformation: str, rounding: str) -> np.ndarray | None:
    """Source position of every result position (ONNX Resize, version 19), None if not known."""
    out = np.arange(size * factor, dtype=np.float64)
    match transformation:
        case "asymmetric":
            place = out / factor
        case "half_pixel" | "pytorch_half_pixel" | "half_pixel_symmetric":
            place = (out + 0.5) / factor - 0.5
        case "align_corners":
            place = out * (size - 1) / max(1, size * factor - 1)
        case "tf_half_pixel_for_nn":
            place = (out + 0.5) / factor
        case _:
            return None
    match rounding:
        case "floor":
            place = np.floor(place)
        case "ceil":
            place = np.ceil(place)
        case "round_prefer_floor":
            place = np.ceil(place - 0.5)
        case "round_prefer_ceil":
            place = np.floor(place + 0.5)
        case _:
            return None
    return np.clip(place, 0, size - 1)
