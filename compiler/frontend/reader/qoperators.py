"""Quantised operators (QLinearConv ...) as the operators that they stand for, between quantisers.

onnxruntime's tool writes either form (``QuantFormat.QOperator``, ``QuantFormat.QDQ``); both name
the same scales and zero points. Sources: ONNX operator documentation, onnxruntime's contrib
operators.
"""

from collections.abc import Iterator

import numpy as np
from onnx import ModelProto, NodeProto, helper, numpy_helper

from compiler.errors import UnsupportedError

PREFIX = "QLinear"
#: Operator: how many tensors it computes from, each with scale and zero point.
OPERANDS = {"Conv": 2, "MatMul": 2, "Add": 2, "Mul": 2, "Sigmoid": 1, "LeakyRelu": 1,
            "AveragePool": 1, "GlobalAveragePool": 1}  # fmt: skip
#: Attributes of onnxruntime's form that the plain operator has not.
EXTRA = ("channels_last",)


def is_qoperator(node: NodeProto) -> bool:
    """Whether a node is an operator on codes with its scales among its operands."""
    return str(node.op_type).startswith(PREFIX)


def as_qdq(model: ModelProto) -> ModelProto:
    """The model with DequantizeLinear, the plain operator and QuantizeLinear for each; itself where
    it has none. UnsupportedError for one that is not known."""
    if not any(is_qoperator(node) for node in model.graph.node):
        return model
    result = ModelProto()
    result.CopyFrom(model)
    maker = Maker(result)
    nodes = []
    for node in model.graph.node:
        nodes.extend(maker.nodes(node) if is_qoperator(node) else [node])
    del result.graph.node[:]
    result.graph.node.extend(nodes)
    return result


class Maker:
    """Makes the nodes that stand for one, with tensor names that nothing else has."""

    def __init__(self, model: ModelProto):
        self.graph = model.graph
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self.taken = {*self.constants, *(value.name for value in model.graph.input)}
        self.taken.update(name for node in model.graph.node for name in node.output)

    def fresh(self, base: str) -> str:
        while base in self.taken:
            base += "_"
        self.taken.add(base)
        return base

    def nodes(self, node: NodeProto) -> Iterator[NodeProto]:
        """The plain operator between quantisers."""
        op = node.op_type.removeprefix(PREFIX)
        count = OPERANDS.get(op)
        if op == "Concat":
            scale, zero, *rest = node.input
            groups = [rest[i : i + 3] for i in range(0, len(rest), 3)]
        elif count is not None and len(node.input) > 3 * count:
            groups = [list(node.input[3 * i : 3 * i + 3]) for i in range(count)]
            scale, *others = node.input[3 * count :]
            zero = others[0] if others else ""
        else:
            raise UnsupportedError(
                f"{node.op_type} {node.name!r}: is not read; supported of QOperator files are "
                f"{', '.join(PREFIX + each for each in sorted([*OPERANDS, 'Concat']))}. Write the "
                "network as QDQ (onnxruntime: quant_format=QuantFormat.QDQ)."
            )
        given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if given.get("channels_last", 0):
            raise UnsupportedError(
                f"{node.op_type} {node.name!r}: channels_last is not supported; export the network "
                "with channels before height and width."
            )
        for extra in EXTRA:
            given.pop(extra, None)
        reals = []
        for place, group in enumerate(groups):
            real = self.fresh(f"{node.output[0]}/operand{place}")
            axis = {"axis": 0} if op == "Conv" and place == 1 else {}
            yield self.quantiser("DequantizeLinear", node, group, real, axis)
            reals.append(real)
        if op == "Conv" and len(node.input) > 8 and node.input[8]:
            real = self.fresh(f"{node.output[0]}/bias")
            operands = [node.input[8], self.bias_scale(node)]
            yield self.quantiser("DequantizeLinear", node, operands, real, {"axis": 0})
            reals.append(real)
        plain = self.fresh(f"{node.output[0]}/real")
        yield helper.make_node(op, reals, [plain], name=node.name, **given)
        yield self.quantiser("QuantizeLinear", node, [plain, scale, zero], node.output[0], {})

    def quantiser(
        self, op: str, node: NodeProto, operands: list[str], output: str, given: dict
    ) -> NodeProto:
        operands = list(operands)
        while operands and not operands[-1]:
            operands.pop()
        scale = self.constants.get(operands[1])
        if scale is not None and int(np.prod(scale.dims)) == 1:
            given = {}
        return helper.make_node(op, operands, [output], name=f"{node.name}/{output}", **given)

    def bias_scale(self, node: NodeProto) -> str:
        """The scale of a bias: that of the sums."""
        scales = [self.constants.get(node.input[i]) for i in (1, 4)]
        if None in scales:
            raise UnsupportedError(
                f"{node.op_type} {node.name!r}: its scales are not constant; dynamic quantisation "
                "is not supported. Export with static quantisation."
            )
        first, second = (numpy_helper.to_array(scale).reshape(-1) for scale in scales)
        name = self.fresh(f"{node.output[0]}/bias_scale")
        product = first * second
        product = product.reshape(()) if product.size == 1 else product
        self.graph.initializer.append(numpy_helper.from_array(product, name))
        self.constants[name] = self.graph.initializer[-1]
        return name
