"""Elementwise operators on real numbers without rounding errors (:mod:`compiler.exact`)."""

import numpy as np

from compiler.exact.operators import ON_REALS
from compiler.exact.picture import simple_fraction
from compiler.exact.quantising import round_by
from compiler.exact.reals import Reals, maximum, minimum
from compiler.frontend.ir import Node

#: Steps: a rounding error in front of them may become a whole level.
STEPS = frozenset({
    "BipolarQuant", "Ceil", "Floor", "Greater", "GreaterOrEqual", "IntQuant", "Less", "LessOrEqual",
    "MultiThreshold", "Quant", "QuantizeLinear", "Round", "Sign",
})  # fmt: skip


def fractions(values: np.ndarray, shape: tuple) -> Reals:
    """Scales as what they stand for: 1/255 and 1/9 are those fractions."""
    return Reals.fractions([simple_fraction(float(v)) for v in np.ravel(values)], shape)


def is_known(node: Node) -> bool:
    """Whether the operator can be computed here."""
    return node.op in ON_REALS or node.op == "Not"


def apply(node: Node, operands: list[Reals | None]) -> Reals:
    """One operator, in the form that the passes give it."""
    match node.op:
        case "QuantizeLinear":
            x, scale, zero = operands
            low, high = node.attributes["low"], node.attributes["high"]
            return minimum(maximum(round_by("ROUND", x / scale) + zero, low), high)
        case "DequantizeLinear":
            x, scale, zero = operands
            return (x - zero) * scale
        case "Not":
            return 1.0 - operands[0]
    while operands[-1] is None:
        operands = operands[:-1]
    return Reals.of(ON_REALS[node.op](node.attributes, *operands))
