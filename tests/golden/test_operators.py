"""Integer operators against their definitions, written as plain loops."""

import itertools

import numpy as np
import pytest

from golden import operators
from golden.network import (
    Convolution,
    MaxPool,
    Product,
    TableSum,
    Tensor,
    Thresholds,
    WeightedSum,
)


def by_definition(values, operator):
    """Convolution sums, one multiplication at a time."""
    weights = operator.weights.astype(object)
    outputs, depth, rows, columns = weights.shape
    top, left, bottom, right = operator.pads
    _, height, width = values.shape
    (sy, sx), (dy, dx) = operator.strides, operator.dilations
    out_height = (height + top + bottom - (rows - 1) * dy - 1) // sy + 1
    out_width = (width + left + right - (columns - 1) * dx - 1) // sx + 1
    share = outputs // operator.groups
    result = np.zeros((outputs, out_height, out_width), object)
    for o, y, x in itertools.product(range(outputs), range(out_height), range(out_width)):
        for i, j, k in itertools.product(range(depth), range(rows), range(columns)):
            row, column = y * sy + j * dy - top, x * sx + k * dx - left
            inside = 0 <= row < height and 0 <= column < width
            channel = o // share * depth + i
            value = int(values[channel, row, column]) if inside else operator.pad_value
            result[o, y, x] += weights[o, i, j, k] * value
    return result.astype(np.int64)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(
    ("kernel", "strides", "pads", "dilations"),
    [
        ((1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
        ((3, 3), (2, 2), (1, 1, 1, 1), (1, 1)),
        ((2, 5), (1, 2), (0, 2, 1, 1), (1, 1)),
        ((3, 2), (2, 1), (2, 0, 0, 1), (2, 1)),
    ],
)
def test_convolution(rng, groups, kernel, strides, pads, dilations):
    weights = rng.integers(-8, 8, (4, 4 // groups, *kernel)).astype(np.int32)
    operator = Convolution(
        name="c", input="x", output="y", weights=weights, thresholds=None, strides=strides,
        pads=pads, dilations=dilations, groups=groups, pad_value=-1,
    )  # fmt: skip
    values = rng.integers(-15, 16, (4, 7, 6))
    assert (operators.convolution_sums(values, operator) == by_definition(values, operator)).all()


def test_sums_beyond_float32_are_exact(rng):
    weights = np.full((1, 600, 1, 1), 15, np.int32)
    weights[0, 0] = -15
    operator = Convolution(name="c", input="x", output="y", weights=weights, thresholds=None)
    values = rng.integers(1 << 20, 1 << 21, (600, 1, 3))
    expected = (values * weights[0]).sum(axis=0)
    assert (operators.convolution_sums(values, operator)[0] == expected).all()


def test_sums_that_could_be_inexact_are_refused():
    weights = np.full((1, 1, 1, 1), 1 << 30, np.int32)
    operator = Convolution(name="c", input="x", output="y", weights=weights, thresholds=None)
    with pytest.raises(OverflowError, match="'c': sums up to .* exceed 2\\*\\*53"):
        operators.convolution_sums(np.full((1, 1, 1), 1 << 24), operator)


def test_threshold_counts_levels(rng):
    levels = np.sort(rng.integers(-9, 10, (3, 5)), axis=1)
    levels[0, 0], levels[1, -1] = -Thresholds.FAR, Thresholds.FAR
    thresholds = Thresholds(levels=levels, sign=np.array([1, -1, 1], np.int8))
    sums = np.tile(np.arange(-12, 13), (3, 1))[:, None, :]
    codes = operators.threshold(sums, thresholds)
    for channel, k in itertools.product(range(3), range(25)):
        value = int(sums[channel, 0, k]) * int(thresholds.sign[channel])
        assert codes[channel, 0, k] == sum(value >= level for level in levels[channel])


def test_thresholds_without_levels_give_code_0():
    thresholds = Thresholds(levels=np.zeros((1, 0), np.int64), sign=np.ones(1, np.int8))
    assert (operators.threshold(np.arange(4).reshape(1, 2, 2), thresholds) == 0).all()


def test_integers_of_codes():
    tensor = Tensor(name="x", channels=1, height=1, width=2, bits=1, scale=1.0, step=2, offset=-1)
    codes = np.array([[[0, 1]]], np.uint8)
    assert operators.integers(codes, tensor).tolist() == [[[-1, 1]]]


@pytest.mark.parametrize(
    ("kernel", "strides", "pads"),
    [((2, 2), (2, 2), (0, 0, 0, 0)), ((2, 2), (1, 1), (0, 0, 1, 1)), ((5, 5), (1, 1), (2,) * 4),
     ((3, 1), (2, 1), (1, 0, 1, 0))],
)  # fmt: skip
def test_max_pool(rng, kernel, strides, pads):
    operator = MaxPool(name="p", input="x", output="y", kernel=kernel, strides=strides, pads=pads)
    codes = rng.integers(0, 16, (2, 6, 7), dtype=np.uint8)
    wide = np.pad(codes.astype(float), ((0, 0), pads[::2], pads[1::2]), constant_values=-np.inf)
    result = operators.max_pool(codes, operator)
    for c, y, x in np.ndindex(*result.shape):
        top, left = y * strides[0], x * strides[1]
        window = wide[c, top : top + kernel[0], left : left + kernel[1]]
        assert result[c, y, x] == window.max()


def test_weighted_sums(rng):
    operator = WeightedSum(
        name="s", inputs=("a", "b"), output="y", factors=(3, -2),
        thresholds=Thresholds(levels=np.zeros((1, 1), np.int64), sign=np.ones(1, np.int8)),
    )  # fmt: skip
    a, b = rng.integers(-8, 8, (2, 1, 3, 3))
    assert (operators.weighted_sums([a, b], operator) == 3 * a - 2 * b).all()


def test_upsample():
    codes = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    result = operators.upsample(codes)
    for y, x in np.ndindex(4, 6):
        assert result[0, y, x] == codes[0, y // 2, x // 2]


def test_look_up(rng):
    codes = rng.integers(0, 200, (3, 4, 5)).astype(np.uint8)
    one = rng.permutation(256)[None, :200].astype(np.uint8)
    assert (operators.look_up(codes, one) == one[0][codes]).all()
    many = rng.integers(0, 256, (3, 200)).astype(np.uint8)
    for channel, row in enumerate(operators.look_up(codes, many)):
        assert (row == many[channel][codes[channel]]).all()


def test_table_sum(rng):
    tables = tuple(rng.integers(-(1 << 19), 1 << 19, count).astype(np.int32) for count in (16, 256))
    operator = TableSum(
        name="s", inputs=("a", "b"), output="y", tables=tables, fraction=12, low=3, high=250
    )
    a, b = (rng.integers(0, count, (2, 9, 9)).astype(np.uint8) for count in (16, 256))
    for found, *pair in zip(
        operators.table_sum([a, b], operator).ravel(), a.ravel(), b.ravel(), strict=True
    ):
        total = sum(int(table[code]) for table, code in zip(tables, pair, strict=True))
        assert found == min(max(total // 4096, 3), 250)


@pytest.mark.parametrize("seed", range(10))
def test_products_are_those_of_float32(seed):
    """Sums of up to 31 bits, many of them beside a tie."""
    rng = np.random.default_rng(seed)
    multiplier = (10.0 ** rng.uniform(-6, 1, 4)).astype(np.float32)
    factor = np.array([1, 1, 3, 7])
    sums = [rng.integers(-(1 << bits), 1 << bits, (4, 2000)) for bits in (12, 20, 24, 27)]
    halves = (rng.integers(-300, 300, (4, 4000)) + 0.5) / multiplier[:, None] / factor[:, None]
    near = np.rint(halves).astype(np.int64) + rng.integers(-1, 2, halves.shape)
    sums = np.clip(np.concatenate([*sums, near], axis=1), -(1 << 27), 1 << 27)
    product = Product(
        factor=factor,
        bias=rng.integers(-(1 << 20), 1 << 20, 4),
        multiplier=multiplier,
        zero=7,
        low=-1000,
        high=1000,
    )
    whole = sums * product.factor[:, None] + product.bias[:, None]
    wanted = np.rint(whole.astype(np.float32) * multiplier[:, None]).astype(np.float64) + 7
    assert (operators.product_codes(sums, product) == np.clip(wanted, -1000, 1000)).all()
