"""Compute everything that does not depend on the picture, and the shape of everything that does."""

from dataclasses import replace

import numpy as np
from onnx import helper

from compiler.errors import ReadError, UnsupportedError
from compiler.frontend import spec
from compiler.frontend.context import Context
from compiler.frontend.ir import Graph, NameSupply, Node
from compiler.frontend.operators import quantisers
from compiler.frontend.operators.constants import OWN, Folder
from compiler.frontend.operators.reordering import reordered_shape
from compiler.frontend.operators.shapes import infer, split_sizes
from compiler.frontend.reader.external_data import LARGEST_TENSOR


def fold_constants(graph: Graph, context: Context) -> Graph:
    """The graph without nodes that have constant inputs only; shapes of all other tensors."""
    builder = Builder(graph)
    nodes = []
    for node in graph.nodes:
        made: Node | None = node.unknown()
        with context.at(node):
            made = builder.folded(node)
        nodes.append(made)
    return replace(
        graph,
        nodes=tuple(filter(None, nodes)),
        constants=builder.constants,
        origins=builder.origins,
        steps=builder.steps,
        shapes=builder.shapes,
    )


class Builder:
    """Constants and shapes found so far."""

    def __init__(self, graph: Graph):
        self.constants = dict(graph.constants)
        self.origins = dict(graph.origins)
        self.steps = dict(graph.steps)
        self.shapes = {name: value.shape for name, value in self.constants.items()}
        self.shapes = {**graph.shapes, **self.shapes}
        self.names = NameSupply.of(graph)
        self.hints = graph.hints
        self.folder = Folder()

    def folded(self, node: Node) -> Node | None:
        """The node, its results' shapes known; None where they are constants now."""
        shapes, constants = self.shapes, self.constants
        node = resolve_quantizer_types(node, shapes, constants, self.names)
        if all(not tensor or tensor in constants for tensor in node.inputs):
            results = self.folder.evaluate(node, constants)
            for output, value in zip(node.outputs, results, strict=False):
                constants[output] = value
                shapes[output] = value.shape
                self.origins[output] = self.origins.get(node.operand(0), node)
                scale = constants.get(node.operand(1)) if node.op == "DequantizeLinear" else None
                if scale is not None and scale.size == scale.shape[0]:
                    self.steps[output] = scale.reshape(-1)
                if node.op in OWN:
                    self.origins[output] = node
            return None
        if node.op == "Shape" and node.inputs[0] in shapes:
            start, end = node.attributes.get("start", 0), node.attributes.get("end")
            constants[node.output] = np.array(shapes[node.inputs[0]][start:end], np.int64)
            shapes[node.output] = constants[node.output].shape
            return None
        shape = infer(node, shapes, constants)
        if shape is None and node.inputs[0] in shapes:
            shape = reordered_shape(node, shapes[node.inputs[0]], constants)
        shape = shape or self.hints.get(node.output)
        if shape is not None:
            check_size(node, shape)
            shapes[node.output] = shape
        if node.op == "Split" and shape is not None:
            axis = node.attributes.get("axis", 0) % len(shape)
            sizes = split_sizes(node, shapes[node.inputs[0]], constants)
            for output, size in zip(node.outputs, sizes, strict=True):
                shapes[output] = (*shape[:axis], size, *shape[axis + 1 :])
        return node


def check_size(node: Node, shape: tuple[int, ...]) -> None:
    """ReadError where a tensor is empty or absurdly large."""
    if any(size < 1 for size in shape) or np.prod(shape, dtype=float) > LARGEST_TENSOR:
        raise ReadError(
            f"{node}: its result would have shape {shape}. The file is damaged, or the picture "
            "size does not fit the network."
        )


def resolve_quantizer_types(node: Node, shapes: dict, constants: dict, supply: NameSupply) -> Node:
    """QuantizeLinear and DequantizeLinear with scale and zero point that broadcast, and the range.

    ONNX keeps the range in the type of the zero point (or output_dtype, opset 21; uint8 where
    neither is given); afterwards it is in the attributes ``low`` and ``high``.
    """
    if node.op not in spec.QDQ:
        return node
    scale = constants.get(node.operand(1))
    zero = constants.get(node.operand(2)) if node.operand(2) else None
    shape = shapes.get(node.inputs[0])
    if scale is None or (node.operand(2) and zero is None):
        raise UnsupportedError(
            f"{node}: scale and zero point must be constants; dynamic quantisation is not "
            "supported. Export with static quantisation."
        )
    if shape is None:
        if scale.size > 1:
            return node  # an operator before it is unknown; check_operators names that one
        shape = (1,) * 4
    if not np.isfinite(scale).all() or not (scale > 0).all():
        raise UnsupportedError(f"{node}: scale must be positive and finite, not {scale.min()}.")
    kind = np.dtype(np.uint8) if zero is None else zero.dtype
    code = node.attributes.get("output_dtype", 0)
    if zero is None and code:
        kind = helper.tensor_dtype_to_np_dtype(code)
    if kind.kind not in "iuV" and not kind.name.startswith(("int", "uint")):
        raise UnsupportedError(
            f"{node}: quantised type {kind.name} is not supported; integer types are."
        )
    low, high = quantisers.integer_range(kind)
    axis = node.attributes.get("axis", 1)
    block = node.attributes.get("block_size", 0)
    values = []
    for name, value in (("scale", scale), ("zero", np.zeros(1) if zero is None else zero)):
        try:
            values.append(quantisers.expand_parameter(value, shape, axis, block))
        except (ValueError, IndexError) as error:
            raise ReadError(f"{node}: {name} does not fit its input {shape}: {error}.") from error
    names = [supply.fresh(f"{node.output}/{part}") for part in ("scale", "zero")]
    for name, value in zip(names, values, strict=True):
        constants[name] = value
        shapes[name] = value.shape
    attributes = {**node.attributes, "low": low, "high": high}
    return replace(node, inputs=(node.inputs[0], *names), attributes=attributes)
