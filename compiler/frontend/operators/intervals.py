"""Intervals through elementwise operators: what holds every result for operands in given limits.

An interval holds the float64 results of the operators in ``elementwise``, not only those
of exact arithmetic. Operators made of correctly rounded operations keep their direction when
rounded; functions that a library approximates get a margin.
"""

from itertools import product

import numpy as np

from compiler.frontend import integers
from compiler.frontend.ir import Node
from compiler.frontend.operators.elementwise import BOOLEAN, apply

Array = np.ndarray
Range = tuple[Array, Array]

#: Rise or fall in each operand while the others stand still, so that the corners are extreme.
CORNERS = {
    "Identity", "Dropout", "Cast", "Relu", "Clip", "Add", "Sub", "Mul", "Div", "Neg", "Min", "Max",
    "Round", "Floor", "Ceil", "Sign", "Greater", "GreaterOrEqual", "Less", "LessOrEqual",
    "Sigmoid", "HardSigmoid", "Tanh", "Softplus", "Softsign", "BatchNormalization", "Quant",
    "IntQuant", "BipolarQuant", "QuantizeLinear", "DequantizeLinear", "MultiThreshold", "BitShift",
}  # fmt: skip
#: Place of the smallest result of Mish, and others where a function turns round.
TURNS = {
    "Abs": 0.0,
    "LeakyRelu": 0.0,
    "PRelu": 0.0,
    "Elu": 0.0,
    "HardSwish": -1.5,
    "Mish": -1.1924312145,
}
#: Results that a library approximates: their limits, and from where on they are exact.
APPROXIMATE = {
    "Sigmoid": (0.0, 1.0, np.inf),
    "Tanh": (-1.0, 1.0, np.inf),
    "Softsign": (-1.0, 1.0, np.inf),
    "Softplus": (0.0, np.inf, np.inf),
    "Elu": (-np.inf, np.inf, 0.0),
    "HardSwish": (-np.inf, np.inf, 3.0),
    "Mish": (-np.inf, np.inf, np.inf),
}
#: Margin of those, in units of the last place of the result or of a term that it is the sum of.
MARGIN, TERM = 16, 2.0**-3
#: More operands that vary than this: no limits are given.
MOST_OPERANDS = 4


def image(node: Node, operands: list[Range | None]) -> Range:
    """Limits of the node's result for operands between theirs (arrays that broadcast).

    A constant has twice the same array; an absent operand is None. -inf..inf where nothing is
    known. Two operands that are the same tensor count as if they were two.
    """
    if node.op == "Where":
        return choice(*operands)
    if node.op == "Not" or (node.op == "Cast" and node.attributes.get("to") == BOOLEAN):
        return truth(node, operands)
    turn = TURNS.get(node.op)
    if node.op not in CORNERS and turn is None:
        return unknown(operands)
    ends = [ends_of(operand) for operand in operands]
    if turn is not None:
        ends[0].append(np.clip(turn, *operands[0]))
    if sum(len(places) > 1 for places in ends) > MOST_OPERANDS:
        return unknown(operands)
    results = np.broadcast_arrays(*(apply(node, list(corner)) for corner in product(*ends)))
    low, high = np.minimum.reduce(results), np.maximum.reduce(results)
    if node.op in APPROXIMATE:
        low, high = widened(node.op, low, high)
    undefined = np.zeros(low.shape, bool)
    if low.dtype.kind == "f":
        undefined = np.logical_or.reduce([np.isnan(result) for result in results])
    if node.op == "Div" and not integers.are_integers([low]):
        undefined = undefined | ((operands[1][0] <= 0) & (operands[1][1] >= 0))
    if not undefined.any():
        return low, high
    return np.where(undefined, -np.inf, low), np.where(undefined, np.inf, high)


def ends_of(operand: Range | None) -> list[Array | None]:
    """The different ends of an operand."""
    if operand is None:
        return [None]
    return [operand[0]] if operand[0] is operand[1] else list(operand)


def unknown(operands: list[Range | None]) -> Range:
    """No limits, in the form of the operands."""
    shape = np.broadcast_shapes(*(operand[0].shape for operand in operands if operand is not None))
    return np.full(shape, -np.inf), np.full(shape, np.inf)


def widened(op: str, low: Array, high: Array) -> Range:
    """The limits with a margin for the error of a library's function."""
    least, most, exact = APPROXIMATE[op]
    term = TERM if op == "HardSwish" else 0.0
    results = []
    for value, sign, limit in ((low, -1, least), (high, 1, most)):
        with np.errstate(all="ignore"):
            wide = value + sign * MARGIN * np.spacing(np.maximum(np.abs(value), term))
        wide = np.where(np.isinf(value) | (value >= exact), value, wide)
        results.append(np.maximum(wide, limit) if sign < 0 else np.minimum(wide, limit))
    return results[0], results[1]


def truth(node: Node, operands: list[Range | None]) -> Range:
    """Not, and Cast to bool: whether the operand is zero."""
    low, high = operands[0]
    zero, other = (apply(node, [np.float64(value)]) for value in (0.0, 1.0))
    certain = (low > 0) | (high < 0)
    never = (low == 0) & (high == 0)
    least = np.where(certain, other, np.where(never, zero, 0.0))
    most = np.where(certain, other, np.where(never, zero, 1.0))
    return least, most


def choice(condition: Range, first: Range, second: Range) -> Range:
    """Where: the operands that the condition may choose."""
    low, high = condition
    can_be_true = (low != 0) | (high != 0)
    can_be_false = (low <= 0) & (high >= 0)
    lows = np.where(can_be_true, first[0], np.inf), np.where(can_be_false, second[0], np.inf)
    highs = np.where(can_be_true, first[1], -np.inf), np.where(can_be_false, second[1], -np.inf)
    return np.minimum(*lows), np.maximum(*highs)
