"""Tiles: every position of the output is computed, whatever the shapes of input and output."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from arch.machine import ECP5_25F, ECP5_85F, TINY
from arch.memory import IDEAL
from compiler.backend.lower import lower
from compiler.backend.packing import pack
from compiler.backend.storage import lay_out
from compiler.backend.tiling.choose import Tilings
from compiler.backend.tiling.tile import first_column
from compiler.backend.traffic import Traffic
from compiler.errors import CapacityError
from golden.network import Convolution
from tests.random_networks.geometry import random_network
from tests.samples.networks import Builder, everything
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


def tiled(network, machine, memory=IDEAL):
    """The jobs of a network, cut, and the layouts that they read and write."""
    lowered = lower(network, machine)
    layouts = {name: lay_out(storage, machine) for name, storage in lowered.storages.items()}
    jobs = [pack(job, lowered.storages, machine) for job in lowered.jobs]
    traffic = Traffic(machine, memory)
    return [Tilings(job, layouts, traffic).best() for job in jobs], layouts


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_tiles_cover_the_map_once_and_fit(machine):
    for job in tiled(everything(0, 90, 70)[0], machine)[0]:
        covered = np.zeros((job.job.height, job.job.width), int)
        for tile in job.tiles:
            covered[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width] += 1
        assert (covered == 1).all()
        assert job.positions <= machine.positions * job.halves // 2


def test_tiles_begin_at_one_place_of_a_beat():
    """Where taps look in the first tile, they look in all; a beat of bits has more positions than
    the machine has columns."""
    b = Builder(0, 6, 30)
    b.conv("in", "bits", 4, 1, bits=1)
    b.conv("bits", "more", 4, 3, bits=1)
    b.conv("bits", "less", 4, 3, stride=2)
    for name in ("more", "less"):
        b.conv(name, f"head {name}", 4, 1, raw=True)
    lowered = lower(b.network("head more", "head less"), TINY)
    layouts = {name: lay_out(storage, TINY) for name, storage in lowered.storages.items()}
    assert layouts["bits"].beat_positions > TINY.columns
    for job in lowered.jobs:
        found = Tilings(pack(job, lowered.storages, TINY), layouts, Traffic(TINY, IDEAL))
        for (_, width, pitch), way in found.ways.items():
            for region in way.tiled.regions if pitch is None else ():
                layout = layouts[region.region.storage]
                skips = {first_column(job, layout, x)[1] for x in range(0, job.width, width)}
                assert skips == {region.skip}


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_words_of_a_step_go_to_different_banks(machine):
    """Planes of a position, and positions of a beat or of half a beat, are written in one cycle."""
    jobs, layouts = tiled(everything(0, 21, 35)[0], machine)
    for job, region in [(each, region) for each in jobs for region in each.regions]:
        layout = layouts[region.region.storage]
        if layout.storage.kind == "picture":
            continue
        left = job.job.reach[2] - region.skip  # of the first column that is loaded
        together = layout.beat_positions // machine.map_steps
        banks = {
            job.offset(region, job.job.reach[0], left + x, plane) % machine.columns
            for x in range(together)
            for plane in range(layout.storage.planes)
        }
        assert len(banks) == together * layout.storage.planes == machine.slots


def test_a_map_that_fits_is_one_tile_and_flat_where_that_saves_blocks():
    b = Builder(3, 5, 5)
    b.conv("in", "a", 8, 1)
    b.conv("a", "head", 3, 1, raw=True)
    (_, head), _ = tiled(b.network("head"), ECP5_85F)
    assert [(t.height, t.width) for t in head.tiles] == [(5, 5)]
    # Rows are 6 positions apart: 29 of them are two blocks of 16, row by row it would be five.
    assert head.flat
    assert head.blocks(head.tiles[0], ECP5_85F) == (1, 2)


def test_not_even_one_row_fits():
    small = replace(TINY, activation_words=16)
    b = Builder(3, 5, 64)
    b.conv("in", "a", 8, 5)
    with pytest.raises(CapacityError, match="layer 'a': not even one row of 4 positions fits"):
        tiled(b.network(), small)


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
