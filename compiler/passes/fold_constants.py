"""Compute everything that does not depend on the picture, and the shape of everything that does."""

from dataclasses import replace

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from compiler import elementwise, quantisers
from compiler.errors import ReadError, UnsupportedError
from compiler.external_data import LARGEST_TENSOR
from compiler.ir import Graph, NameSupply, Node
from compiler.shapes import infer, split_sizes

#: Operators whose result can be far larger than their operands.
ENLARGING = {"ConstantOfShape", "Expand", "Tile", "Range", "Resize", "Upsample", "Pad", "OneHot"}
#: Computed here rather than by onnx, because their operands are float64 or not in onnx at all.
OWN = {"Quant", "IntQuant", "BipolarQuant", "QuantizeLinear", "DequantizeLinear", "Identity"}


def fold_constants(graph: Graph) -> Graph:
    """The graph without nodes that have constant inputs only; shapes of all other tensors."""
    constants = dict(graph.constants)
    origins = dict(graph.origins)
    shapes = {**graph.shapes, **{name: value.shape for name, value in constants.items()}}
    names = NameSupply.of(graph)
    nodes = []
    for node in graph.nodes:
        node = resolve_quantizer_types(node, shapes, constants, names)
        if all(not tensor or tensor in constants for tensor in node.inputs):
            for output, value in zip(node.outputs, evaluate(node, constants), strict=False):
                constants[output] = value
                shapes[output] = value.shape
                origins[output] = origins.get(node.operand(0), node)
                if node.op in OWN:
                    origins[output] = node
            continue
        if node.op == "Shape" and node.inputs[0] in shapes:
            start, end = node.attributes.get("start", 0), node.attributes.get("end")
            constants[node.output] = np.array(shapes[node.inputs[0]][start:end], np.int64)
            shapes[node.output] = constants[node.output].shape
            continue
        shape = infer(node, shapes, constants)
        if shape is not None:
            check_size(node, shape)
            shapes[node.output] = shape
        if node.op == "Split" and shape is not None:
            axis = node.attributes.get("axis", 0) % len(shape)
            sizes = split_sizes(node, shapes[node.inputs[0]], constants)
            for output, size in zip(node.outputs, sizes, strict=True):
                shapes[output] = (*shape[:axis], size, *shape[axis + 1 :])
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes), constants=constants, origins=origins, shapes=shapes)


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
    if node.op not in ("QuantizeLinear", "DequantizeLinear"):
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


def evaluate(node: Node, constants: dict[str, np.ndarray]) -> list[np.ndarray]:
    """The node's results from constant inputs; ReadError where it cannot be computed."""
    operands = [constants[tensor] if tensor else None for tensor in node.inputs]
    try:
        if node.op in OWN:
            floats = [value if value is None else value.astype(np.float64) for value in operands]
            return [elementwise.apply(node, floats)]
        to_float = node.attributes.get("to") in (TensorProto.FLOAT, TensorProto.FLOAT16)
        if node.op == "Cast" and operands[0].dtype.kind == "f" and to_float:
            return [operands[0]]
        if node.op in ENLARGING:
            wanted = np.prod([np.abs(v).max(initial=1) for v in operands if v is not None])
            if wanted > LARGEST_TENSOR:
                raise ReadError(f"{node}: its constant result would be too large.")
        results = run_onnx(node, operands)
    except ReadError:
        raise
    except Exception as error:  # whatever the onnx package raises for an invalid node
        raise ReadError(
            f"{node}: cannot be computed from its constants ({type(error).__name__}). "
            "The file is damaged, or the onnx package does not know this operator."
        ) from error
    return [
        value.astype(np.float64) if value.dtype.kind == "f" else value
        for value in map(np.asarray, results)
    ]


def run_onnx(node: Node, operands: list[np.ndarray | None]) -> list[np.ndarray]:
    """One standard node by onnx's own reference implementation, floats in float64."""
    version = node.attributes["opset"]
    attributes = {}
    for name, value in node.attributes.items():
        if name != "opset":
            is_array = isinstance(value, np.ndarray)
            attributes[name] = onnx.numpy_helper.from_array(value) if is_array else value
    proto = helper.make_node(node.op, node.inputs, node.outputs, **attributes)
    given = {
        tensor: value
        for tensor, value in zip(node.inputs, operands, strict=True)
        if value is not None
    }
    infos = [
        helper.make_tensor_value_info(
            tensor, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
        )
        for tensor, value in given.items()
    ]
    results = [helper.make_empty_tensor_value_info(name) for name in node.outputs if name]
    model = helper.make_model(
        helper.make_graph([proto], "constant", infos, results),
        opset_imports=[helper.make_opsetid("", version)],
    )
    return ReferenceEvaluator(model).run(None, given)
