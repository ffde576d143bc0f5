"""Operators that give the elements of their first input in another order, shape or number."""

from collections.abc import Mapping

import numpy as np

from compiler.frontend import spec
from compiler.frontend.ir import Node
from compiler.frontend.operators.shapes import slice_ranges, split_sizes

Constants = Mapping[str, np.ndarray]


def reordered(node: Node, x: np.ndarray, constants: Constants) -> list[np.ndarray] | None:
    """A node's results for its first input ``x``; None where they are not known beforehand.

    Reshape (1..25), Transpose, Gather, Squeeze, Unsqueeze, Flatten, Slice and Split, by constants.
    """
    try:
        return results(node, x, constants)
    except (ValueError, IndexError):  # operands that do not fit: other messages are about those
        return None


def results(node: Node, x: np.ndarray, constants: Constants) -> list[np.ndarray] | None:
    """The results; ValueError or IndexError where operands do not fit."""
    given = node.attributes
    if any(tensor and tensor not in constants for tensor in node.inputs[1:]):
        return None
    operand = constants.get(node.operand(1))
    match node.op:
        case "Reshape":
            wanted = given.get("shape") if operand is None else tuple(map(int, operand.reshape(-1)))
            if wanted is None:
                return None
            keep = not given.get("allowzero", 0)
            sizes = [x.shape[i] if s == 0 and keep else s for i, s in enumerate(wanted)]
            return [x.reshape(sizes)]
        case "Transpose":
            return [x.transpose(given.get("perm"))]
        case "Gather":
            return [np.take(x, operand, axis=given.get("axis", 0))]
        case "Squeeze" | "Unsqueeze":
            axes = given.get("axes") if operand is None else tuple(map(int, operand.reshape(-1)))
            if node.op == "Unsqueeze":
                return [np.expand_dims(x, axes)]
            return [x.squeeze() if axes is None else x.squeeze(tuple(axes))]
        case "Flatten":
            axis = given.get("axis", 1)
            first = int(np.prod(x.shape[:axis]))
            return [x.reshape(first, -1)]
        case "Slice":
            ranges = slice_ranges(node, x.shape, constants)
            if ranges is None or any(step < 0 for _, _, step in ranges):
                return None
            return [x[tuple(slice(*bounds) for bounds in ranges)]]
        case "Split":
            sizes = split_sizes(node, x.shape, constants)
            axis = given.get("axis", 0)
            return None if sizes is None else np.split(x, np.cumsum(sizes)[:-1], axis)
    return None


def reordered_shape(
    node: Node, shape: tuple[int, ...], constants: Constants
) -> tuple[int, ...] | None:
    """Shape of the result of one of ``spec.REORDERING``, None where that is not known."""
    if node.op not in spec.REORDERING:
        return None
    found = reordered(node, np.broadcast_to(np.int8(0), shape), constants)
    return None if found is None else found[0].shape
