"""Real numbers: values within their bounds, exact where asked, step functions decided exactly."""

import math
from fractions import Fraction

import numpy as np
import pytest

from compiler.exact.quantising import ROUNDINGS, bipolar, round_by, sign
from compiler.exact.reals import (
    Levels,
    Reals,
    combine,
    distinct,
    elementwise,
    gather,
    maximum,
    minimum,
    multiples,
    transcendental,
)

THIRD = Reals.fractions([Fraction(1, 3)], ())


def exact(x: Reals) -> list:
    levels = x.levels()
    return [levels.numbers[i] for i in levels.index]


def drawn(rng, shape) -> Reals:
    """Random fractions, most of which float64 does not hold."""
    numbers = [
        Fraction(int(a), int(b))
        for a, b in zip(
            rng.integers(-50, 50, math.prod(shape)), rng.integers(1, 30, math.prod(shape)),
            strict=True,
        )
    ]  # fmt: skip
    return Reals.fractions(numbers, shape)


def test_arithmetic_is_exact_and_the_bound_holds(rng):
    for _ in range(50):
        x, y = drawn(rng, (2, 3, 2)), drawn(rng, (3, 1))
        y = maximum(abs(y), 0.25)
        for result in (x + y, x - y, x * y, x / y, -x, abs(x), 1.0 - x * 3.0, minimum(x, y) / 7.0):
            numbers = exact(result)
            for value, number in zip(result.values.reshape(-1), numbers, strict=True):
                assert abs(Fraction(float(value)) - number) <= Fraction(result.error)
            some = np.array([7, 0, 7])
            levels = result.levels(some)
            assert [levels.numbers[i] for i in levels.index] == [numbers[i] for i in some]
        assert exact(x / y * y - x) == [0] * 12


def test_a_third_times_three_is_a_tie():
    x = Reals.exactly(np.arange(-60.0, 61.0)) * THIRD * 1.5
    assert (round_by("FLOOR", x).values == np.arange(-60, 61) // 2).all()
    assert (round_by("ROUND", x).values == np.rint(np.arange(-60, 61) / 2)).all()


@pytest.mark.parametrize("mode", ROUNDINGS)
def test_every_mode_decides_ties_as_its_fractions_do(mode, rng):
    on_arrays, rule = ROUNDINGS[mode]
    numbers = np.arange(-17, 18) / 4
    assert on_arrays(numbers).tolist() == [rule(Fraction(float(n))) for n in numbers]
    # The same numbers, reached through quotients that float64 rounds.
    for divisor in (3.0, 7.0, 49.0, 255.0, float(np.float32(0.1))):
        x = Reals.exactly(numbers) / divisor * divisor
        assert x.error > 0
        assert (round_by(mode, x).values == on_arrays(numbers)).all()
        nudged = x + 2.0**-60
        expected = [rule(Fraction(float(n)) + Fraction(1, 2**60)) for n in numbers]
        assert round_by(mode, nudged).values.tolist() == expected


def test_sums_that_cancel_have_the_sign_of_zero():
    x = Reals.exactly(np.array([0.1, 0.2, 0.3])) / 255.0
    zero = x * 255.0 - Reals.exactly(np.array([0.1, 0.2, 0.3]))
    assert sign(zero).values.tolist() == [0, 0, 0]
    assert bipolar(zero).values.tolist() == [1, 1, 1]
    assert bipolar(zero - 2.0**-200).values.tolist() == [-1, -1, -1]


def test_functions_without_exact_results_are_exact_where_they_are_known():
    x = Reals.exactly(np.array([1.0, 2.0])) / 3.0 * 3.0 - np.array([1.0, 3.0])
    values = transcendental(np.tanh, 1.0, x)
    assert sign(values).values.tolist() == [0, -1]
    assert exact(values)[0] == 0


def test_not_finite_numbers_do_no_harm():
    x = Reals.exactly(np.array([np.inf, -np.inf, np.nan, 1.0])) / 3.0
    assert round_by("ROUND", x).values[[0, 1, 3]].tolist() == [np.inf, -np.inf, 0]
    assert np.isnan(round_by("ROUND", x).values[2])
    assert exact(Reals.exactly(np.array([1.0, -1.0])) / 0.0) == [np.inf, -np.inf]
    assert minimum(THIRD, np.inf).levels().numbers == [Fraction(1, 3)]


def test_moved_elements_keep_their_numbers(rng):
    x, y = drawn(rng, (4,)), drawn(rng, (3,))
    places = np.array([[6, 0], [3, 4]])
    both = exact(x) + exact(y)
    assert exact(gather([x, y], places)) == [both[i] for i in places.reshape(-1)]


def test_levels_of_equal_elements_are_computed_once():
    calls = []

    def rule(x, y):
        calls.append((x, y))
        return x + y

    x = Reals.exactly(np.tile([1.0, 2.0, 3.0], 1000).reshape(1, 3, 1000))
    y = Reals.exactly(np.array([5.0, 5.0, 6.0]).reshape(1, 3, 1))
    levels = elementwise(np.add, rule, 0.0, x, y).levels()
    assert levels.index.size == 3000
    assert len(calls) <= 6
    scalar = combine([Levels([Fraction(2)], np.zeros(1, int))], lambda n: n * 2, 3)
    assert [scalar.numbers[i] for i in scalar.index] == [4, 4, 4]


@pytest.mark.parametrize(
    "values", [[], [3.0, -1.0, 3.0], [0.5, 1e300, 0.5], [2.0**60, 2.0**60 + 512], [np.nan, 1.0]]
)
def test_distinct_numbers(values):
    levels = distinct(np.array(values, float))
    found = [float(levels.numbers[i]) for i in levels.index]
    np.testing.assert_array_equal(found, values)


def test_multiples_of_a_common_unit():
    assert multiples([Fraction(1, 2), Fraction(-1, 3), Fraction(0)]) == ([3, -2, 0], Fraction(1, 6))
    assert multiples([Fraction(0)]) == ([0], Fraction(1))
