"""Operators of the integer network on NumPy arrays, one function each (docs/numerics.md).

Codes are uint8 [channels, height, width]; sums are int64 of the same form. ``integers`` turns codes
into the integers they stand for. Every product and sum is exact: BLAS multiplies floats, but only
where no partial sum can leave the range in which that float type holds every integer.
"""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from golden.network import Convolution, MaxPool, Product, TableSum, Tensor, Thresholds, WeightedSum

#: Largest magnitude up to which float32 and float64 hold every integer.
EXACT_FLOAT32 = 1 << 24
EXACT_FLOAT64 = 1 << 53
#: How far from a level, in codes, float32 arithmetic may put a value that is one.
OFF_LEVEL = 1e-3


def integers(codes: np.ndarray, tensor: Tensor) -> np.ndarray:
    """The integers ``step * code + offset`` of a code tensor, int32."""
    return codes.astype(np.int32) * tensor.step + tensor.offset


def threshold(sums: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """Codes uint8 [C, H, W] of sums [C, H, W]: the number of levels that ``sign * sum`` reaches."""
    rows = sums.reshape(sums.shape[0], -1)
    codes = np.empty(rows.shape, np.uint8)
    for channel, row in enumerate(rows):
        levels = thresholds.levels[channel]
        directed = row if thresholds.sign[channel] > 0 else -row
        codes[channel] = np.searchsorted(levels.astype(sums.dtype), directed, side="right")
    return codes.reshape(sums.shape)


def product_codes(sums: np.ndarray, product: Product) -> np.ndarray:
    """Codes int64 [C, ...] of sums [C, ...] by a float32 product, in integers.

    float32 holds the 24 leading bits of a number: so do what is multiplied and the result.
    """
    column = (-1, *[1] * (sums.ndim - 1))
    mantissa, exponent = np.frexp(product.multiplier.astype(np.float64))
    mantissa = (mantissa * (1 << 24)).astype(np.int64).reshape(column)
    whole = product.factor.reshape(column) * sums.astype(np.int64) + product.bias.reshape(column)
    scaled = leading_bits(leading_bits(whole) * mantissa)
    places = np.clip(24 - exponent.astype(np.int64), 0, 62).reshape(column)
    return np.clip(shifted(scaled, places) + product.zero, product.low, product.high)


def leading_bits(values: np.ndarray, count: int = 24) -> np.ndarray:
    """Integers rounded to ``count`` leading bits, half to even."""
    # Where float64 rounds up to a power of two, ``count`` bits do so as well.
    length = np.frexp(np.abs(values).astype(np.float64))[1].astype(np.int64)
    surplus = np.maximum(length - count, 0)
    return shifted(values, surplus) << surplus


def shifted(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Integers shifted right by ``places`` >= 0 and rounded, half to even."""
    odd = (values >> places) & 1
    half = np.where(places > 0, (1 << np.maximum(places - 1, 0)) - 1 + odd, 0)
    return (values + half) >> places


def pad(values: np.ndarray, pads: tuple[int, int, int, int], fill: int) -> np.ndarray:
    """[C, H, W] with ``pads`` (top, left, bottom, right) positions of ``fill`` around it."""
    if not any(pads):
        return values
    top, left, bottom, right = pads
    return np.pad(values, ((0, 0), (top, bottom), (left, right)), constant_values=fill)


def windows(
    values: np.ndarray,
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int] = (1, 1),
) -> np.ndarray:
    """View [C, out height, out width, kernel height, kernel width] of every window."""
    reach = [(size - 1) * dilation + 1 for size, dilation in zip(kernel, dilations, strict=True)]
    view = sliding_window_view(values, reach, axis=(1, 2))
    return view[:, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]


def convolution_sums(values: np.ndarray, operator: Convolution) -> np.ndarray:
    """Sums int64 [out, H', W'] of integers [C, H, W] under ``operator``'s weights.

    Raises OverflowError where a sum could leave the exact range of float64 (never for <= 8 bits).
    """
    weights = operator.weights
    outputs, depth, *kernel = weights.shape
    groups = operator.groups
    largest = max(int(np.abs(values).max(initial=0)), abs(operator.pad_value))
    bound = largest * int(np.abs(weights.reshape(outputs, -1)).sum(axis=1).max(initial=0))
    if bound >= EXACT_FLOAT64:
        raise OverflowError(f"Convolution {operator.name!r}: sums up to {bound} exceed 2**53")
    kind = np.float32 if bound < EXACT_FLOAT32 else np.float64
    padded = pad(values.astype(kind), operator.pads, operator.pad_value)
    view = windows(padded, tuple(kernel), operator.strides, operator.dilations)
    height, width = view.shape[1:3]
    matrix = weights.astype(kind)
    if depth == 1 and groups == outputs:
        sums = np.zeros((outputs, height, width), kind)
        for row, column in np.ndindex(*kernel):
            sums += matrix[:, 0, row, column, None, None] * view[..., row, column]
        return sums.astype(np.int64)
    share = outputs // groups
    parts = [
        np.tensordot(
            matrix[group * share : (group + 1) * share],
            view[group * depth : (group + 1) * depth],
            axes=((1, 2, 3), (0, 3, 4)),
        )
        for group in range(groups)
    ]
    return np.concatenate(parts).astype(np.int64)


def weighted_sums(values: list[np.ndarray], operator: WeightedSum) -> np.ndarray:
    """Sums int64: each input's integers times its factor."""
    pairs = zip(operator.factors, values, strict=True)
    return sum(factor * value.astype(np.int64) for factor, value in pairs)


def table_sum(codes: list[np.ndarray], operator: TableSum) -> np.ndarray:
    """Codes uint8: what the tables hold for the codes of the two inputs, added and rounded down."""
    first, second = (
        table.astype(np.int64)[each] for table, each in zip(operator.tables, codes, strict=True)
    )
    whole = (first + second) >> operator.fraction
    return np.clip(whole, operator.low, operator.high).astype(np.uint8)


def look_up(codes: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Codes uint8 of codes [C, H, W] by ``table`` uint8 [1 or C, codes]."""
    if len(table) == 1:
        return table[0][codes]
    return table[np.arange(len(table))[:, None, None], codes]


def max_pool(codes: np.ndarray, operator: MaxPool) -> np.ndarray:
    """Largest code of each window; padding takes part as code 0, which never beats a real one."""
    padded = pad(codes, operator.pads, 0)
    rows, columns = operator.kernel
    view = windows(padded, operator.kernel, operator.strides)
    result = view[..., 0, 0].copy()
    for row, column in np.ndindex(rows, columns):
        np.maximum(result, view[..., row, column], out=result)
    return result


def upsample(codes: np.ndarray) -> np.ndarray:
    """Nearest-neighbour enlargement by 2: out[y, x] = in[y // 2, x // 2]."""
    return codes.repeat(2, axis=1).repeat(2, axis=2)


def interleave(maps: Sequence[np.ndarray]) -> np.ndarray:
    """Four maps [channels, h, w] as one [channels, 2 h, 2 w]: map 2 a + b has rows a, columns b."""
    channels, height, width = maps[0].shape
    result = np.empty((channels, 2 * height, 2 * width), maps[0].dtype)
    for place, codes in enumerate(maps):
        result[:, place // 2 :: 2, place % 2 :: 2] = codes
    return result


def codes_of(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Codes uint8 of values [channels, height, width] that are levels of a tensor.

    ValueError where one is not.
    """
    if values.shape != tensor.shape:
        raise ValueError(f"{tensor.name}: values of shape {values.shape}, not {tensor.shape}")
    exact = (values.astype(np.float64) / tensor.scale - tensor.offset) / tensor.step
    codes = np.rint(exact)
    inside = (codes >= 0) & (codes < 1 << tensor.bits) & (np.abs(exact - codes) < OFF_LEVEL)
    if not inside.all():
        found = values[~inside].flat[0]
        raise ValueError(f"{tensor.name}: {found} is none of its levels")
    return codes.astype(np.uint8)
