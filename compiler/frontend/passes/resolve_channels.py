"""Split and Slice on channels as Slice nodes with attributes start and stop."""

from dataclasses import replace

from compiler.errors import UnsupportedError
from compiler.frontend.context import Context
from compiler.frontend.ir import Graph, Node, substitute
from compiler.frontend.operators.shapes import need_map, slice_ranges, split_sizes


def resolve_channels(graph: Graph, context: Context) -> Graph:
    """The graph with channel slices in one form, whole slices dropped; Concat on channels only."""
    nodes: list[Node] = []
    names: dict[str, str] = {}
    for node in graph.nodes:
        made = [node.unknown()]
        with context.at(node):
            made = resolved(graph, node)
        if not made:
            names[node.output] = names.get(node.inputs[0], node.inputs[0])
        nodes.extend(substitute(part, names) for part in made)
    return replace(graph, nodes=tuple(nodes))


def resolved(graph: Graph, node: Node) -> list[Node]:
    """The node in its one form; none for a Slice that takes everything."""
    match node.op:
        case "Split":
            return split_as_slices(graph, node)
        case "Slice":
            start, stop = channel_range(graph, node)
            whole = (start, stop) == (0, graph.channels(node.inputs[0]))
            if whole and node.output not in graph.outputs:
                return []
            return [channel_slice(node, node.output, start, stop)]
        case "Concat":
            return [channel_concat(graph, node)]
    return [node]


def channel_concat(graph: Graph, node: Node) -> Node:
    """A Concat of maps without attributes; UnsupportedError for another axis, or constant maps."""
    need_map(node, graph.shapes.get(node.inputs[0]))
    if node.attributes.get("axis", 1) % 4 != 1:
        raise UnsupportedError(
            f"{node}: axis {node.attributes['axis']} is not supported; supported is "
            "axis 1 (channels)."
        )
    constant = [tensor for tensor in node.inputs if tensor in graph.constants]
    if constant:
        raise UnsupportedError(
            f"{node}: input {constant[0]!r} is a constant map; only tensors computed "
            "from the picture can be concatenated."
        )
    return replace(node, attributes={})


def channel_slice(node: Node, output: str, start: int, stop: int) -> Node:
    return Node(
        op="Slice",
        name=node.name,
        inputs=node.inputs[:1],
        outputs=(output,),
        attributes={"start": start, "stop": stop},
    )


def split_as_slices(graph: Graph, node: Node) -> list[Node]:
    """One Slice per used output of a Split."""
    shape = need_map(node, graph.shapes.get(node.inputs[0]))
    sizes = split_sizes(node, shape, graph.constants)
    if node.attributes.get("axis", 0) % 4 != 1 or sizes is None:
        raise UnsupportedError(
            f"{node}: axis {node.attributes.get('axis', 0)} is not supported; supported is axis 1 "
            "(channels) with constant sizes."
        )
    result, start = [], 0
    for output, size in zip(node.outputs, sizes, strict=True):
        if output in graph.consumers or output in graph.outputs:
            result.append(channel_slice(node, output, start, start + size))
        start += size
    return result


def channel_range(graph: Graph, node: Node) -> tuple[int, int]:
    """(start, stop) of a Slice; UnsupportedError where it takes more than a run of channels."""
    shape = need_map(node, graph.shapes.get(node.inputs[0]))
    ranges = slice_ranges(node, shape, graph.constants)
    whole = [(0, size, 1) for size in shape]
    others = ranges and [ranges[axis] == whole[axis] for axis in (0, 2, 3)]
    if ranges is None or not all(others) or ranges[1][2] != 1:
        raise UnsupportedError(
            f"{node}: ranges {ranges} are not supported; supported is a run of channels, step 1 "
            "(a strided stem, YOLOv5's Focus, is a 6x6 convolution with stride 2)."
        )
    return ranges[1][0], ranges[1][1]
