"""Quantising operators on real numbers, decided exactly.

Sources: QONNX documentation of Quant, IntQuant and BipolarQuant, FINN's MultiThreshold, ONNX
QuantizeLinear and DequantizeLinear.
"""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from onnx import TensorProto, helper

from compiler.errors import UnsupportedError
from compiler.exact.reals import Array, Reals, decide, gather, maximum, minimum

INTEGER_LIMITS = {
    TensorProto.UINT8: (0, 255),
    TensorProto.INT8: (-128, 127),
    TensorProto.UINT16: (0, 65535),
    TensorProto.INT16: (-32768, 32767),
    21: (0, 15),
    22: (-8, 7),
    25: (0, 3),
    26: (-2, 1),
}
HALF = Fraction(1, 2)


def signed(magnitude: Callable[[Fraction], int]) -> Callable[[Fraction], int]:
    """A rounding of numbers of either sign from one of magnitudes."""
    return lambda n: magnitude(n) if n >= 0 else -magnitude(-n)


#: QONNX rounding modes, on arrays and on fractions.
ROUNDINGS: dict[str, tuple[Callable[[Array], Array], Callable[[Fraction], int]]] = {
    "ROUND": (np.rint, round),
    "HALF_EVEN": (np.rint, round),
    "CEIL": (np.ceil, math.ceil),
    "FLOOR": (np.floor, math.floor),
    "UP": (lambda x: np.sign(x) * np.ceil(np.abs(x)), signed(math.ceil)),
    "DOWN": (np.trunc, math.trunc),
    "HALF_UP": (
        lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
        signed(lambda n: math.floor(n + HALF)),
    ),
    "HALF_DOWN": (
        lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
        signed(lambda n: math.ceil(n - HALF)),
    ),
}


def round_by(mode: str, x: Reals) -> Reals:
    """Whole numbers by a QONNX rounding mode."""
    if mode.upper() not in ROUNDINGS:
        raise UnsupportedError(f"rounding mode {mode!r} is not known")
    return decide(x, *ROUNDINGS[mode.upper()])


def reached(x: Reals) -> Reals:
    """1 where x >= 0, else 0."""
    return decide(x, lambda v: (v >= 0).astype(np.float64), lambda n: int(n >= 0))


def passed(x: Reals) -> Reals:
    """1 where x > 0, else 0."""
    return decide(x, lambda v: (v > 0).astype(np.float64), lambda n: int(n > 0))


def sign(x: Reals) -> Reals:
    """ONNX Sign."""
    return decide(x, np.sign, lambda n: (n > 0) - (n < 0))


def bipolar(x: Reals) -> Reals:
    """+1 where x >= 0, else -1."""
    return decide(x, lambda v: np.where(v >= 0, 1.0, -1.0), lambda n: 1 if n >= 0 else -1)


def quant(a: dict, x: Reals, scale: Reals, zero: Reals, bits: Reals) -> Reals:
    """QONNX Quant and IntQuant."""
    y = x / scale + zero
    width, is_signed, narrow = int(bits.values.flat[0]), a["signed"], a["narrow"]
    if width == 1 and is_signed:
        y = bipolar(y)
    else:
        low = -(2 ** (width - 1)) + bool(narrow) if is_signed else 0
        high = 2 ** (width - 1) - 1 if is_signed else 2**width - 1 - bool(narrow)
        y = round_by(a.get("rounding_mode", "ROUND"), minimum(maximum(y, low), high))
    return (y - zero) * scale


def bipolar_quant(_: dict, x: Reals, scale: Reals) -> Reals:
    """QONNX BipolarQuant."""
    return bipolar(x) * scale


def spread(value: Reals | Array, shape: tuple, a: dict) -> Reals:
    """A scale or zero point per tensor, axis or block, so that it broadcasts against ``shape``."""
    value = Reals.of(value)
    places = np.arange(value.values.size).reshape(value.shape)
    axis, block = a.get("axis", 1), a.get("block_size", 0)
    if value.values.size == 1:
        places = places.reshape(())
    elif block:
        places = np.take(np.repeat(places, block, axis), range(shape[axis]), axis)
    else:
        places = np.moveaxis(places.reshape(-1, *[1] * (len(shape) - 1)), 0, axis)
    return gather([value], places)


def quantize_linear(
    a: dict, x: Reals | Array, scale: Reals | Array, zero: Reals | Array | None = None
) -> Reals:
    """ONNX QuantizeLinear: rounds, adds the zero point, saturates."""
    kind = a.get("output_dtype", 0) or TensorProto.UINT8
    if isinstance(zero, np.ndarray):
        kind = helper.np_dtype_to_tensor_dtype(zero.dtype)
    if kind not in INTEGER_LIMITS:
        raise UnsupportedError(f"QuantizeLinear to element type {kind} is not supported")
    low, high = INTEGER_LIMITS[kind]
    x = Reals.of(x)
    result = decide(x / spread(scale, x.shape, a), *ROUNDINGS["ROUND"])
    if zero is not None:
        result = result + spread(zero, x.shape, a)
    # Whole numbers far below 2^53: the sum is exact.
    return Reals.exactly(np.clip(result.values, low, high))


def dequantize_linear(
    a: dict, x: Reals | Array, scale: Reals | Array, zero: Reals | Array | None = None
) -> Reals:
    """ONNX DequantizeLinear."""
    x = Reals.of(x)
    if zero is not None:
        x = x - spread(zero, x.shape, a)
    return x * spread(scale, x.shape, a)


def multi_threshold(a: dict, x: Reals, thresholds: Reals) -> Reals:
    """FINN MultiThreshold: thresholds [channels or 1, n]."""
    count = np.zeros(x.shape)
    places = np.arange(thresholds.values.size).reshape(thresholds.shape)
    for column in places.T:
        level = gather([thresholds], column.reshape(1, -1, *[1] * (len(x.shape) - 2)))
        count = count + reached(x - level).values
    return Reals.exactly(count) * a.get("out_scale", 1.0) + a.get("out_bias", 0.0)


def comparison(op: str, x: Reals, y: Reals) -> Array:
    """Greater, GreaterOrEqual, Less or LessOrEqual."""
    apart = x - y if op.startswith("Greater") else y - x
    decided = reached(apart) if op.endswith("OrEqual") else passed(apart)
    return decided.values != 0


def cast(a: dict, x: Reals | Array) -> Reals | Array:
    """ONNX Cast from a number: integers wrap around, floats lose what is behind the point."""
    floating = a["to"] in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE,
                           TensorProto.BFLOAT16)  # fmt: skip
    if floating:
        return Reals.of(x)
    kind = helper.tensor_dtype_to_np_dtype(a["to"])
    if not isinstance(x, Reals):
        return x.astype(kind)
    if kind == np.bool_:
        return passed(abs(x)).values != 0
    return decide(x, np.trunc, math.trunc).values.astype(kind)
