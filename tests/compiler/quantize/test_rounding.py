"""Weights to integers."""

import numpy as np
import pytest

from compiler.quantize.rounding import BLOCK, DAMPING, adaptive, ends, find_steps, nearest


@pytest.fixture
def inputs(rng) -> np.ndarray:
    """Inputs that depend on each other, as neighbouring pixels do: [4000, 36]."""
    return rng.normal(0, 1, (4000, 12)) @ rng.normal(0, 1, (12, 36)) + rng.normal(
        0, 0.1, (4000, 36)
    )


def output_error(inputs: np.ndarray, rows: np.ndarray, values: np.ndarray) -> float:
    return float(((inputs @ (values - rows).T) ** 2).mean())


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_integers_stay_within_their_bits(rng, bits):
    rows = rng.standard_t(3, (20, 36))
    gram = rows.T @ rows
    for method in ("mse", "minmax"):
        steps = find_steps(rows, bits, method)
        assert (steps == steps.astype(np.float32)).all()
        for integers in (nearest(rows, steps, bits), adaptive(rows, steps, bits, gram)):
            assert ends(bits)[0] <= integers.min()
            assert integers.max() <= ends(bits)[1]


def test_steps_of_least_error(rng):
    rows = rng.standard_t(3, (50, 200))
    errors = []
    for method in ("mse", "minmax"):
        steps = find_steps(rows, 4, method)
        errors.append(((nearest(rows, steps, 4) * steps[:, None] - rows) ** 2).sum(axis=1))
    # The narrowest of all ranges that were tried, so no row is worse, and most are better.
    assert (errors[0] <= errors[1] * (1 + 1e-6)).all()
    assert errors[0].sum() < 0.8 * errors[1].sum()


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_adaptive_rounding_lessens_the_error_of_sums(rng, inputs, bits):
    rows = rng.normal(0, 1, (16, 36))
    steps = find_steps(rows, bits, "mse")
    gram = inputs.T @ inputs / len(inputs)
    found = [
        output_error(inputs, rows, integers * steps[:, None])
        for integers in (nearest(rows, steps, bits), adaptive(rows, steps, bits, gram))
    ]
    assert found[1] < 0.5 * found[0]


@pytest.mark.parametrize("bits", [3, 8])
def test_adaptive_rounding_is_that_of_one_column_after_the_other(rng, bits):
    """Columns in blocks: integers are those of the recursion, in its own words."""
    wide = BLOCK + 30
    inputs = rng.normal(0, 1, (400, wide)) @ rng.normal(0, 1, (wide, wide))
    gram = inputs.T @ inputs / len(inputs)
    rows = rng.normal(0, 1, (6, wide))
    steps = find_steps(rows, bits, "mse")
    order = np.argsort(-np.diag(gram), kind="stable")
    kept = np.linalg.inv(gram + DAMPING * np.diag(gram).mean() * np.eye(wide))
    left, expected = rows.copy(), np.empty(rows.shape, int)
    for column in order:
        expected[:, column] = nearest(left[:, [column]], steps, bits)[:, 0]
        error = (left[:, column] - expected[:, column] * steps) / kept[column, column]
        left -= error[:, None] * kept[column]
        # The inverse without the column that is fixed now.
        kept = kept - np.outer(kept[:, column], kept[column]) / kept[column, column]
        kept[column] = kept[:, column] = 0
    assert (adaptive(rows, steps, bits, gram) == expected).all()


def test_inputs_that_were_never_seen(rng):
    rows = rng.normal(0, 1, (4, 9))
    steps = find_steps(rows, 4, "mse", np.zeros((1, 9)) + 1e-12)
    assert (adaptive(rows, steps, 4, np.zeros((9, 9))) == nearest(rows, steps, 4)).all()
