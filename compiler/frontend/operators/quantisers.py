"""What the quantising operators compute, in float64, on arrays.

Sources: QONNX operator documentation (Quant/IntQuant, BipolarQuant), FINN (MultiThreshold), ONNX
QuantizeLinear and DequantizeLinear up to version 25.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Attributes = dict[str, Any]


def half_up(x: np.ndarray) -> np.ndarray:
    """Nearest integer, ties away from zero."""
    return np.sign(x) * np.floor(np.abs(x) + 0.5)


def half_down(x: np.ndarray) -> np.ndarray:
    """Nearest integer, ties towards zero."""
    return np.sign(x) * np.ceil(np.abs(x) - 0.5)


def up(x: np.ndarray) -> np.ndarray:
    """Next integer away from zero."""
    return np.sign(x) * np.ceil(np.abs(x))


#: QONNX rounding modes; ROUND is half to even.
ROUNDINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ROUND": np.rint,
    "HALF_EVEN": np.rint,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": up,
    "DOWN": np.trunc,
    "HALF_UP": half_up,
    "HALF_DOWN": half_down,
}


def quant_range(bits: int, attributes: Attributes) -> tuple[int, int]:
    """Smallest and largest integer of a QONNX Quant; 1-bit signed stands for -1 and +1."""
    narrow = bool(attributes["narrow"])
    if not attributes["signed"]:
        return 0, 2**bits - 1 - narrow
    if bits == 1:
        return -1, 1
    return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1


def is_bipolar(bits: int, attributes: Attributes) -> bool:
    """QONNX executes a signed 1-bit Quant as x >= 0 ? 1 : -1."""
    return bits == 1 and bool(attributes["signed"])


def quant(
    attributes: Attributes,
    x: np.ndarray,
    scale: np.ndarray,
    zero: np.ndarray,
    bits: np.ndarray,
) -> np.ndarray:
    """QONNX Quant: clamp x / scale + zero, round, and back."""
    width = int(bits.reshape(-1)[0])
    y = x / scale + zero
    if is_bipolar(width, attributes):
        y = np.where(y >= 0, 1.0, -1.0)
    else:
        low, high = quant_range(width, attributes)
        y = ROUNDINGS[str(attributes.get("rounding_mode", "ROUND")).upper()](np.clip(y, low, high))
    return (y - zero) * scale


def bipolar_quant(_: Attributes, x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """QONNX BipolarQuant: +scale where x >= 0, otherwise -scale."""
    return np.where(x >= 0, scale, -scale)


def quantize_linear(
    attributes: Attributes, x: np.ndarray, scale: np.ndarray, zero: np.ndarray
) -> np.ndarray:
    """ONNX QuantizeLinear: round x / scale half to even, then add zero, then saturate."""
    return np.clip(np.rint(x / scale) + zero, attributes["low"], attributes["high"])


def dequantize_linear(
    _: Attributes, x: np.ndarray, scale: np.ndarray, zero: np.ndarray
) -> np.ndarray:
    """ONNX DequantizeLinear."""
    return (x - zero) * scale


def multi_threshold(attributes: Attributes, x: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """FINN MultiThreshold on [N, C, ...]; thresholds [C or 1, n]."""
    rows = thresholds.reshape(1, thresholds.shape[0], *[1] * (x.ndim - 2), -1)
    count = (x[..., None] >= rows).sum(axis=-1)
    return count * float(attributes.get("out_scale", 1.0)) + float(attributes.get("out_bias", 0.0))


def integer_range(kind: np.dtype) -> tuple[int, int]:
    """Smallest and largest value of an integer type, 2- and 4-bit types included."""
    name = np.dtype(kind).name
    bits = int("".join(c for c in name if c.isdigit()))
    if name.startswith("uint"):
        return 0, 2**bits - 1
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def expand_parameter(
    parameter: np.ndarray, shape: tuple[int, ...], axis: int, block: int
) -> np.ndarray:
    """A scale or zero point in a form that broadcasts against a tensor of ``shape``.

    Per tensor (one element), per axis (rank 1), or per ``block`` elements of ``axis`` (opset 21).
    ValueError where it does not fit.
    """
    parameter = parameter.astype(np.float64)
    if parameter.size == 1:
        return parameter.reshape([1] * len(shape))
    if block:
        if block < 0:
            raise ValueError(f"block size {block}")
        block = min(block, max(shape))  # what is beyond the tensor is cut off
        return np.repeat(parameter, block, axis=axis)[tuple(slice(size) for size in shape)]
    if parameter.ndim != 1 or parameter.size != shape[axis]:
        raise ValueError(f"shape {parameter.shape} does not fit axis {axis} of {shape}")
    form = [1] * len(shape)
    form[axis] = -1
    return parameter.reshape(form)
