"""Integer weights and scales from floats."""

import numpy as np
import pytest

from compiler.frontend.integer_weights import (
    LARGEST_ODD,
    integer_grid,
    is_supported,
    multiples_of_steps,
)


def test_every_4_bit_row_is_recovered(rng):
    integers = rng.integers(-8, 8, (200, 27))
    integers[:, 0] = 1
    scales = np.float32(rng.uniform(1e-4, 3, 200)).astype(np.float64)
    found, scale, good = integer_grid(integers * scales[:, None], LARGEST_ODD)
    assert good.all()
    assert (found == integers).all()
    assert (scale == scales).all()


def test_float32_rounding_is_tolerated(rng):
    integers = rng.integers(-8, 8, (200, 27))
    integers[:, 0] = 1
    scales = rng.uniform(1e-4, 3, 200)
    rows = np.float32(integers * scales[:, None]).astype(np.float64)
    found, scale, good = integer_grid(rows, LARGEST_ODD)
    assert good.all()
    assert (found == integers).all()
    np.testing.assert_allclose(scale, scales, rtol=1e-7)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([0.3, -0.3], [1, -1]),
        ([0.0, 0.0], [0, 0]),
        ([-4.0, 2.0], [-2, 1]),  # common divisors go into the scale
        ([7.0, -5.0], [7, -5]),
        ([1.5, -1.3], [15, -13]),
    ],
)
def test_smallest_integers(row, expected):
    found, scale, good = integer_grid(np.array([row]), LARGEST_ODD)
    assert good.all()
    assert found[0].tolist() == expected
    np.testing.assert_allclose(scale[0] * found[0], row)


def test_no_grid():
    assert not integer_grid(np.array([[1.0, np.pi]]), 255)[2].any()


@pytest.mark.parametrize(
    ("integers", "expected"),
    [([-8, 7, 0], True), ([-8, 8], False), ([-15, 15, 3], True), ([-15, 2], False), ([9, 1], True)],
)
def test_what_four_bits_hold(integers, expected):
    assert is_supported(np.array([integers]), LARGEST_ODD) is expected


@pytest.mark.parametrize(
    ("integers", "expected"),
    [([-128, 127], True), ([-128, 128], False), ([-255, 255, 3], True), ([-255, 2], False)],
)
def test_what_the_array_multiplies(integers, expected):
    assert is_supported(np.array([integers])) is expected


def test_multiples_of_a_known_step():
    """Scales that DequantizeLinear had stay what they are, however few weights a row has."""
    steps = np.array([0.1, 0.3, 0.7]).astype(np.float32).astype(np.float64)
    rows = np.array([[6, -9, 0], [0, 0, 0], [127, -127, 1]]) * steps[:, None]
    integers, scales = multiples_of_steps(rows, steps)
    assert integers.tolist() == [[2, -3, 0], [0, 0, 0], [127, -127, 1]]
    assert scales.tolist() == [3 * steps[0], 1.0, steps[2]]
