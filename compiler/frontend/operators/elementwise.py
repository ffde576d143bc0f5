"""Operators that work on every element by itself: what they compute and whether they are monotone.

They are what may stand between a convolution and its quantiser. Operands are arrays that broadcast,
of float64 or all of integers (``compiler.frontend.integers``); an absent optional operand is None.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from compiler.frontend import integers
from compiler.frontend.ir import Graph, Node
from compiler.frontend.operators import quantisers

Attributes = dict[str, Any]
Array = np.ndarray
Function = Callable[..., np.ndarray]


#: Attributes of ONNX are float32, and so are their defaults.
DEFAULTS = {
    name: {attribute: float(np.float32(value)) for attribute, value in values.items()}
    for name, values in {
        "BatchNormalization": {"epsilon": 1e-5},
        "Elu": {"alpha": 1.0},
        "HardSigmoid": {"alpha": 0.2, "beta": 0.5},
        "LeakyRelu": {"alpha": 0.01},
        "MultiThreshold": {"out_scale": 1.0, "out_bias": 0.0},
    }.items()
}
#: ONNX element types that Cast takes to a float, and that of truth values.
FLOAT_TYPES = (1, 10, 11, 16)
BOOLEAN = 9


def setting(op: str, attributes: Attributes, name: str) -> float:
    """A float attribute of an operator, or its default."""
    return float(attributes.get(name, DEFAULTS[op][name]))


def product(x: Array, y: Array) -> Array:
    """The product, where 0 times infinity is 0: infinity stands for finite values without limit."""
    result = x * y
    return np.where(np.isnan(result) & ((x == 0) | (y == 0)), 0.0, result)


def batch_normalization(
    attributes: Attributes, x: Array, scale: Array, bias: Array, mean: Array, variance: Array
) -> Array:
    epsilon = setting("BatchNormalization", attributes, "epsilon")
    return product((x - mean) / np.sqrt(variance + epsilon), scale) + bias


def clip(_: Attributes, x: Array, low: Array | None = None, high: Array | None = None) -> Array:
    low = -np.inf if low is None else low
    high = np.inf if high is None else high
    return np.minimum(np.maximum(x, low), high)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


def softsign(x: np.ndarray) -> np.ndarray:
    return np.where(np.isinf(x), np.sign(x), x / (1 + np.abs(x)))


def hard_sigmoid(attributes: Attributes, x: Array) -> Array:
    slope, offset = (setting("HardSigmoid", attributes, name) for name in ("alpha", "beta"))
    return np.clip(product(x, np.float64(slope)) + offset, 0.0, 1.0)


def elu(attributes: Attributes, x: Array) -> Array:
    return np.where(x > 0, x, setting("Elu", attributes, "alpha") * np.expm1(np.minimum(x, 0)))


def cast(attributes: Attributes, x: Array) -> Array:
    """To a float type: nothing; to bool (9): x != 0; to an integer type: towards zero."""
    target = attributes.get("to", 1)
    if target in FLOAT_TYPES:
        return x.astype(np.float64)
    return (x != 0).astype(np.float64) if target == BOOLEAN else np.trunc(x)


def prelu(x: Array, slope: Array) -> Array:
    return np.where(x >= 0, x, product(x, slope))


def leaky(attributes: Attributes, x: Array) -> Array:
    return prelu(x, np.float64(setting("LeakyRelu", attributes, "alpha")))


def plain(function: Function) -> Function:
    """An operator without attributes."""
    return lambda _, *operands: np.asarray(function(*operands), np.float64)


FUNCTIONS: dict[str, Function] = {
    "Identity": plain(lambda x: x),
    "Dropout": plain(lambda *operands: operands[0]),
    "Cast": cast,
    "Relu": plain(lambda x: np.maximum(x, 0.0)),
    "LeakyRelu": leaky,
    "PRelu": plain(prelu),
    "Elu": elu,
    "Clip": clip,
    "Sigmoid": plain(sigmoid),
    "HardSigmoid": hard_sigmoid,
    "HardSwish": plain(lambda x: product(x, np.clip(x / 6 + 0.5, 0.0, 1.0))),
    "Tanh": plain(np.tanh),
    "Softplus": plain(lambda x: np.logaddexp(x, 0.0)),
    "Softsign": plain(softsign),
    "Mish": plain(lambda x: product(x, np.tanh(np.logaddexp(x, 0.0)))),
    "BatchNormalization": batch_normalization,
    "Mul": plain(product),
    "Add": plain(np.add),
    "Sub": plain(np.subtract),
    "Div": plain(np.divide),
    "Neg": plain(np.negative),
    "Abs": plain(np.abs),
    "Min": plain(lambda *x: np.minimum.reduce(np.broadcast_arrays(*x))),
    "Max": plain(lambda *x: np.maximum.reduce(np.broadcast_arrays(*x))),
    "Round": plain(np.rint),
    "Floor": plain(np.floor),
    "Ceil": plain(np.ceil),
    "Sign": plain(np.sign),
    "Greater": plain(np.greater),
    "GreaterOrEqual": plain(np.greater_equal),
    "Less": plain(np.less),
    "LessOrEqual": plain(np.less_equal),
    "Not": plain(lambda x: x == 0),
    "Where": plain(lambda condition, x, y: np.where(condition != 0, x, y)),
    "Quant": quantisers.quant,
    "IntQuant": quantisers.quant,
    "BipolarQuant": quantisers.bipolar_quant,
    "QuantizeLinear": quantisers.quantize_linear,
    "DequantizeLinear": quantisers.dequantize_linear,
    "MultiThreshold": quantisers.multi_threshold,
}

#: Operators by name, on floats, on integers or on both.
ELEMENTWISE = frozenset(FUNCTIONS) | frozenset(integers.OPERATORS)

#: Never falls, in any operand, whatever the others (scales are checked to be positive).
RISING = {
    "Identity", "Dropout", "Relu", "Clip", "Sigmoid", "Tanh", "Softplus", "Softsign",
    "Round", "Floor", "Ceil", "Sign", "Quant", "IntQuant", "BipolarQuant", "QuantizeLinear",
    "DequantizeLinear", "Min", "Max", "Add",
}  # fmt: skip
#: Results are 0 and 1 only.
TRUTH = {"Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not"}


def is_variable_elementwise(node: Node, graph: Graph) -> bool:
    """Whether the node is an elementwise operator on at least one tensor that is not constant."""
    return node.op in ELEMENTWISE and bool(graph.variables(node))


def apply(node: Node, operands: list[np.ndarray | None]) -> np.ndarray:
    """Compute the node: exactly where all operands are integers, otherwise in float64.

    Infinity stands for values without limit: the result there is the limit of the function. NaN
    where there is none, or where the function is not defined.
    """
    while operands and operands[-1] is None:
        operands = operands[:-1]
    if integers.are_integers(operands):
        return integers.OPERATORS[node.op](node.attributes, *operands)
    with np.errstate(all="ignore"):
        return FUNCTIONS[node.op](node.attributes, *operands)


def integer_ends(node: Node, graph: Graph, ends: dict[str, np.ndarray]) -> np.ndarray:
    """Smallest and largest result on integers, without limits, from those of the operands.

    Arrays [..., 2] of Python integers. Operators rise or fall in every operand: what is not so is
    refused by ``check_types``.
    """
    operands = [ends.get(tensor, graph.constants.get(tensor)) for tensor in node.inputs]
    if node.op == "Sub" and len(graph.variables(node)) == 2:
        operands[1] = operands[1][..., ::-1]
    return np.sort(apply(node, operands), axis=-1)


def directions(node: Node, graph: Graph) -> np.ndarray | None:
    """+1 rises, -1 falls, 0 constant: per channel, as a function of the node's variable operand.

    None: not monotone, not known to be, or of more than one variable operand. The same operand
    taken twice is one.
    """
    variables = graph.variables(node)
    if len(variables) != 1:
        return None
    signs = [
        operand_direction(node, graph, place)
        for place, tensor in enumerate(node.inputs)
        if tensor == variables[0]
    ]
    return agreement(signs) if len(signs) == 1 or node.op != "Sub" else np.zeros(1)


def agreement(signs: list[np.ndarray | None]) -> np.ndarray | None:
    """The direction of a function from those in each of its operands; None where they differ."""
    if any(sign is None for sign in signs):
        return None
    rows = np.broadcast_arrays(*signs)
    least, most = np.minimum.reduce(rows), np.maximum.reduce(rows)
    return None if (least * most < 0).any() else np.sign(least + most)


def is_truth(tensor: str, graph: Graph) -> bool:
    """Whether the tensor holds 0 and 1 only."""
    node = graph.producers.get(tensor)
    if node is None:
        return False
    return node.op in TRUTH or (node.op == "Cast" and node.attributes.get("to") == BOOLEAN)


def operand_direction(node: Node, graph: Graph, place: int) -> np.ndarray | None:
    """+1, -1 or 0 per channel: how the result moves with operand ``place``, whatever the others.

    None: not monotone in it, or in a way that depends on an operand that is not constant.
    """
    if node.op in RISING:
        return np.ones(1)
    others = [graph.constants.get(t) for i, t in enumerate(node.inputs) if t and i != place]
    match node.op:
        case "LeakyRelu" | "Elu":
            return np.ones(1) if setting(node.op, node.attributes, "alpha") >= 0 else None
        case "HardSigmoid":
            return np.sign([setting(node.op, node.attributes, "alpha")])
        case "MultiThreshold":
            return np.sign([setting(node.op, node.attributes, "out_scale")])
        case "Cast":
            is_bit = node.attributes.get("to") != BOOLEAN or is_truth(node.inputs[0], graph)
            return np.ones(1) if is_bit else None
        case "Neg":
            return -np.ones(1)
        case "Not":
            return -np.ones(1) if is_truth(node.inputs[0], graph) else None
        case "Sub" | "Greater" | "GreaterOrEqual":
            return np.ones(1) if place == 0 else -np.ones(1)
        case "Less" | "LessOrEqual":
            return -np.ones(1) if place == 0 else np.ones(1)
    if any(value is None for value in others):
        return None
    match node.op:
        case "PRelu" if place == 0 and (others[0] >= 0).all():
            return np.ones(1)
        case "BatchNormalization" | "Mul":
            return np.sign(others[0]).reshape(-1)
        case "Div" if place == 0 and (others[0] != 0).all():
            return np.sign(others[0]).reshape(-1)
        case "BitShift" if place == 0:
            return np.ones(1)
        case "Where" if place == 0 and is_truth(node.inputs[0], graph):
            return np.sign(others[0] - others[1]).reshape(-1)
    return None
