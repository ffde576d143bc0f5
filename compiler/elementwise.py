"""Operators that work on every element by itself: what they compute and whether they are monotone.

They are what may stand between a convolution and its quantiser. Operands are arrays that broadcast,
of float64 or all of integers (``compiler.integers``); an absent optional operand is None.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from compiler import integers, quantisers
from compiler.ir import Graph, Node

Attributes = dict[str, Any]
Array = np.ndarray
Function = Callable[..., np.ndarray]


def batch_normalization(
    attributes: Attributes, x: Array, scale: Array, bias: Array, mean: Array, variance: Array
) -> Array:
    epsilon = float(attributes.get("epsilon", 1e-5))
    return (x - mean) / np.sqrt(variance + epsilon) * scale + bias


def clip(_: Attributes, x: Array, low: Array | None = None, high: Array | None = None) -> Array:
    low = -np.inf if low is None else low
    high = np.inf if high is None else high
    return np.minimum(np.maximum(x, low), high)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


def hard_sigmoid(attributes: Attributes, x: Array) -> Array:
    slope, offset = float(attributes.get("alpha", 0.2)), float(attributes.get("beta", 0.5))
    return np.clip(x * slope + offset, 0.0, 1.0)


def elu(attributes: Attributes, x: Array) -> Array:
    return np.where(x > 0, x, float(attributes.get("alpha", 1.0)) * np.expm1(np.minimum(x, 0)))


def cast(attributes: Attributes, x: Array) -> Array:
    """To a float type: nothing; to bool (9): x != 0; to an integer type: towards zero."""
    target = attributes.get("to", 1)
    if target in (1, 10, 11, 16):
        return x.astype(np.float64)
    return (x != 0).astype(np.float64) if target == 9 else np.trunc(x)


def leaky(attributes: Attributes, x: Array) -> Array:
    return np.where(x >= 0, x, x * float(attributes.get("alpha", 0.01)))


def plain(function: Function) -> Function:
    """An operator without attributes."""
    return lambda _, *operands: np.asarray(function(*operands), np.float64)


FUNCTIONS: dict[str, Function] = {
    "Identity": plain(lambda x: x),
    "Dropout": plain(lambda *operands: operands[0]),
    "Cast": cast,
    "Relu": plain(lambda x: np.maximum(x, 0.0)),
    "LeakyRelu": leaky,
    "PRelu": plain(lambda x, slope: np.where(x >= 0, x, x * slope)),
    "Elu": elu,
    "Clip": clip,
    "Sigmoid": plain(sigmoid),
    "HardSigmoid": hard_sigmoid,
    "HardSwish": plain(lambda x: x * np.clip(x / 6 + 0.5, 0.0, 1.0)),
    "Tanh": plain(np.tanh),
    "Softplus": plain(lambda x: np.logaddexp(x, 0.0)),
    "Softsign": plain(lambda x: x / (1 + np.abs(x))),
    "Mish": plain(lambda x: x * np.tanh(np.logaddexp(x, 0.0))),
    "BatchNormalization": batch_normalization,
    "Mul": plain(np.multiply),
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

#: Never falls, whatever the constants (scales of quantisers are checked to be positive).
RISING = {
    "Identity", "Dropout", "Cast", "Relu", "Clip", "Sigmoid", "Tanh", "Softplus", "Softsign",
    "Round", "Floor", "Ceil", "Sign", "Quant", "IntQuant", "BipolarQuant", "QuantizeLinear",
    "DequantizeLinear", "MultiThreshold", "Min", "Max",
}  # fmt: skip


def is_variable_elementwise(node: Node, graph: Graph) -> bool:
    """Whether the node is an elementwise operator on at least one tensor that is not constant."""
    return node.op in ELEMENTWISE and bool(graph.variables(node))


def apply(node: Node, operands: list[np.ndarray | None]) -> np.ndarray:
    """Compute the node: exactly where all operands are integers, otherwise in float64.

    0 * inf counts as 0 (the factor 0 decides for every finite value).
    """
    while operands and operands[-1] is None:
        operands = operands[:-1]
    if integers.are_integers(operands):
        return integers.OPERATORS[node.op](node.attributes, *operands)
    with np.errstate(all="ignore"):
        result = FUNCTIONS[node.op](node.attributes, *operands)
    return np.nan_to_num(result, nan=0.0, posinf=np.inf, neginf=-np.inf)


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
    """+1 rises, -1 falls, 0 constant: per channel, in the node's only variable operand.

    None: not monotone, not known to be, or more than one variable operand.
    """
    places = [i for i, tensor in enumerate(node.inputs) if tensor and tensor not in graph.constants]
    if len(places) != 1:
        return None
    if node.op in RISING:
        return np.ones(1)
    place = places[0]
    others = [graph.constants[t] for i, t in enumerate(node.inputs) if t and i != place]
    match node.op:
        case "LeakyRelu":
            slope = float(node.attributes.get("alpha", 0.01))
            return np.ones(1) if slope >= 0 else None
        case "Elu":
            return np.ones(1) if float(node.attributes.get("alpha", 1.0)) >= 0 else None
        case "HardSigmoid":
            return np.sign([float(node.attributes.get("alpha", 0.2))])
        case "PRelu":
            return np.ones(1) if place == 0 and (others[0] >= 0).all() else None
        case "BatchNormalization":
            return np.sign(others[0]).reshape(-1)
        case "Mul":
            return np.sign(others[0]).reshape(-1)
        case "Div":
            return np.sign(others[0]).reshape(-1) if place == 0 else None
        case "Add":
            return np.ones(1)
        case "BitShift" if place == 0:
            return np.ones(1)
        case "Sub":
            return np.ones(1) if place == 0 else -np.ones(1)
        case "Neg" | "Not":
            return -np.ones(1)
        case "Greater" | "GreaterOrEqual":
            return np.ones(1) if place == 0 else -np.ones(1)
        case "Less" | "LessOrEqual":
            return -np.ones(1) if place == 0 else np.ones(1)
        case "Where" if place == 0:
            return np.sign(others[0] - others[1]).reshape(-1)
    return None
