"""What a build says about the tail of its network (``host.manifest.Tail``)."""

import ast

from onnx import ModelProto

from compiler.frontend.reader.element_types import inferred_shapes
from compiler.frontend.split.model import Parts
from host.layouts import recognised
from host.manifest import Tail

PLACING = {"Add", "Sub"}
"""Operators by which a tail puts boxes in their places."""


def describe_tail(parts: Parts, size: tuple[int, int]) -> Tail:
    """The tail of a network whose picture has ``size`` height and width."""
    model = parts.model
    known = inferred_shapes(model, unknown=0)
    shapes = {name: known.get(name, ()) for name in parts.tail.outputs}
    names = class_names(model)
    decoded = any(node.op_type in PLACING for node in model.graph.node)
    fit = "letterbox" if names else "stretch"  # who writes names also trains that way
    boxes = recognised(shapes, size, names, decoded=decoded, fit=fit)
    return Tail(outputs=parts.tail.outputs, boxes=boxes)


def class_names(model: ModelProto) -> tuple[str, ...]:
    """Names of classes as exporters write them: a list, or a dictionary by number; else ()."""
    text = next((entry.value for entry in model.metadata_props if entry.key == "names"), "")
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return ()
    if isinstance(found, dict) and sorted(found, key=str) == sorted(range(len(found)), key=str):
        found = [found[number] for number in range(len(found))]
    known = isinstance(found, list | tuple) and all(isinstance(name, str) for name in found)
    return tuple(found) if known else ()
