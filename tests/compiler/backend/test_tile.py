"""Tiles: every position of the output is computed, whatever the shapes of input and output."""

from itertools import product

import pytest

from arch.machine import ECP5_25F, ECP5_85F, TINY
from golden.network import Convolution
from tests.random_networks.geometry import random_network
from tests.samples.networks import Builder
from tests.samples.programs import differing_codes

MACHINES = (TINY, ECP5_25F, ECP5_85F)


def padded(kernel, pads, *, width=7, dilation=1, stride=1, channels=3, source="a", raw=False):
    """A network whose last layer has these pads (top, left, bottom, right)."""
    b = Builder(1, 5, width, channels)
    if source == "a":
        b.conv("in", "a", 5, 1, bits=3)
    operator = Convolution(
        name="wide",
        input=source,
        output="wide",
        weights=b.weights((4, b.tensors[source].channels, kernel, kernel), 3),
        thresholds=None if raw else b.thresholds(4, 2, 30),
        strides=(stride, stride),
        pads=pads,
        dilations=(dilation, dilation),
    )
    span = (kernel - 1) * dilation + 1
    height, wide = (
        (n + pads[i] + pads[i + 2] - span) // stride + 1 for i, n in ((0, 5), (1, width))
    )
    if raw:
        b.operators.append(operator)
        b.raw_shapes["wide"] = (4, height, wide)
    else:
        b.add(operator, 4, height, wide, 2)
        b.conv("wide", "head", 3, 1, raw=True)
    return b.network("wide" if raw else "head"), b.picture()


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
@pytest.mark.parametrize("source", ["in", "a"])
@pytest.mark.parametrize("raw", [False, True])
def test_a_1x1_convolution_with_padding(machine, source, raw):
    for width, pad in product((1, 2, 7, 8), (1, 2, 5)):
        network, picture = padded(1, (pad,) * 4, width=width, source=source, raw=raw)
        result = differing_codes(network, picture, machine)
        assert not any(result.values()), (width, pad, result)


@pytest.mark.parametrize(
    ("kernel", "dilation", "stride"),
    [(1, 1, 1), (2, 1, 1), (3, 1, 1), (2, 2, 1), (3, 2, 1), (2, 1, 2)],
)
def test_any_pads(kernel, dilation, stride):
    """Each side padded by up to more than the kernel reaches: outputs wider and taller."""
    sides = (0, 1, (kernel - 1) * dilation + 2)
    for number, pads in enumerate(product(sides, repeat=4)):
        network, picture = padded(kernel, pads, dilation=dilation, stride=stride)
        result = differing_codes(network, picture, MACHINES[number % 3])
        assert not any(result.values()), (pads, result)


def test_concat_of_rows_stored_at_different_pitch():
    """Two inputs whose rows lie at different distances, under an output wider than both."""
    b = Builder(2, 4, 9)
    b.conv("in", "a", 3, 1, bits=4)
    b.conv("in", "b", 3, 1, bits=4)
    b.conv("b", "aside", 2, 7, raw=True)
    joined = b.concat(["a", "b"], "joined")
    b.conv(joined, "head", 5, 1, pad=3, raw=True)
    for machine in MACHINES:
        result = differing_codes(b.network("aside", "head"), b.picture(), machine)
        assert not any(result.values()), (machine.name, result)


@pytest.mark.parametrize("seed", range(60))
def test_random_geometry(seed):
    network, picture = random_network(seed)
    result = differing_codes(network, picture, MACHINES[seed % 3], races=seed % 5 == 0)
    assert not any(result.values()), (seed, result)


@pytest.mark.slow
def test_much_random_geometry():
    for seed in range(10_000, 12_000):
        network, picture = random_network(seed)
        result = differing_codes(network, picture, MACHINES[seed % 3])
        assert not any(result.values()), (seed, result)
