"""Compute once what several nodes compute from the same inputs (QDQ tools repeat quantisers)."""

from dataclasses import replace

import numpy as np

from compiler.frontend.context import Context
from compiler.frontend.ir import Graph, Node, substitute


def constant_key(value: np.ndarray, step: np.ndarray | None) -> tuple:
    """What two constants share: also the ``step`` they are multiples of, as zeros are of any."""
    return value.dtype.str, value.shape, value.tobytes(), None if step is None else step.tobytes()


def node_key(node: Node) -> tuple:
    attributes = tuple(
        (name, repr(value)) for name, value in sorted(node.attributes.items(), key=lambda x: x[0])
    )
    return node.op, node.inputs, len(node.outputs), attributes


def share_equal_nodes(graph: Graph, _: Context) -> Graph:
    """The graph with one of each set of equal nodes; graph outputs keep their names."""
    names: dict[str, str] = {}
    seen: dict[tuple, str] = {}
    for name, value in graph.constants.items():
        if value.nbytes <= 4096:
            first = seen.setdefault(constant_key(value, graph.steps.get(name)), name)
            if first != name:
                names[name] = first
    nodes = []
    firsts: dict[tuple, Node] = {}
    for node in graph.nodes:
        node = substitute(node, names)
        first = firsts.setdefault(node_key(node), node)
        if first is node or set(graph.outputs).intersection(node.outputs):
            nodes.append(node)
        else:
            names.update(zip(node.outputs, first.outputs, strict=True))
    return replace(graph, nodes=tuple(nodes))
