"""Pictures stored as pairs of rows: when they are, that nothing changes, and what it saves."""

from functools import partial

import numpy as np
import pytest

from arch.machine import ECP5_25F, ECP5_85F, TINY
from arch.memory import IDEAL, SDR16_133
from compiler.backend.lower import lower
from compiler.describe import describe
from compiler.flow import compile_network
from tests.samples.networks import Builder
from tests.samples.programs import differing_codes


def stem(*, kernel=3, channels=3, outputs=12, size=(14, 22), pooled=True, pads=(1, 1, 1, 1),
         **options):  # fmt: skip
    """A convolution of the picture, a max-pool of 2 x 2 perhaps, and a head."""
    b = Builder(5, *size, channels=channels)
    b.conv("in", "stem", outputs, kernel, pad=pads, **options)
    last = b.pool("stem", "pooled", 2, 2) if pooled else "stem"
    b.conv(last, "head", 9, 3, raw=True)
    return b.network("head"), b.picture()


@pytest.mark.parametrize("machine", [TINY, ECP5_25F], ids=lambda m: m.name)
@pytest.mark.parametrize(
    ("memory", "options"),
    [
        (IDEAL, {}),
        (IDEAL, {"pad_value": 3, "channels": 2, "pooled": False}),
        (SDR16_133, {"channels": 1, "pad_value": 200, "outputs": 20, "size": (9, 33)}),
        (IDEAL, {"outputs": 40, "size": (30, 70), "pad_value": 77}),
    ],
)
def test_codes_are_those_of_the_network(machine, memory, options):
    network, picture = stem(**options)
    compiled = compile_network(network, machine, memory)
    assert describe(compiled).picture.pairs
    assert len(compiled.lowered.jobs[0].span.taps) == 2
    result = differing_codes(network, picture, machine, memory, races=True)
    assert len(result) == 2
    assert not any(result.values()), result


@pytest.mark.parametrize("options", [
    {"kernel": 5, "pads": (2,) * 4},
    {"pads": (0,) * 4},
    {"stride": 2},
])  # fmt: skip
def test_other_kernels_take_no_pairs(options):
    network, _ = stem(**options)
    assert not lower(network, TINY, pairs=True).storages["in"].pairs


def test_not_where_the_line_is_slow_or_pixels_are_waited_for():
    network, _ = stem(size=(40, 64))
    pairs = partial(compile_network, network)
    assert describe(pairs(ECP5_25F)).picture.pairs
    assert not describe(pairs(ECP5_25F, line=True)).picture.pairs
    # 16 x 16 results at once wait for pixels that come twice.
    assert not describe(pairs(ECP5_85F)).picture.pairs


def test_kernels_without_a_0_get_a_bit_for_it():
    network, picture = stem(weight_bits=1)
    (job, *_), storages = lower(network, TINY, pairs=True).jobs, lower(network, TINY).storages
    assert sorted({*np.concatenate([tap.weights.ravel() for tap in job.span.taps])}) == [-1, 0, 1]
    assert not storages["in"].pairs
    assert not any(differing_codes(network, picture, TINY).values())


def test_a_convolution_of_some_of_the_channels():
    b = Builder(5, 14, 22)
    b.conv(b.slice("in", "some", 1, 3), "head", 9, 3, raw=True)
    network = b.network("head")
    assert not lower(network, TINY, pairs=True).storages["in"].pairs
    assert not any(differing_codes(network, b.picture(), TINY).values())
