"""Elementwise operators as a runtime computes them: every result rounded to float32.

Operands are float32 numbers in float64 arrays. Sums, products, quotients and square roots of those,
rounded to float32 from float64, are what float32 arithmetic gives (float64 has more than twice its
digits); of other functions it is the float32 number next to the result.
"""

import numpy as np

from compiler.frontend.ir import Node
from compiler.frontend.operators.elementwise import apply, setting

Array = np.ndarray


def rounded(values: Array) -> Array:
    """The nearest float32 numbers, as float64."""
    with np.errstate(all="ignore"):
        return np.asarray(values).astype(np.float32).astype(np.float64)


def apply_single(node: Node, operands: list[Array | None]) -> Array:
    """One operator; those that are defined by several operations round each of them.

    HardSigmoid (ONNX 6), HardSwish (14), QuantizeLinear and DequantizeLinear (10 to 25), Quant.
    """
    operands = [None if value is None else rounded(value) for value in operands]
    match node.op:
        case "HardSigmoid":
            slope, offset = (setting(node.op, node.attributes, name) for name in ("alpha", "beta"))
            return hard_sigmoid(operands[0], slope, offset)
        case "HardSwish":
            slope = float(np.float32(1) / np.float32(6))
            return rounded(operands[0] * hard_sigmoid(operands[0], slope, 0.5))
        case "QuantizeLinear" | "Quant" | "IntQuant":
            # The operator divides first; its quotient, rounded here, is divided by 1 there.
            quotient = rounded(operands[0] / operands[1])
            ones = np.ones_like(operands[1])
            result = apply(node, [quotient, ones, *operands[2:]])
            return result if node.op == "QuantizeLinear" else rounded(result * operands[1])
    return rounded(apply(node, operands))


def hard_sigmoid(x: Array, slope: float, offset: float) -> Array:
    return np.clip(rounded(rounded(x * slope) + offset), 0.0, 1.0)
