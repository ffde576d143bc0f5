"""Pools along rows and along columns have the maxima of the window."""

import numpy as np
import pytest

from compiler.frontend.passes.separate_pools import separate_pools
from golden import execute
from golden.network import MaxPool, Network
from tests.samples.networks import Builder


def pools(network: Network) -> list[MaxPool]:
    return [operator for operator in network.operators if isinstance(operator, MaxPool)]


def pooled(bits: int, kernel: int, stride: int, pads: tuple[int, int, int, int]) -> Builder:
    b = Builder(3, 9, 11)
    b.conv("in", "a", 5, 3, bits=bits)
    b.pool("a", "pooled", kernel, stride, pads)
    b.conv("pooled", "head", 4, 1, raw=True)
    return b


@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (1, 1, 1, 1), (0, 1, 2, 0), (2, 0, 1, 1)])
@pytest.mark.parametrize("kernel", [3, 4, 5])
def test_every_maximum(kernel, pads):
    b = pooled(3, kernel, 1, pads)
    network = b.network("head")
    apart = separate_pools(network)
    assert [pool.kernel for pool in pools(apart)] == [(1, kernel), (kernel, 1)]
    picture = b.picture()
    results, expected = execute.run(apart, picture), execute.run(network, picture)
    assert results["pooled/rows"].shape == apart.tensors["pooled/rows"].shape
    for name, codes in expected.items():
        assert np.array_equal(results[name], codes), name


@pytest.mark.parametrize(("bits", "kernel", "stride"), [(1, 5, 1), (4, 2, 1), (4, 3, 2)])
def test_pools_that_would_not_be_cheaper_stay(bits, kernel, stride):
    network = pooled(bits, kernel, stride, (0, 0, 0, 0)).network("head")
    assert separate_pools(network).operators == network.operators


def test_names_that_are_there_already():
    b = Builder(4, 8, 8)
    b.conv("in", "pooled/rows", 4, 1)
    b.pool("pooled/rows", "pooled/rows'", 3, 1)
    b.pool("pooled/rows", "pooled", 3, 1)
    b.conv("pooled", "head", 4, 1, raw=True)
    network = b.network("head")
    apart = separate_pools(network)
    names = [operator.output for operator in apart.operators]
    assert len(set(names)) == len(names) == 6
    assert len({operator.name for operator in apart.operators}) == 6
    assert set(names) | {"in"} == apart.tensors.keys() | apart.raw_shapes.keys()
