"""Convolutions and pooling of real numbers against sums of fractions."""

from fractions import Fraction

import numpy as np
import pytest

from compiler.exact import windows
from compiler.exact.reals import Reals


def exact(x: Reals) -> np.ndarray:
    levels = x.levels()
    return np.array([levels.numbers[i] for i in levels.index], object).reshape(x.shape)


def by_definition(x: np.ndarray, weights: np.ndarray, groups: int) -> np.ndarray:
    """3x3, pads 1, stride 1, on arrays of fractions."""
    _, channels, height, width = x.shape
    padded = np.full((channels, height + 2, width + 2), Fraction(0), object)
    padded[:, 1:-1, 1:-1] = x[0]
    out, depth = weights.shape[:2]
    result = np.zeros((1, out, height, width), object)
    for o, i, j in np.ndindex(out, height, width):
        first = o // (out // groups) * depth
        result[0, o, i, j] = (
            padded[first : first + depth, i : i + 3, j : j + 3] * weights[o]
        ).sum()
    return result


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kind", ["255ths", "floats", "two scales", "wide"])
def test_sums_are_exact(rng, groups, kind):
    x = Reals.exactly(rng.integers(0, 256, (1, 4, 5, 4)).astype(float))
    x = x * Reals.fractions([Fraction(1, 255)], ())
    scales = np.float32(rng.normal(0, 1, (6, 1, 1, 1)))
    weights = rng.integers(-7, 8, (6, 4 // groups, 3, 3)) * scales
    if kind == "floats":
        x = Reals.exactly(rng.normal(0, 1, x.shape))
    if kind == "two scales":
        x = x * np.where(rng.random(x.shape) < 0.5, 1.0, np.float32(0.3))
    if kind == "wide":
        x = x * np.where(rng.random(x.shape) < 0.5, 1.0, 2.0**-70)
    weights = Reals.exactly(weights)
    found = windows.conv({"pads": [1] * 4, "group": groups}, x, weights)
    expected = by_definition(exact(x), exact(weights), groups)
    assert (exact(found) == expected).all()
    pairs = zip(found.values.reshape(-1), expected.reshape(-1), strict=True)
    assert max(abs(Fraction(float(v)) - e) for v, e in pairs) <= Fraction(found.error)
    some = np.array([11, 3, 11])
    levels = found.levels(some)
    assert [levels.numbers[i] for i in levels.index] == expected.reshape(-1)[some].tolist()


def test_averages_are_quotients_of_sums(rng):
    x = Reals.exactly(rng.integers(0, 16, (1, 2, 5, 5)).astype(float)) * np.float64(0.1)
    found = windows.average_pool({"kernel_shape": [3, 3], "pads": [1] * 4}, x)
    numbers = exact(x)[0]
    corner = numbers[:, :2, :2].sum(axis=(1, 2)) / 4
    assert (exact(found)[0, :, 0, 0] == corner).all()
    found = windows.average_pool(
        {"kernel_shape": [3, 3], "pads": [1] * 4, "count_include_pad": 1}, x
    )
    assert (exact(found)[0, :, 0, 0] == corner * 4 / 9).all()
    assert (exact(windows.global_average_pool({}, x))[0, :, 0, 0] == numbers.sum((1, 2)) / 25).all()


def test_maxima_are_exact(rng):
    x = Reals.exactly(rng.integers(-9, 0, (1, 2, 4, 5)).astype(float)) / 3.0
    for more in ({"strides": [2, 2]}, {"pads": [1] * 4}):
        a = {"kernel_shape": [2, 2], **more}
        found = windows.max_pool(a, x)
        numbers = exact(found).reshape(-1)
        np.testing.assert_allclose(found.values.reshape(-1), numbers.astype(float), rtol=1e-15)
        some = np.array([5, 0])
        levels = found.levels(some)
        assert [levels.numbers[i] for i in levels.index] == numbers[some].tolist()


def test_many_taps_use_wider_sums(rng):
    """Beyond 2^24 float32 would round."""
    x = Reals.exactly(np.full((1, 3000, 1, 1), 255.0))
    weights = Reals.exactly(np.full((1, 3000, 1, 1), 127.0))
    assert windows.conv({}, x, weights).values.item() == 3000 * 255 * 127


def test_pooled_tensors_are_still_on_a_grid(rng):
    """Their convolution is that of the unrounded weights 3 * g, as without pooling."""
    x = Reals.exactly(rng.integers(0, 4, (1, 1, 4, 4)).astype(float))
    weights = Reals.exactly(np.float64(np.float32([0.1, -0.7, 0.3])).reshape(3, 1, 1, 1))
    pooled = windows.max_pool({"kernel_shape": [3, 3], "pads": [1] * 4}, x)
    assert windows.conv_on_grids({}, pooled, weights) is not None


def test_pools_behind_each_other_ask_for_a_place_once(rng):
    """Not for 25 places of the first pool's input for each of 25, and 25, ... of the last one's."""
    asked = []
    values = rng.standard_normal((1, 2, 9, 9))
    x = Reals.exactly(values)
    pooled = Reals(values, 0.0, lambda places: asked.append(places) or x.levels(places))
    attributes = {"kernel_shape": [5, 5], "pads": [2] * 4}
    for _ in range(3):
        pooled = windows.max_pool(attributes, pooled)
    found = pooled.levels(np.arange(pooled.values.size))
    numbers = np.array([float(found.numbers[k]) for k in found.index])
    assert (numbers == pooled.values.reshape(-1)).all()
    assert sum(places.size for places in asked) <= values.size
