"""Stems and flat tiles in RTL: every code, every counter."""

import pytest

from arch.machine import TINY
from compiler.describe import describe
from compiler.flow import compile_network
from tests.random_networks.rtl import simulate
from tests.samples.networks import Builder


def pooled_stem():
    """A picture as pairs of rows, and a flat tile whose rows are pooled."""
    b = Builder(3, 10, 20)
    b.conv("in", "stem", 12, 3, pad_value=7)
    b.pool("stem", "pooled", 2, 2)
    b.conv("pooled", "inner", 20, 3)
    b.pool("inner", "again", 2, 2)
    b.conv("again", "head", 5, 1, raw=True)
    return b.network("head"), b.picture()


def strided_stem():
    """A picture in blocks with a corner, and a flat tile of every second row and column."""
    b = Builder(3, 20, 28)
    b.conv("in", "stem", 12, 3, stride=2, pad_value=7)
    b.conv("stem", "inner", 20, 3, stride=2)
    b.conv("inner", "head", 5, 1, raw=True)
    return b.network("head"), b.picture()


@pytest.mark.cosim
@pytest.mark.parametrize(
    ("sample", "layer", "turns"), [(pooled_stem, "inner", 2), (strided_stem, "inner", 2)]
)
def test_every_code_and_every_cycle(sample, layer, turns):
    network, picture = sample()
    compiled = compile_network(network, TINY)
    stored = describe(compiled).picture
    assert stored.pairs or stored.corner
    (tiled,) = (job.tiled for job in compiled.plan.jobs if job.job.name == layer)
    assert (tiled.flat, tiled.turns) == (True, turns)
    cycles, wrong = simulate(compiled, picture, seed=0)  # an even seed: memory does not stall
    print(f"{sample.__name__}: {cycles} cycles")
    assert not wrong
