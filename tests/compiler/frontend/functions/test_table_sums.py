"""Tables of two inputs: every pair of codes gives the code of the float32 sum."""

import numpy as np
import pytest

from compiler.frontend.functions.table_sums import MOST, find_tables


def pairs(first, second, scale, zero, most=255):
    """Codes of the float32 sums of two rows of values."""
    total = first.astype(np.float32)[:, None] + second.astype(np.float32)[None]
    codes = np.clip(np.rint(total / np.float32(scale)) + zero, 0, most)
    return codes.astype(np.int64)


@pytest.mark.parametrize("seed", range(12))
def test_all_pairs(seed):
    rng = np.random.default_rng(seed)
    codes = np.arange(256)
    scales = rng.uniform(0.01, 0.1, 3).astype(np.float32)
    zeros = rng.integers(0, 256, 3)
    first = scales[0] * (codes - zeros[0])
    second = scales[1] * (codes - zeros[1])
    if seed % 2:
        second = second / (1 + np.exp(-second))
    scale, zero = 2 * float(scales[2]), int(zeros[2])
    table = pairs(first, second, scale, zero)
    tables, fraction = find_tables(first, second, table, scale, -scale * zero)
    found = (tables[0][:, None] + tables[1][None]) >> fraction
    assert (np.clip(found, table.min(), table.max()) == table).all()
    assert fraction <= MOST
    assert max(np.abs(each).max() for each in tables) < 1 << 22


def test_limits_inside_the_range():
    values = np.arange(-8, 8) * 0.37
    table = np.clip(pairs(values, values, 0.11, 100), 90, 120)
    tables, fraction = find_tables(values, values, table, 0.11, -11.0)
    found = (tables[0][:, None] + tables[1][None]) >> fraction
    assert (np.clip(found, 90, 120) == table).all()


def test_a_product_has_none():
    values = np.arange(16) * 0.25
    table = np.rint(values[:, None] * values[None]).astype(np.int64)
    assert find_tables(values, values, table, 1.0, 0.0) is None
