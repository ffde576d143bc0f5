"""The picture as a network's input: codes, or real numbers."""

from fractions import Fraction

import numpy as np
from onnx import ModelProto, helper

from compiler.exact.reals import Array, Levels, Reals, distinct

#: Denominators of input scales and inputs that are taken for what was meant, such as 1/255.
LARGEST_DENOMINATOR = 4096
#: Below this, a fraction of such a denominator is so near its float64 number (closer than
#: 1 / (2 * 4096^2)) that it must be a convergent of it, and the last one of such a denominator.
LARGEST_CERTAIN = 1 << 26


def input_of(model: ModelProto) -> tuple[str, np.dtype]:
    """Name and type of the network's input; float32 where the file does not say."""
    constants = {tensor.name for tensor in model.graph.initializer}
    value = next(v for v in model.graph.input if v.name not in constants)
    code = value.type.tensor_type.elem_type
    return value.name, np.dtype(helper.tensor_dtype_to_np_dtype(code) if code else np.float32)


def last_convergent(value: float) -> tuple[int, int]:
    """The last convergent of the continued fraction whose denominator is not too large."""
    top, bottom = value.as_integer_ratio()
    before, last = (0, 1), (1, 0)
    while bottom:
        whole = top // bottom
        following = before[0] + whole * last[0], before[1] + whole * last[1]
        if following[1] > LARGEST_DENOMINATOR:
            break
        before, last = last, following
        top, bottom = bottom, top - whole * bottom
    return last


def simple_fraction(value: float, tolerance: float = 0.0) -> Fraction:
    """The fraction of a small denominator that ``value`` is the float64 number of, if any."""
    if tolerance == 0.0 and abs(value) < LARGEST_CERTAIN:
        top, bottom = last_convergent(value)
        return Fraction(top, bottom) if top / bottom == value else Fraction(value)
    exact = Fraction(value)
    simple = exact.limit_denominator(LARGEST_DENOMINATOR)
    is_meant = float(simple) == value or abs(simple - exact) <= tolerance * abs(exact)
    return simple if is_meant else exact


def from_codes(model: ModelProto, codes: Array, input_scale: float) -> Reals | Array:
    """The input [1, C, H, W] for codes uint8 [C, H, W]: times the scale, or the integers that they
    are.

    A scale such as 1/255 is that fraction, not the float64 number beside it.
    """
    _, kind = input_of(model)
    if kind.kind in "iu":
        return codes[None].astype(kind)
    scale = Reals.fractions([simple_fraction(input_scale)], ())
    return Reals.exactly(codes[None].astype(np.float64)) * scale


def from_floats(model: ModelProto, image: Array) -> Reals | Array:
    """The input for float64 numbers; those beside k / 255, say, are that fraction."""
    _, kind = input_of(model)
    image = np.asarray(image)
    if kind.kind in "iu":
        return image.astype(kind)
    image = image.astype(np.float64)
    found = distinct(image.reshape(-1))
    numbers = [simple_fraction(float(n), 2.0**-50) for n in found.numbers]
    levels = Levels(numbers, found.index)
    error = float(np.abs(image).max(initial=0)) * 2.0**-49
    return Reals(image, error, lambda at: levels if at is None else levels.at(at))
