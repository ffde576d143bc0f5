"""What a build says about the tail of its network (``host.manifest.Tail``)."""

import ast

from onnx import ModelProto

from compiler.frontend.reader.element_types import inferred_shapes
from compiler.frontend.split.model import Parts
from host.description import Description
from host.layouts import described, recognised
from host.manifest import Tail

PLACING = {"Add", "Sub"}
"""Operators by which a tail puts boxes in their places."""
UPRIGHT = ("detect", "segment", "pose")
"""Tasks, as ultralytics names them, whose outputs hold boxes that are not turned."""


def describe_tail(
    parts: Parts, size: tuple[int, int], description: Description | None = None
) -> Tail:
    """The tail of a network whose picture has ``size`` height and width.

    Where its boxes are is said by the side-car, or read from shapes, names and kind of task.
    :class:`host.description.DescriptionError` where the side-car does not fit.
    """
    model = parts.model
    known = inferred_shapes(model, unknown=0)
    shapes = {name: known.get(name, ()) for name in parts.tail.outputs}
    if description is not None and description.table is not None:
        boxes = described(shapes, size, description.table)
        return Tail(outputs=parts.tail.outputs, boxes=boxes)
    if metadata(model, "task") not in ("", *UPRIGHT):
        return Tail(outputs=parts.tail.outputs)
    names = class_names(model)
    decoded = any(node.op_type in PLACING for node in model.graph.node)
    fit = "letterbox" if names else "stretch"  # who writes names also trains that way
    boxes = recognised(shapes, size, names, decoded=decoded, fit=fit)
    return Tail(outputs=parts.tail.outputs, boxes=boxes)


def metadata(model: ModelProto, key: str) -> str:
    """What an exporter wrote under ``key``; "" if nothing."""
    return next((entry.value for entry in model.metadata_props if entry.key == key), "")


def class_names(model: ModelProto) -> tuple[str, ...]:
    """Names of classes as exporters write them: a list, or a dictionary by number; else ()."""
    try:
        found = ast.literal_eval(metadata(model, "names"))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return ()
    if isinstance(found, dict) and sorted(found, key=str) == sorted(range(len(found)), key=str):
        found = [found[number] for number in range(len(found))]
    known = isinstance(found, list | tuple) and all(isinstance(name, str) for name in found)
    return tuple(found) if known else ()
