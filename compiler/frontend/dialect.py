"""What an ONNX file is: how its quantisation is written, its picture, its size."""

from collections import Counter

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from compiler.frontend.spec import CONVOLUTIONS_IN_FILES, QDQ, QUANTISERS, ROUNDING

#: Bits of the types that zero points have; those after INT32 by value, as older onnx lacks them.
BITS = {
    TensorProto.UINT8: 8, TensorProto.INT8: 8, TensorProto.UINT16: 16, TensorProto.INT16: 16,
    TensorProto.INT32: 32, 21: 4, 22: 4, 25: 2, 26: 2,
}  # fmt: skip
FLOAT = "float"
DYNAMIC = {"DynamicQuantizeLinear", "DynamicQuantizeLSTM", "MatMulIntegerToFloat"}


def dialects(model: ModelProto) -> list[str]:
    """The ways in which the file is quantised; [FLOAT] where it is not."""
    # Names that are not UTF-8 come as bytes; reading the file will say so.
    ops = Counter(str(node.op_type) for node in model.graph.node)
    found = []
    if any(op.startswith("QLinear") for op in ops):
        found.append("QOperator (QLinearConv ...)")
    if dynamic(model):
        found.append("dynamic quantisation (DynamicQuantizeLinear)")
    elif {"ConvInteger", "MatMulInteger"} & ops.keys():
        found.append("integers only (ConvInteger)")
    if QUANTISERS & ops.keys():
        found.append("QONNX")
    if "QuantizeLinear" in ops or ("DequantizeLinear" in ops and not found):
        found.append(qdq(model))
    if not found and ROUNDING & ops.keys():
        found.append("quantisation written out (Round, Clip ...)")
    return found or [FLOAT]


def qdq(model: ModelProto) -> str:
    """QDQ, or QCDQ where a Clip follows a QuantizeLinear, and of how many bits."""
    producers = {output: node for node in model.graph.node for output in node.output}
    clipped = any(
        node.op_type == "Clip" and getattr(producers.get(node.input[0]), "op_type", "") in QDQ
        for node in model.graph.node
        if node.input
    )
    if clipped:
        return "QCDQ"
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            value = next((a.t for a in node.attribute if a.name == "value"), None)
            types[node.output[0]] = value.data_type if value is not None else 0
    kinds = {kind_of_codes(node, types) for node in model.graph.node if node.op_type in QDQ}
    bits = sorted({BITS[kind] for kind in kinds if kind in BITS} - {32})  # biases have 32
    return f"QDQ of {' and '.join(map(str, bits))}-bit types" if bits else "QDQ"


def kind_of_codes(node: NodeProto, types: dict[str, int]) -> int:
    """Element type of a quantiser's codes: its zero point's; without one output_dtype or uint8."""
    if len(node.input) > 2 and node.input[2]:
        return types.get(node.input[2], 0)
    if node.op_type == "DequantizeLinear":
        return types.get(node.input[0], 0)
    given = (a.i for a in node.attribute if a.name == "output_dtype")
    return next(given, 0) or TensorProto.UINT8


def picture(model: ModelProto) -> ValueInfoProto | None:
    """The first input that is not an initialiser."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return next((value for value in model.graph.input if value.name not in constants), None)


def is_float(model: ModelProto) -> bool:
    """Whether nothing in the file is quantised."""
    return dialects(model) == [FLOAT]


def dynamic(model: ModelProto) -> bool:
    """Whether scales are computed for every picture."""
    return any(node.op_type in DYNAMIC for node in model.graph.node)


def described(model: ModelProto) -> str:
    """One line: dialect, picture, opset, number of nodes and of convolutions among them."""
    names = dialects(model)
    text = names[0] if len(names) == 1 else f"mixed: {', '.join(names)}"
    value = picture(model)
    size = "no picture"
    if value is not None:
        dimensions = value.type.tensor_type.shape.dim
        sizes = [str(d.dim_value or d.dim_param or "?") for d in dimensions]
        size = f"picture {' x '.join(sizes[1:] if len(sizes) == 4 else sizes)} ({kind_name(value)})"
    opsets = [str(o.version) for o in model.opset_import if o.domain in ("", "ai.onnx")]
    convolutions = sum(node.op_type in CONVOLUTIONS_IN_FILES for node in model.graph.node)
    return (
        f"{text}; {size}; opset {', '.join(opsets) or '?'}; {len(model.graph.node)} nodes, "
        f"{convolutions} of them convolutions"
    )


def kind_name(value: ValueInfoProto) -> str:
    """NumPy's name for an input's element type."""
    code = value.type.tensor_type.elem_type
    try:
        return np.dtype(helper.tensor_dtype_to_np_dtype(code)).name
    except KeyError:
        return f"element type {code}"
