"""Spell fixed-point requantisation in ONNX's own integer operators.

The spelling (docs/numerics.md, section 6) is the one that onnxruntime computes right: the maximum
with 0 in int32, everything after it in uint64.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from quant.exports.graph import constants_of, rebuilt
from quant.quantisers.integer_nodes import DOMAIN, REQUANTISE


def expand_requantise(model: onnx.ModelProto) -> onnx.ModelProto:
    """Replace every Requantise(x, factor, shift) by standard operators.

    y = min((max(x, 0) * factor + 2^(shift - 1)) >> shift, high) as uint8.
    """
    known = constants_of(model)
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    for node in model.graph.node:
        if (node.domain, node.op_type) != (DOMAIN, REQUANTISE):
            nodes.append(node)
            continue
        x, factor, shift = node.input
        y = node.output[0]
        high = helper.get_attribute_value(node.attribute[0])

        def constant(name: str, value: np.ndarray, kind: type = np.uint64, y: str = y) -> str:
            tensor = numpy_helper.from_array(np.asarray(value).astype(kind), f"{y}_{name}")
            constants.append(tensor)
            return tensor.name

        def emit(op: str, *inputs: str, name: str = "", y: str = y, **attributes: object) -> str:
            output = f"{y}_{op}{name}" if name != "codes" else y
            nodes.append(helper.make_node(op, list(inputs), [output], name=output, **attributes))
            return output

        half = constant("half", 2 ** (known[shift] - 1))
        positive = emit("Max", x, constant("zero", 0, np.int32))
        product = emit(
            "Mul", emit("Cast", positive, to=TensorProto.UINT64), constant("factor", known[factor])
        )
        shifted = emit(
            "BitShift",
            emit("Add", product, half),
            constant("shift", known[shift]),
            direction="RIGHT",
        )
        least = emit("Min", shifted, constant("high", high))
        emit("Cast", least, name="codes", to=TensorProto.UINT8)
    expanded = rebuilt(model, nodes, constants)
    opsets = [o for o in expanded.opset_import if o.domain != DOMAIN]
    del expanded.opset_import[:]
    expanded.opset_import.extend(opsets)
    return expanded
