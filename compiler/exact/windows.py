"""Convolution and pooling of real numbers, two dimensions."""

import math
from fractions import Fraction

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from compiler.errors import UnsupportedError
from compiler.exact.grids import LARGEST, on_grid
from compiler.exact.reals import TINY, UNIT, Array, Levels, Number, Reals, gather

#: Sums of whole numbers are exact below these.
EXACT32, EXACT64 = 2**24, LARGEST
#: More different numbers than this in a convolution's input are no quantised tensor.
MOST_LEVELS = 4096
SAMPLE = 1 << 15


def padded(a: dict, x: Array, kernel: tuple, fill: float) -> tuple[Array, list[int]]:
    """[N, C, H, W] with the padding of a node's attributes, and how far ceil_mode reaches beyond
    it in height and width.
    """
    strides, dilations = a.get("strides", [1, 1]), a.get("dilations", [1, 1])
    pads = list(a.get("pads", [0, 0, 0, 0]))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    mode, beyond = a.get("auto_pad", "NOTSET"), [0, 0]
    for i, size in enumerate(x.shape[2:]):
        if mode.startswith("SAME"):
            total = max(0, (-(-size // strides[i]) - 1) * strides[i] + reach[i] - size)
            less = total // 2
            first = less if mode == "SAME_UPPER" else total - less
            pads[i], pads[i + 2] = first, total - first
        elif mode == "VALID":
            pads[i] = pads[i + 2] = 0
        if a.get("ceil_mode", 0):
            count = -(-(size + pads[i] + pads[i + 2] - reach[i]) // strides[i]) + 1
            count -= (count - 1) * strides[i] >= size + pads[i]
            wanted = (count - 1) * strides[i] + reach[i] - size - pads[i]
            beyond[i] = max(0, wanted - pads[i + 2])
    wide = ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3]))
    return np.pad(x, wide, constant_values=fill), beyond


def window_view(a: dict, x: Array, kernel: tuple, fill: float) -> Array:
    """[N, C, H', W', kh, kw] for the attributes of Conv and pooling."""
    strides, dilations = a.get("strides", [1, 1]), a.get("dilations", [1, 1])
    x, beyond = padded(a, x, kernel, fill)
    if any(beyond):
        wide = ((0, 0), (0, 0), (0, beyond[0]), (0, beyond[1]))
        x = np.pad(x, wide, constant_values=fill)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    view = sliding_window_view(x, reach, axis=(2, 3))[:, :, :: strides[0], :: strides[1]]
    return view[..., :: dilations[0], :: dilations[1]]


def sums_of_products(a: dict, x: Array, weights: Array) -> Array:
    """What Conv sums, without a bias, in the arrays' own type."""
    groups = a.get("group", 1)
    view = window_view(a, x, weights.shape[2:], 0)
    parts = [
        np.tensordot(w, v, axes=((1, 2, 3), (1, 4, 5)))
        for w, v in zip(np.split(weights, groups), np.split(view, groups, axis=1), strict=True)
    ]
    return np.concatenate(parts).swapaxes(0, 1)


def whole_sums(a: dict, x: Array, weights: Array) -> Array | None:
    """The same for whole numbers, exact in float64; None where float64 might round."""
    rows = np.abs(weights).reshape(weights.shape[0], -1).sum(axis=1)
    largest = float(rows.max(initial=0)) * float(np.abs(x).max(initial=0))
    if largest < EXACT32:
        return sums_of_products(a, x.astype(np.float32), weights.astype(np.float32)).astype(float)
    return sums_of_products(a, x, weights) if largest < EXACT64 else None


def as_whole(levels: Levels, shape: tuple) -> tuple[Array, Fraction] | None:
    """The whole multiples in an array, float64, and their unit; None where there are none."""
    found = on_grid(levels.numbers)
    if found is None:
        return None
    return np.array(found[0], np.float64)[levels.index].reshape(shape), found[1]


def conv(a: dict, x: Reals, weights: Reals, bias: Reals | None = None) -> Reals:
    """ONNX Conv."""
    result = conv_on_grids(a, x, weights)
    if result is None:
        result = conv_of_floats(a, x, weights)
    if bias is None:
        return result
    flat = bias.values.reshape(-1)
    spread = Reals(flat.reshape(1, -1, 1, 1), bias.error, bias.levels)
    return result + spread


def conv_transpose(a: dict, x: Reals, weights: Reals, bias: Reals | None = None) -> Reals:
    """ONNX ConvTranspose of 2 x 2 windows side by side: four 1 x 1 convolutions of the map."""
    _, outputs, *kernel = weights.shape
    plain = a.get("group", 1) == 1 and not any(a.get("pads", ())) and "output_shape" not in a
    if not plain or kernel != [2, 2] or list(a.get("strides", (1, 1))) != [2, 2]:
        raise UnsupportedError(
            "ConvTranspose: known are windows of 2 x 2 with strides of 2, without pads or groups."
        )
    index = np.arange(weights.values.size).reshape(weights.shape)
    parts = [
        conv({}, x, gather([weights], index[:, :, y, x0].T[:, :, None, None]), bias)
        for y, x0 in np.ndindex(2, 2)
    ]
    size, (_, _, height, width) = parts[0].values.size, x.shape
    places = np.empty((1, outputs, 2 * height, 2 * width), np.int64)
    for place in range(4):
        own = place * size + np.arange(size).reshape(1, outputs, height, width)
        places[:, :, place // 2 :: 2, place % 2 :: 2] = own
    return gather(parts, places)


def conv_on_grids(a: dict, x: Reals, weights: Reals) -> Reals | None:
    """Sums of whole numbers times a unit for each output channel; None where there are none."""
    if np.unique(x.values.reshape(-1)[:SAMPLE]).size > MOST_LEVELS:
        return None
    integers = as_whole(x.levels(), x.shape)
    if integers is None:
        return None
    levels = weights.levels()
    index = levels.index.reshape(weights.shape[0], -1)
    table = np.zeros((len(index), len(levels.numbers)))
    occurs = table != 0
    np.put_along_axis(occurs, index, True, axis=1)
    units, known = [], {}
    for row, own in zip(table, occurs, strict=True):
        used = np.flatnonzero(own)
        key = used.tobytes()
        if key not in known:
            known[key] = on_grid([levels.numbers[i] for i in used])
        if known[key] is None:
            return None
        row[used], unit = known[key]
        units.append(unit * integers[1])
    rows = np.take_along_axis(table, index, axis=1).reshape(weights.shape)
    sums = whole_sums(a, integers[0], rows)
    return None if sums is None else Reals.exactly(sums) * Reals.fractions(units, (1, -1, 1, 1))


def conv_of_floats(a: dict, x: Reals, weights: Reals) -> Reals:
    """Sums in float64, whose rounding is bounded; exact ones by fractions, one by one."""
    values = sums_of_products(a, x.values, weights.values)
    size = float(np.abs(weights.values).reshape(weights.shape[0], -1).sum(axis=1).max(initial=0))
    taps = math.prod(weights.shape[1:])
    error = (taps + 2) * UNIT * size * x.size + TINY
    error += x.error * size + taps * weights.error * (x.size + x.error)
    # Place of every tap in x, flat; -1 in the padding.
    order = np.arange(x.values.size).reshape(x.shape)
    view = window_view(a, order, weights.shape[2:], -1)
    per_group = weights.shape[0] // a.get("group", 1)
    depth = weights.shape[1]

    def find(places: Array | None) -> Levels:
        places = np.arange(values.size) if places is None else places
        numbers = []
        for n, channel, y, column in zip(*np.unravel_index(places, values.shape), strict=True):
            first = channel // per_group * depth
            taken = view[n, first : first + depth, y, column].reshape(-1)
            inside = np.flatnonzero(taken >= 0)
            given, own = x.levels(taken[inside]), weights.levels(channel * taps + inside)
            products = (
                given.numbers[i] * own.numbers[j]
                for i, j in zip(given.index, own.index, strict=True)
            )
            numbers.append(sum(products, Fraction(0)))
        return Levels(numbers, np.arange(len(numbers)))

    return Reals(values, error, find)


def conv_integer(
    a: dict, x: Array, weights: Array, zero: Array | None = None, weight_zero: Array | None = None
) -> Array:
    """ONNX ConvInteger: exact, because float64 holds every sum of bytes' products.

    The padding is the zero point, hence 0 once that is subtracted.
    """
    shifted = x.astype(np.float64) - (0 if zero is None else float(zero.reshape(())))
    offset = 0 if weight_zero is None else weight_zero.astype(np.float64).reshape(-1, 1, 1, 1)
    sums = sums_of_products(a, shifted, weights.astype(np.float64) - offset)
    return sums.astype(np.int64).astype(np.int32)


def max_pool_integers(a: dict, x: Array) -> Array:
    """ONNX MaxPool of an integer type, first result."""
    return largest(window_view(a, x, tuple(a["kernel_shape"]), np.iinfo(x.dtype).min))


def max_pool(a: dict, x: Reals) -> Reals:
    """ONNX MaxPool, first result."""
    kernel = tuple(a["kernel_shape"])
    values = largest(window_view(a, x.values, kernel, -np.inf))

    def find(places: Array | None) -> Levels:
        if places is None:
            levels = x.levels()
            rank, ordered = ranks(levels)
            best = largest(window_view(a, rank[levels.index].reshape(x.shape), kernel, 0))
            return without_padding(ordered, best.reshape(-1))
        order = np.arange(x.values.size).reshape(x.shape)
        view = window_view(a, order, kernel, -1)
        taken = view[np.unravel_index(places, values.shape)].reshape(places.size, -1)
        # Windows overlap: behind three pools of 5 x 5 each place would be asked for 15,625 times.
        needed, where = np.unique(np.maximum(taken, 0), return_inverse=True)
        levels = x.levels(needed)
        rank, ordered = ranks(levels)
        rank = np.where(taken >= 0, rank[levels.index][where].reshape(taken.shape), 0)
        return without_padding(ordered, rank.max(axis=1))

    return Reals(values, x.error, find)


def without_padding(ordered: list[Number], best: Array) -> Levels:
    """The levels of maxima, without the padding's -infinity where every window has more."""
    return Levels(ordered[1:], best - 1) if best.min(initial=1) > 0 else Levels(ordered, best)


def ranks(levels: Levels) -> tuple[Array, list[Number]]:
    """The place of each number in ascending order, from 1, and that order, from -infinity."""
    order = sorted(range(len(levels.numbers)), key=levels.numbers.__getitem__)
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(1, len(order) + 1)
    return rank, [-math.inf, *(levels.numbers[i] for i in order)]


def largest(view: Array) -> Array:
    """The maximum of every window [..., kh, kw]."""
    result = view[..., 0, 0]
    for i, j in np.ndindex(*view.shape[-2:]):
        result = np.maximum(result, view[..., i, j])
    return result


def average_pool(a: dict, x: Reals) -> Reals:
    """ONNX AveragePool: over the positions inside the picture, or inside its padding too."""
    kernel = tuple(a["kernel_shape"])
    inside, beyond = padded(a, np.ones((1, 1, *x.shape[2:])), kernel, a.get("count_include_pad", 0))
    inside = np.pad(inside, ((0, 0), (0, 0), (0, beyond[0]), (0, beyond[1])))
    bare = {"strides": a.get("strides", [1, 1]), "dilations": a.get("dilations", [1, 1])}
    counts = window_view(bare, inside, kernel, 0).sum(axis=(4, 5))
    ones = Reals.exactly(np.ones((x.shape[1], 1, *kernel)))
    return conv({**a, "group": x.shape[1]}, x, ones) / counts


def global_average_pool(_: dict, x: Reals) -> Reals:
    """ONNX GlobalAveragePool."""
    return average_pool({"kernel_shape": x.shape[2:]}, x)
