"""Schemes: what each keeps, and which of them errs less."""

import numpy as np
import pytest

from quant.post_training.schemes import SCHEMES, affine, codebook, half, symmetric


@pytest.fixture
def groups(rng):
    return rng.normal(0, 0.05, (5, 400)) * rng.uniform(0.2, 2, (5, 1))


def error(found, groups):
    return ((found - groups) ** 2).sum()


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("name", SCHEMES)
def test_a_group_has_so_many_values(name, bits, groups):
    found = SCHEMES[name].quantise(groups, bits)
    assert found.shape == groups.shape
    for row in found:
        assert len(np.unique(row)) <= 2**bits
    assert error(found, groups) < error(0 * groups, groups)


@pytest.mark.parametrize("name", ["symmetric", "affine"])
def test_uniform_schemes_have_a_half_precision_step_and_no_weight_is_cut(name, groups):
    found = SCHEMES[name].quantise(groups, 4)
    assert (np.abs(found - groups) <= np.ptp(groups, axis=1)[:, None] / 14 + 1e-6).all()
    for row in found:
        values = np.unique(row)
        step = np.diff(values).min()
        assert half(step) == pytest.approx(step, rel=1e-12)
        np.testing.assert_allclose(values / step, np.round(values / step), atol=1e-9)


def test_zero_stays_zero():
    groups = np.array([[0.0, 0.3, 0.9], [0.0, -0.2, 0.5]])
    for scheme in (symmetric, affine):
        assert (scheme(groups, 4)[:, 0] == 0).all()


def test_a_zero_point_pays_where_weights_lie_on_one_side(groups):
    lopsided = np.abs(groups)
    assert error(affine(lopsided, 4), lopsided) < 0.5 * error(symmetric(lopsided, 4), lopsided)


def test_a_codebook_errs_least(groups):
    groups[0, 0] = 1.0  # far from the others
    for each in groups:
        row = each[None]
        for other in (affine, symmetric):
            assert error(codebook(row, 4), row) < error(other(row, 4), row)


def test_few_different_weights_are_kept_exactly():
    row = np.array([[0.5, -0.25, 0.5, 2.0, -0.25, 0.0]])
    np.testing.assert_array_equal(codebook(row, 3), row)


@pytest.mark.parametrize("name", SCHEMES)
def test_weights_that_are_all_zero(name):
    np.testing.assert_array_equal(SCHEMES[name].quantise(np.zeros((2, 9)), 4), 0)
