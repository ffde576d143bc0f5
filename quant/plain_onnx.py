"""Rewrite a QONNX graph into standard ONNX operators, so that any ONNX runtime executes it.

Operator definitions: github.com/fastmachinelearning/qonnx, ``docs/qonnx-custom-ops``.
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import NodeProto, helper, numpy_helper

DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas")


def code_range(bits: int, *, signed: bool, narrow: bool) -> tuple[int, int]:
    """Smallest and largest integer code of a ``Quant`` node."""
    if signed:
        return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow


class _Rewriter:
    def __init__(self, graph: onnx.GraphProto):
        self.known = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        self.nodes: list[NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def emit(self, op: str, inputs: list[str], output: str) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output))
        return output

    def quant(self, node: NodeProto) -> None:
        x, scale, zero_point, bits = node.input
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        mode = attributes.get("rounding_mode", b"ROUND").decode()
        if mode.upper() != "ROUND":
            raise ValueError(f"Quant '{node.name}': rounding mode must be ROUND, not {mode}")
        low, high = code_range(
            int(self.known[bits]),
            signed=bool(attributes.get("signed", 1)),
            narrow=bool(attributes.get("narrow", 0)),
        )
        y = node.output[0]
        bounds = [self.constant(f"{y}_{n}", v) for n, v in (("low", low), ("high", high))]
        shifted = self.emit("Div", [x, scale], f"{y}_divided")
        # Most zero points are 0: the graph then has two nodes less.
        offset = np.any(self.known[zero_point])
        if offset:
            shifted = self.emit("Add", [shifted, zero_point], f"{y}_shifted")
        clipped = self.emit("Clip", [shifted, *bounds], f"{y}_clipped")
        # ONNX Round rounds halves to even, as Quant does.
        codes = self.emit("Round", [clipped], f"{y}_codes")
        if offset:
            codes = self.emit("Sub", [codes, zero_point], f"{y}_centred")
        self.emit("Mul", [codes, scale], y)

    def bipolar(self, node: NodeProto) -> None:
        x, scale = node.input
        y = node.output[0]
        zero = self.constant(f"{y}_zero", 0.0)
        minus = self.constant(f"{y}_minus", -self.known[scale])
        # 0 becomes +scale.
        positive = self.emit("GreaterOrEqual", [x, zero], f"{y}_positive")
        self.emit("Where", [positive, scale, minus], y)


def plain(model: onnx.ModelProto) -> onnx.ModelProto:
    """``model`` with every Quant and BipolarQuant spelled in standard operators.

    Raises ``ValueError`` for another QONNX operator or rounding mode.
    """
    rewriter = _Rewriter(model.graph)
    for node in model.graph.node:
        if node.domain not in DOMAINS:
            rewriter.nodes.append(node)
        elif node.op_type in ("Quant", "IntQuant"):
            rewriter.quant(node)
        elif node.op_type == "BipolarQuant":
            rewriter.bipolar(node)
        else:
            raise ValueError(f"{node.op_type} '{node.name}': no plain ONNX form known")
    rewritten = onnx.ModelProto()
    rewritten.CopyFrom(model)
    del rewritten.graph.node[:], rewritten.graph.value_info[:], rewritten.opset_import[:]
    rewritten.graph.node.extend(rewriter.nodes)
    rewritten.graph.initializer.extend(rewriter.constants)
    rewritten.opset_import.extend(o for o in model.opset_import if o.domain not in DOMAINS)
    return rewritten


class PlainRunner:
    """Executes a QONNX file with onnxruntime.

    Graph optimisation is off: fusing BatchNorm into a convolution would turn sums of integers,
    exact in float32, into rounded ones and move results across quantiser steps.
    """

    def __init__(self, path: Path):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3  # no warnings about the constants that ``plain`` left unused
        options.intra_op_num_threads = 2
        model = plain(onnx.load(str(path)))
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.input = self.session.get_inputs()[0].name

    def __call__(self, pixels: np.ndarray) -> list[np.ndarray]:
        """Outputs for one picture, uint8 [height, width, 3]."""
        x = pixels.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
        return self.session.run(None, {self.input: x})
