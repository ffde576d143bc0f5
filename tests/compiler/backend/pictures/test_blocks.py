"""Pictures stored in blocks: when they are, that nothing changes, and what it saves."""

import pytest

from arch.machine import ECP5_25F, ECP5_45F, ECP5_85F, TINY
from arch.memory import SDR16_133
from compiler.backend.lower import lower
from compiler.describe import describe
from compiler.errors import UnsupportedError
from compiler.flow import compile_network
from tests.samples.networks import Builder
from tests.samples.programs import differing_codes


def stem(kernel, pad, *, channels=3, outputs=20, size=(20, 28), seed=3, stride=2, **options):
    """A convolution of the picture, and a head."""
    b = Builder(seed, *size, channels=channels)
    b.conv("in", "stem", outputs, kernel, stride=stride, pad=pad, **options)
    b.conv("stem", "head", 9, 3, raw=True)
    return b.network("head"), b.picture()


CORNERS = {*((0, right) for right in range(5)), (1, 0), (1, 1), (3, 0), (3, 1)}
"""Paddings (left, right) with which no window of 3 x 3 begins in a block and ends outside it where
the corner would be."""


@pytest.mark.parametrize("machine", [TINY, ECP5_25F, ECP5_45F, ECP5_85F], ids=lambda m: m.name)
@pytest.mark.parametrize(
    ("kernel", "pad", "options"),
    [
        (6, 2, {}),
        (6, 2, {"weight_bits": 1, "bits": 1}),
        (6, 2, {"pad_value": 255, "channels": 1}),
        (2, 0, {"channels": 2}),
        (4, 2, {"size": (12, 6), "pad_value": 77}),
        (4, 0, {"size": (30, 70)}),
        (3, 1, {"pad_value": 9}),
        (3, 0, {"channels": 2}),
        (3, (1, 0, 0, 1), {"pad_value": 9, "channels": 1}),
        (3, (2, 3, 0, 0), {"pad_value": 200}),
    ],
)
def test_codes_are_those_of_the_network(machine, kernel, pad, options):
    network, picture = stem(kernel, pad, **options)
    compiled = compile_network(network, machine, SDR16_133)
    assert describe(compiled).picture.block == 2
    result = differing_codes(network, picture, machine, SDR16_133, races=True)
    assert len(result) == 2
    assert not any(result.values()), result


@pytest.mark.parametrize(
    ("kernel", "pad", "options"),
    [
        (3, 1, {"weight_bits": 1}),  # without a 0
        (6, 3, {}),
        (5, 2, {}),
        (6, 2, {"stride": 1}),
        (6, 2, {"size": (20, 27)}),
        (6, 2, {"size": (21, 28)}),
        (10, 4, {}),  # 25 blocks, 20 times five pixels of a row
    ],
)
def test_other_pictures_are_rows_of_pixels(kernel, pad, options):
    network, _ = stem(kernel, pad, **options)
    assert lower(network, TINY).storages["in"].kind == "picture"


@pytest.mark.parametrize("machine", [TINY, ECP5_85F], ids=lambda m: m.name)
@pytest.mark.parametrize(("kernel", "pad"), [(3, 1), (3, 0), (1, 0)])
def test_kernels_with_zeros_where_pixels_would_be_waited_for(machine, kernel, pad):
    options = {"outputs": 16, "size": (64, 70), "pad_value": 5}
    network, picture = stem(kernel, pad, **options)
    assert lower(network, machine).storages["in"].block == 2
    result = differing_codes(network, picture, machine, races=True)
    assert not any(result.values()), result
    # Weights of +-1 have no zeros, and passes take longer on a small machine.
    assert lower(stem(kernel, pad, weight_bits=1, **options)[0], machine).storages["in"].block == 1


def test_a_kernel_of_3x3_takes_three_blocks():
    network, _ = stem(3, 1)
    compiled = compile_network(network, TINY)
    assert len(compiled.lowered.jobs[0].span.taps) == 3
    assert describe(compiled).picture.corner == (1, 1)


@pytest.mark.parametrize("left", range(5))
def test_corners_are_in_every_block_that_is_asked_for_one(left):
    """Beside the picture is padding, which has none."""
    for right in range(5):
        network, picture = stem(3, (1, left, 1, right), pad_value=9)
        storage = lower(network, TINY).storages["in"]
        assert bool(storage.corner) == ((left, right) in CORNERS), (left, right)
        differing = differing_codes(network, picture, TINY)
        assert not any(differing.values()), (left, right)


def test_readers_that_want_different_corners_have_none():
    b = Builder(3, 20, 28)
    for name, pad in (("one", (1, 0, 1, 1)), ("other", (1, 1, 1, 1))):
        b.conv("in", name, 4, 3, stride=2, pad=pad, raw=True)
    network = b.network("one", "other")
    lowered = lower(network, ECP5_85F)
    assert lowered.storages["in"].corner == ()
    assert [len(job.span.taps) for job in lowered.jobs] == [4, 4]
    result = differing_codes(network, b.picture(), ECP5_85F, races=True)
    assert not any(result.values()), result


def test_all_readers_must_gain():
    for stride, kind in ((2, "codes"), (1, "picture")):
        b = Builder(3, 20, 28)
        b.conv("in", "one", 4, 6, stride=2, pad=2, raw=True)
        b.conv("in", "other", 4, 2, stride=stride, pad=0, raw=True)
        assert lower(b.network("one", "other"), TINY).storages["in"].kind == kind


def test_two_paddings_of_blocks_are_refused():
    b = Builder(3, 20, 28)
    b.conv("in", "one", 4, 6, stride=2, pad=2, raw=True)
    b.conv("in", "other", 4, 6, stride=2, pad=2, pad_value=3, raw=True)
    with pytest.raises(UnsupportedError, match="supported: one padding of the picture"):
        lower(b.network("one", "other"), TINY)


def test_fewer_passes_and_as_many_bytes():
    """Of a kernel of 6 x 6: 9 blocks of 12 lanes, where rows of pixels take 12 taps of 9."""
    network, _ = stem(6, 2, size=(64, 64))
    compiled = compile_network(network, ECP5_85F)
    job = compiled.lowered.jobs[0]
    assert len(job.span.taps) == 9
    assert compiled.plan.jobs[0].tiled.packed.table.block_passes == 74
    manifest = describe(compiled)
    assert sum(size for _, size in manifest.picture.rows) == 64 * 64 * 4


def test_a_serial_line_carries_pixels():
    """Of three bytes each; blocks have four."""
    network, _ = stem(6, 2)
    assert describe(compile_network(network, ECP5_25F)).picture.block == 2
    found = compile_network(network, ECP5_25F, line=True)
    assert describe(found).picture.block == 1
    assert found.lowered.storages["in"].kind == "picture"
