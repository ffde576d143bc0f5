"""Channel shuffles (Reshape, Transpose, Reshape, and what else moves whole channels) as Slices.

ShuffleNet's blocks exchange channels between groups, and exporters write that as reshaping of five
or three axes, with Gather or Split behind it. Where every channel of the result is one channel of
the tensor before, it is a Concat of Slices.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from compiler.frontend import spec
from compiler.frontend.context import Context
from compiler.frontend.ir import Graph, NameSupply, Node
from compiler.frontend.operators.reordering import reordered

MOVES = spec.REORDERING | spec.CUTTING


@dataclass(frozen=True, eq=False)
class Moved:
    """A tensor whose elements are those of the map ``root``: ``index`` into that, flat."""

    root: str
    index: np.ndarray
    nodes: tuple[Node, ...]


def resolve_shuffles(graph: Graph, _: Context) -> Graph:
    """The graph with shuffles of channels as Concat and Slice; others stay as they are."""
    moved = moved_tensors(graph)
    if not moved:
        return graph
    maker = Maker(graph)
    made: dict[str, list[Node]] = {}
    kept: set[str] = set()
    for tensor, found in moved.items():
        readers = graph.consumers.get(tensor, [])
        inside = readers and all(t in moved for node in readers for t in node.outputs)
        if inside and tensor not in graph.outputs:
            continue
        channels = whole_channels(graph.shapes[found.root], found.index)
        if channels is None:
            kept.update(output for node in found.nodes for output in node.outputs)
        else:
            made[found.nodes[-1].output] = maker.nodes(found, tensor, channels)
    nodes: list[Node] = []
    for node in graph.nodes:
        done = any(tensor in moved for tensor in node.outputs) and kept.isdisjoint(node.outputs)
        if not done:
            nodes.append(node)
            continue
        for tensor in node.outputs:
            if tensor in moved and moved[tensor].nodes[-1] is node:
                nodes.extend(maker.made.get(tensor, ()))
    return replace(graph, nodes=tuple(nodes), constants=maker.constants, shapes=maker.shapes)


def moved_tensors(graph: Graph) -> dict[str, Moved]:
    """Every result of a chain of moves that begins with a Reshape or the like of a map."""
    found: dict[str, Moved] = {}
    for node in graph.nodes:
        if node.op not in MOVES:
            continue
        source = node.inputs[0]
        shape = graph.shapes.get(source, ())
        if source not in found:
            begins = node.op in spec.REORDERING and len(shape) == 4 and shape[0] == 1
            if not begins or source in graph.constants:
                continue
            start = Moved(source, np.arange(np.prod(shape)).reshape(shape), ())
        else:
            start = found[source]
        results = reordered(node, start.index, graph.constants)
        for tensor, index in zip(node.outputs, results or (), strict=False):
            found[tensor] = Moved(start.root, index, (*start.nodes, node))
    return found


def whole_channels(shape: tuple[int, ...], index: np.ndarray) -> list[int] | None:
    """The channels of a map that ``index`` consists of, if it is a map of whole ones."""
    size = shape[2] * shape[3]
    if index.ndim != 4 or index.shape[0] != 1 or index.shape[2:] != shape[2:]:
        return None
    rows = index.reshape(index.shape[1], size)
    channels = rows[:, 0] // size
    same = (rows == channels[:, None] * size + np.arange(size)).all()
    return channels.tolist() if same else None


def runs(channels: list[int]) -> Iterator[tuple[int, int]]:
    """Ranges (start, stop) of rising neighbours, in order."""
    start = last = channels[0]
    for channel in channels[1:]:
        if channel != last + 1:
            yield start, last + 1
            start = channel
        last = channel
    yield start, last + 1


class Maker:
    """Makes nodes in the form that files have, with constants for their ranges."""

    def __init__(self, graph: Graph):
        self.names = NameSupply.of(graph)
        self.constants = dict(graph.constants)
        self.shapes = dict(graph.shapes)
        self.made: dict[str, list[Node]] = {}
        self.slices: dict[tuple[str, int, int], str] = {}

    def nodes(self, moved: Moved, tensor: str, channels: list[int]) -> list[Node]:
        """Slices of channels and their Concat, which makes ``tensor``."""
        last = moved.nodes[-1]
        shape = self.shapes[moved.root]
        ranges = list(runs(channels))
        result: list[Node] = []
        if len(ranges) == 1:
            result.append(self.slice(moved.root, tensor, last, *ranges[0]))
        else:
            parts = []
            for start, stop in ranges:
                key = moved.root, start, stop
                if key not in self.slices:
                    self.slices[key] = self.names.fresh(f"{moved.root}/{start}..{stop - 1}")
                    result.append(self.slice(moved.root, self.slices[key], last, start, stop))
                parts.append(self.slices[key])
            result.append(
                replace(last, op="Concat", inputs=tuple(parts), outputs=(tensor,),
                        attributes={"axis": 1, "opset": last.attributes.get("opset", 13)})
            )  # fmt: skip
        self.shapes[tensor] = (1, len(channels), *shape[2:])
        self.made[tensor] = result
        return result

    def slice(self, root: str, tensor: str, last: Node, start: int, stop: int) -> Node:
        """A Slice of channels ``start`` up to, not including, ``stop``."""
        inputs = [root]
        for what, value in (("start", start), ("stop", stop), ("axis", 1)):
            name = self.names.fresh(f"{tensor}/{what}")
            self.constants[name] = np.array([value], np.int64)
            self.shapes[name] = (1,)
            inputs.append(name)
        shape = self.shapes[root]
        self.shapes[tensor] = (1, stop - start, *shape[2:])
        return replace(
            last, op="Slice", inputs=tuple(inputs), outputs=(tensor,),
            attributes={"opset": last.attributes.get("opset", 13)},
        )  # fmt: skip
