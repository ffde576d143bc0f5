"""Transposed convolutions of 2 x 2 windows side by side as convolutions that are quantised as all.

One of C channels is a 1 x 1 convolution of 4 C channels, of which DepthToSpace makes four positions
of each: the same products, and a step for each of their channels.
"""

import numpy as np
from onnx import ModelProto, NodeProto, helper, numpy_helper

from compiler.frontend.ir import Node
from compiler.frontend.operators.shapes import is_four_convolutions


def without_transposed(model: ModelProto) -> ModelProto:
    """The model with Conv and DepthToSpace in their place; others, and those of weights that are
    computed, stay. It is changed in place."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        operands = [constants.get(name) for name in node.input[1:]]
        if node.op_type != "ConvTranspose" or None in operands or not _is_known(node, operands[0]):
            nodes.append(node)
            continue
        weights = numpy_helper.to_array(operands[0])  # [in, out, 2, 2]
        wide = weights.transpose(2, 3, 1, 0).reshape(-1, len(weights), 1, 1)
        made = [numpy_helper.from_array(np.ascontiguousarray(wide), f"{node.input[1]}/wide")]
        if len(operands) > 1:
            bias = np.tile(numpy_helper.to_array(operands[1]), 4)
            made.append(numpy_helper.from_array(bias, f"{node.input[2]}/wide"))
        inputs = [node.input[0], *(tensor.name for tensor in made)]
        known = {tensor.name for tensor in model.graph.initializer}
        model.graph.initializer.extend(tensor for tensor in made if tensor.name not in known)
        deep = f"{node.output[0]}/deep"
        nodes += [
            helper.make_node("Conv", inputs, [deep], name=f"{node.name}/deep"),
            helper.make_node("DepthToSpace", [deep], node.output, name=node.name, blocksize=2),
        ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def _is_known(node: NodeProto, weights: object) -> bool:
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if isinstance(attributes.get("auto_pad"), bytes):
        attributes["auto_pad"] = attributes["auto_pad"].decode()
    told = Node(
        op=node.op_type, name=node.name, inputs=tuple(node.input), outputs=tuple(node.output),
        attributes=attributes,
    )  # fmt: skip
    return is_four_convolutions(told, tuple(weights.dims))
