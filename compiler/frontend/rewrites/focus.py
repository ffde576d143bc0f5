"""Focus (every second pixel, four times, joined; then a convolution) as one convolution.

YOLOX and the first YOLOv5 begin with it. A k x k convolution of the joined map is a 2k x 2k
convolution of the picture with stride 2 and pads twice as large, with the same weights.
"""

from dataclasses import dataclass, replace

import numpy as np

from compiler.frontend import spec
from compiler.frontend.context import Context
from compiler.frontend.ir import Graph, NameSupply, Node
from compiler.frontend.operators.elementwise import is_variable_elementwise
from compiler.frontend.operators.reordering import reordered


@dataclass(frozen=True, eq=False)
class Joined:
    """A Concat of every second pixel of ``root``: rows and columns that its parts begin with."""

    root: str
    starts: tuple[tuple[int, int], ...]


def resolve_focus(graph: Graph, _: Context) -> Graph:
    """The graph with convolutions of the tensor before a Focus, where all its readers are some."""
    result = graph
    for node in graph.nodes:
        joined = joined_by(graph, node) if node.op == "Concat" else None
        if joined is not None:
            result = rewritten(result, node, joined) or result
    return result


def joined_by(graph: Graph, concat: Node) -> Joined | None:
    """What a Concat of strided Slices joins, if it is a Focus."""
    shape = graph.shapes.get(concat.output, ())
    if len(shape) != 4 or concat.attributes.get("axis", 1) % 4 != 1:
        return None
    starts, roots = [], set()
    for tensor in concat.inputs:
        chain = []
        while (node := graph.producers.get(tensor)) is not None and node.op == "Slice":
            chain.append(node)
            tensor = node.inputs[0]
        size = graph.shapes.get(tensor, ())
        if not chain or len(size) != 4 or size[0] != 1 or size[2] % 2 or size[3] % 2:
            return None
        index: np.ndarray | None = np.arange(np.prod(size)).reshape(size)
        whole = index
        for node in reversed(chain):
            found = index is not None and reordered(node, index, graph.constants)
            index = found[0] if found else None
        if index is None or not index.size:
            return None
        y, x = divmod(int(index.reshape(-1)[0]), size[3])
        if y > 1 or x > 1 or not np.array_equal(index, whole[:, :, y::2, x::2]):
            return None
        roots.add(tensor)
        starts.append((y, x))
    return Joined(roots.pop(), tuple(starts)) if len(roots) == 1 else None


def rewritten(graph: Graph, concat: Node, joined: Joined) -> Graph | None:
    """The graph with other convolutions; None where the joined map is read by anything else.

    Elementwise operators between, which treat all its elements alike, are done before.
    """
    between, tensor = [], concat.output
    while True:
        readers = graph.consumers.get(tensor, [])
        if tensor in graph.outputs or not readers:
            return None
        if all(node.op in spec.CONVOLUTIONS for node in readers):
            break
        (node, *others) = readers
        if others or not is_variable_elementwise(node, graph) or not alike(graph, node):
            return None
        between.append(node)
        tensor = node.output
    names, constants, shapes = NameSupply.of(graph), dict(graph.constants), dict(graph.shapes)
    steps, origins = dict(graph.steps), dict(graph.origins)
    source, moved = joined.root, {}
    for node in between:
        name = names.fresh(f"{node.output}/whole")
        inputs = tuple(source if t == graph.variables(node)[0] else t for t in node.inputs)
        moved[node] = replace(node, inputs=inputs, outputs=(name,))
        shapes[name], source = shapes[joined.root], name
    for conv in readers:
        made = convolution(graph, conv, source, tensor, joined, names, constants)
        if made is None:
            return None
        old, new = conv.inputs[1], made.inputs[1]
        shapes[new] = constants[new].shape
        for known in (steps, origins):  # of weights, the same for all taps
            if old in known:
                known[new] = known[old]
        moved[conv] = made
    nodes = tuple(moved.get(node, node) for node in graph.nodes)
    return replace(
        graph, nodes=nodes, constants=constants, shapes=shapes, steps=steps, origins=origins
    )


def alike(graph: Graph, node: Node) -> bool:
    """Whether an elementwise operator has one variable operand, and constants of one value."""
    constants = [graph.constants[t] for t in node.inputs if t in graph.constants]
    return len(graph.variables(node)) == 1 and all(value.size == 1 for value in constants)


def convolution(
    graph: Graph, conv: Node, source: str, tensor: str, joined: Joined,
    names: NameSupply, constants: dict[str, np.ndarray],
) -> Node | None:  # fmt: skip
    """The convolution of the tensor before the Focus that gives what ``conv`` gives behind it."""
    given = conv.attributes
    weights = graph.constants.get(conv.operand(1))
    plain = (
        weights is not None
        and weights.ndim == 4
        and conv.inputs[0] == tensor
        and given.get("group", 1) == 1
        and tuple(given.get("dilations", (1, 1))) == (1, 1)
        and tuple(given.get("strides", (1, 1))) == (1, 1)
        and given.get("auto_pad", "NOTSET") in ("NOTSET", "")
    )
    depth = graph.shapes[joined.root][1]
    if not plain or weights.shape[1] != depth * len(joined.starts):
        return None
    outputs, _, height, width = weights.shape
    larger = np.zeros((outputs, depth, 2 * height, 2 * width), weights.dtype)
    for place, (y, x) in enumerate(joined.starts):
        larger[:, :, y::2, x::2] += weights[:, place * depth : (place + 1) * depth]
    name = names.fresh(f"{conv.inputs[1]}/focus")
    constants[name] = larger
    pads = tuple(2 * pad for pad in given.get("pads", (0,) * 4))
    attributes = {**given, "pads": pads, "strides": (2, 2)}
    attributes["kernel_shape"] = larger.shape[2:]
    return replace(conv, inputs=(source, name, *conv.inputs[2:]), attributes=attributes)
