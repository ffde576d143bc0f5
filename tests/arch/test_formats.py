"""The numbers of the formats fit each other."""

import pytest

from arch import formats, isa
from arch.machine import MACHINES


def test_a_pixel_fits_its_bytes_and_a_window_its_lanes():
    assert formats.PICTURE_CHANNELS <= formats.PICTURE_BYTES
    assert formats.PICTURE_CHANNELS * formats.LONGEST_WINDOW <= formats.GROUP_LANES
    assert isa.most(isa.Load, "window") >= formats.LONGEST_WINDOW


def test_a_beat_of_pixels_fills_whole_steps():
    """What a beat becomes on chip is as many bytes as its steps write."""
    pixels = formats.PICTURE_STEPS * formats.PICTURE_BYTES
    assert pixels == formats.PICTURE_BITS * formats.PLANE_BYTES


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_beats_hold_whole_units(machine):
    for unit in (isa.ENTRY_BYTES, machine.rows * machine.lanes // 8,
                 machine.rows * formats.THRESHOLD_BYTES, isa.CHUNK_BYTES):  # fmt: skip
        assert unit % machine.beat_bytes == 0


@pytest.mark.parametrize(
    ("channels", "image_channels", "images"),
    [(1, 16, 1), (16, 16, 1), (17, 16, 2), (64, 16, 4), (8, 8, 1), (17, 8, 3)],
)
def test_images(channels, image_channels, images):
    assert formats.images_of(channels, image_channels) == images
