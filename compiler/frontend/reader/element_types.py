"""Element types and shapes of the tensors of a file, as far as ONNX can tell them."""

import onnx
from onnx import ModelProto, TensorProto, ValueInfoProto, helper


def inferred(model: ModelProto) -> dict[str, ValueInfoProto]:
    """Type and shape of every tensor for which the onnx package tells them."""
    try:
        graph = onnx.shape_inference.infer_shapes(model).graph
    except Exception:  # whatever the onnx package makes of an unusual file
        graph = model.graph
    return {value.name: value for value in [*graph.input, *graph.value_info, *graph.output]}


def inferred_shapes(
    model: ModelProto, unknown: int | None = None
) -> dict[str, tuple[int, ...]]:
    """Shapes, of the tensors for which the onnx package tells them.

    A size that is not fixed is ``unknown``; where that is None, such a tensor is left out.
    """
    found = {}
    for name, value in inferred(model).items():
        if value.type.tensor_type.HasField("shape"):
            sizes = [d.dim_value or unknown for d in value.type.tensor_type.shape.dim]
            if None not in sizes:
                found[name] = tuple(sizes)
    return found


def element_types(model: ModelProto) -> dict[str, int]:
    """ONNX element type of every tensor for which it can be told."""
    graph = model.graph
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    types |= {n: value.type.tensor_type.elem_type for n, value in inferred(model).items()}
    for node in graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Constant" and "value" in attributes:
            types[node.output[0]] = attributes["value"].data_type
        elif node.op_type == "QuantizeLinear":
            zero = node.input[2] if len(node.input) > 2 else ""
            kind = types.get(zero, 0) or attributes.get("output_dtype", 0) or TensorProto.UINT8
            types[node.output[0]] = kind
    return types
