"""Tells ties from errors: a code may differ where the graph's own value lies on a level.

In float64 the order of summation decides on which side of a level such a value falls.
"""

import numpy as np
from onnx import ModelProto, helper, numpy_helper

from compiler.compare import codes_of
from compiler.reference import run_float64
from golden.network import Network

ROUNDING = {"Quant", "IntQuant", "BipolarQuant", "QuantizeLinear", "Sign", "Round", "Floor", "Ceil",
            "MultiThreshold"}  # fmt: skip
NUDGE = 1e-10
"""Of a tensor's largest value: above what float64 loses, far below what a level is from another."""


def nudged(model: ModelProto, values: dict[str, np.ndarray], part: float) -> ModelProto:
    """The model with ``part`` of each tensor's largest value added in front of what rounds it."""
    result = ModelProto()
    result.CopyFrom(model)
    variable = {value.name for value in model.graph.input}
    variable -= {tensor.name for tensor in model.graph.initializer}
    nodes = []
    for node in result.graph.node:
        if not variable.isdisjoint(node.input):
            variable.update(node.output)
            x = node.input[0]
            if node.op_type in ROUNDING and x in variable and values[x].dtype.kind == "f":
                amount = part * max(1e-3, np.abs(values[x]).max(initial=0))
                name = f"nudge {len(nodes)}"
                result.graph.initializer.append(
                    numpy_helper.from_array(np.float64(amount), f"{name} by")
                )
                nodes.append(helper.make_node("Add", [x, f"{name} by"], [name]))
                node.input[0] = name
        nodes.append(node)
    del result.graph.node[:]
    result.graph.node.extend(nodes)
    return result


def explained(
    model: ModelProto,
    image: np.ndarray,
    network: Network,
    name: str,
    results: dict[str, np.ndarray],
) -> bool:
    """Whether every differing code of tensor ``name`` is that of the graph nudged up or down."""
    values = run_float64(model, image)
    onnx_name, tensor = network.onnx_names[name], network.tensors[name]
    found = [codes_of(values[onnx_name], tensor)]
    for part in (NUDGE, -NUDGE):
        nudge = run_float64(nudged(model, values, part), image)
        found.append(codes_of(nudge[onnx_name], tensor))
    codes = results[name]
    return bool(((codes >= np.min(found, axis=0)) & (codes <= np.max(found, axis=0))).all())
