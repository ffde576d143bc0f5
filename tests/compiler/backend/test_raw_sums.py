"""Raw sums have the planes that their largest one needs, and no more pieces than that."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from arch.machine import ECP5_85F, TINY
from compiler.backend.job import ChannelSpan, Job, Tap
from compiler.backend.packing import pack
from compiler.backend.raw_sums import largest_raw_sum, with_pieces
from compiler.backend.storage import Storage
from compiler.flow import compile_network
from golden.network import Thresholds
from tests.samples.networks import Builder

FULL = np.ones(16, bool)


def storages(bits):
    x = Storage(name="x", tensor="x", kind="codes", channels=16, height=8, width=8, bits=bits)
    return {"x": x, "y": replace(x, name="y", tensor="y", kind="raw", bits=0)}


def packed(taps, bits, thresholds=None):
    span = ChannelSpan(0, len(taps[0].weights), (("x", 0),), tuple(taps), np.zeros(1, np.int64), 0)
    job = Job(name="job", span=span, height=1, width=1, output="y", thresholds=thresholds)
    return pack(job, storages(bits), TINY)


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize(
    ("weights", "odd"), [((-8, 7), False), ((-3, 0, 2), False), ((-1, 1), True)]
)
def test_the_largest_sum_is_that_of_all_activations(seed, bits, weights, odd):
    """Every lane on its own takes the activation code that makes its part largest."""
    rng = np.random.default_rng(seed)
    used = np.arange(16) < 11
    # Both ends occur, so that the grid is the same with any seed.
    values = rng.choice(weights, (3, 16)) * used
    values[0, : len(weights)] = weights
    job = packed([Tap(0, 0, 0, values, used)], bits)
    assert job.grid.odd == odd
    codes, width = job.grid.codes(job.job.span.taps[0]), job.grid.bits
    ones = 0 if odd else job.grid.ones_code
    most = 0
    for row in codes:
        total = 0
        for lane, u in enumerate(row.tolist()):
            parts = [
                sum(
                    (1 << i + j) * (a >> i & 1 ^ weight >> j & 1)
                    for weight in ((u,) if odd else (u, ones))
                    for i, j in product(range(bits), range(width))
                )
                for a in (range(1 << bits) if used[lane] else (0,))
            ]
            total += max(parts)
        most = max(most, total)
    assert largest_raw_sum(job, storages(bits)) == most


@pytest.mark.parametrize(("taps", "pieces"), [(1, 2), (2, 3), (17, 3), (18, 4), (35, 4)])
def test_as_many_pieces_as_the_sum_has_planes_for(taps, pieces):
    """A tap's 16 lanes of weight 1 and activations of 4 bits add 240 at most."""
    made = [Tap(0, 0, k, np.ones((1, 16), np.int64), FULL) for k in range(taps)]
    job = packed(made, 4)
    assert largest_raw_sum(job, storages(4)) == 240 * taps
    assert with_pieces(storages(4), [job])["y"].pieces == pieces
    # The span that needs most decides, and codes are one piece however large the sums are.
    assert with_pieces(storages(4), [job, packed(made[:1], 4)])["y"].pieces == pieces
    levels = Thresholds(levels=np.zeros((1, 15), np.int64), sign=np.ones(1, np.int8))
    assert with_pieces(storages(4), [packed(made, 4, levels)])["y"].pieces == 1


@pytest.mark.parametrize("machine", [TINY, ECP5_85F], ids=lambda machine: machine.name)
def test_heads_of_a_network_each_have_their_own(machine):
    b = Builder(1, 12, 16)
    b.conv("in", "stem", 40, 3)
    b.conv("stem", "narrow", 6, 1, weight_bits=1, raw=True)
    b.conv("stem", "wide", 6, 3, weight_bits=4, raw=True)
    compiled = compile_network(b.network("narrow", "wide"), machine)
    pieces = {name: compiled.lowered.storages[name].pieces for name in ("narrow", "wide", "stem")}
    assert pieces["stem"] == 1
    assert pieces["narrow"] < pieces["wide"] <= machine.raw_chunks
    for step in compiled.schedule.computes:
        output = compiled.plan.jobs[step.job].job.output
        assert step.fields["sum_pieces"] == pieces[output] - 1
