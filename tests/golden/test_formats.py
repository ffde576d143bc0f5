"""Memory formats against docs/machine.md, bit by bit, and there and back."""

import numpy as np
import pytest

from golden.formats import MapFormat, pack_map, pack_picture, unpack_map

IMAGES = pytest.mark.parametrize("lanes", [8, 16])


@IMAGES
def test_bits_lie_where_the_manual_says(lanes):
    random = np.random.default_rng(1)
    form = MapFormat(
        image_channels=lanes, address=64, pitch=7, origin=8, channels=20, height=3, width=5,
        planes=4, image_bytes=512,
    )  # fmt: skip
    size = lanes // 8
    codes = random.integers(0, 8, (20, 3, 5))
    memory = np.full(2048, 0xA5, np.uint8)
    pack_map(memory, form, codes)
    for c, y, x in np.ndindex(codes.shape):
        position = 64 + (c // lanes) * 512 + (8 + y * 7 + x) * 4 * size
        found = 0
        for plane in range(4):
            at = position + size * plane + c % lanes // 8
            found |= (int(memory[at]) >> c % 8 & 1) << plane
        assert found == codes[c, y, x]
    untouched = np.ones(memory.size, bool)
    for image in range(-(-20 // lanes)):
        for y in range(3):
            start = 64 + image * 512 + (8 + y * 7) * 4 * size
            untouched[start : start + 5 * 4 * size] = False
    assert (memory[untouched] == 0xA5).all()


@pytest.mark.parametrize("planes", [1, 2, 4, 24])
@pytest.mark.parametrize("channels", [1, 16, 40])
@IMAGES
def test_there_and_back(planes, channels, lanes):
    random = np.random.default_rng(planes * channels)
    form = MapFormat(
        image_channels=lanes,
        address=8,
        pitch=9,
        origin=11,
        channels=channels,
        height=4,
        width=6,
        planes=planes,
        image_bytes=6 * 9 * lanes // 8 * planes,
    )
    codes = random.integers(0, 1 << planes, (channels, 4, 6))
    memory = np.zeros(form.end + 100, np.uint8)
    pack_map(memory, form, codes)
    assert (unpack_map(memory, form) == codes).all()


def test_raw_sums_travel_in_chunks_of_four_planes():
    form = MapFormat(
        image_channels=16, address=0, pitch=1, channels=16, height=1, width=1, planes=24
    )
    memory = np.zeros(48, np.uint8)
    sums = np.zeros((16, 1, 1), np.int64)
    sums[9] = 1 << 6
    pack_map(memory, form, sums)
    assert np.flatnonzero(memory).tolist() == [8 + 2 * 2 + 1]
    assert memory[13] == 1 << 1


def test_picture_has_four_bytes_a_pixel():
    codes = np.arange(3 * 2 * 2, dtype=np.uint8).reshape(3, 2, 2) + 1
    memory = np.zeros(64, np.uint8)
    pack_picture(memory, 16, 5, codes)
    assert memory[16:24].tolist() == [1, 5, 9, 0, 2, 6, 10, 0]
    assert memory[36:44].tolist() == [3, 7, 11, 0, 4, 8, 12, 0]


def test_errors_name_the_requirement():
    sizes = {"image_channels": 16, "address": 0, "pitch": 4, "height": 1, "width": 4, "planes": 1}
    form = MapFormat(channels=1, **sizes)
    with pytest.raises(ValueError, match="do not fit 1 planes"):
        pack_map(np.zeros(64, np.uint8), form, np.full((1, 1, 4), 2))
    with pytest.raises(ValueError, match="does not lie in a memory of 0x4 bytes"):
        unpack_map(np.zeros(4, np.uint8), form)
    with pytest.raises(ValueError, match="image_bytes 0 is less than"):
        MapFormat(channels=17, **sizes)
    with pytest.raises(ValueError, match="codes have shape"):
        pack_map(np.zeros(64, np.uint8), form, np.zeros((2, 1, 4), int))
