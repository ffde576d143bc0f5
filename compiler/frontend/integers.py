"""Elementwise operators on integers, exactly.

An array of a NumPy integer type computes as ONNX does in that type: modulo 2^bits, Div towards
zero. An array of Python integers (dtype object) has no limits, and shows what a result would be if
nothing wrapped around. Source: ONNX operator documentation, BitShift 11, Clip 13, Max and Min 13,
Neg 13, Add, Sub, Mul, Div and Relu 14, Cast 13 to 25.
"""

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
from onnx import TensorProto

Attributes = dict[str, Any]
Array = np.ndarray

#: ONNX element types whose tensors stay integers, from the picture to the raw outputs.
INTEGER_TYPES: dict[int, np.dtype] = {
    TensorProto.UINT8: np.dtype(np.uint8),
    TensorProto.INT8: np.dtype(np.int8),
    TensorProto.UINT16: np.dtype(np.uint16),
    TensorProto.INT16: np.dtype(np.int16),
    TensorProto.UINT32: np.dtype(np.uint32),
    TensorProto.INT32: np.dtype(np.int32),
    TensorProto.UINT64: np.dtype(np.uint64),
    TensorProto.INT64: np.dtype(np.int64),
}


def limits(kind: np.dtype) -> tuple[int, int]:
    """Smallest and largest integer of a type."""
    found = np.iinfo(kind)
    return int(found.min), int(found.max)


def are_integers(operands: list[Array | None]) -> bool:
    """Whether operands are computed with here: all of them integers."""
    return all(operand is None or operand.dtype.kind in "iuO" for operand in operands)


def divide(_: Attributes, x: Array, y: Array) -> Array:
    """Quotient towards zero, as in C; NumPy's is the next integer below."""
    below = x // y
    return below + ((below * y != x) & ((x < 0) != (y < 0)))


def shift(attributes: Attributes, x: Array, y: Array) -> Array:
    return x >> y if attributes.get("direction") == "RIGHT" else x << y


def clip(_: Attributes, x: Array, low: Array | None = None, high: Array | None = None) -> Array:
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


def cast(attributes: Attributes, x: Array) -> Array:
    """To an integer type: modulo 2^bits, and unchanged without limits; to a float type: float64."""
    target = INTEGER_TYPES.get(attributes["to"])
    if target is None:
        return x.astype(np.float64)
    return x if x.dtype == object else x.astype(target)


OPERATORS: dict[str, Callable[..., Array]] = {
    "Identity": lambda _, x: x,
    "Cast": cast,
    "Relu": lambda _, x: np.maximum(x, 0),
    "Clip": clip,
    "Add": lambda _, x, y: x + y,
    "Sub": lambda _, x, y: x - y,
    "Mul": lambda _, x, y: x * y,
    "Div": divide,
    "Neg": lambda _, x: -x,
    "Min": lambda _, *x: reduce(np.minimum, x),
    "Max": lambda _, *x: reduce(np.maximum, x),
    "BitShift": shift,
}
