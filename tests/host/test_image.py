import dataclasses
import struct
import zlib

import numpy as np
import pytest

from arch.machine import ECP5_25F, TINY
from host.image import Image, ImageError, machine_digest


def image():
    return Image(
        4096,
        1024,
        machine_digest(TINY),
        [(1024, b"program"), (64, b"data")],
        [(128, 10, b"\x01\x02")],
    )


def test_round_trip():
    again = Image.from_bytes(image().to_bytes())
    assert again == image()
    memory = again.memory()
    assert memory.size == 4096
    assert memory[1024:1031].tobytes() == b"program"
    assert memory[128:138].tobytes() == b"\x01\x02" * 5


def test_damage_is_found():
    content = image().to_bytes()
    rng = np.random.default_rng(0)
    for _ in range(200):
        broken = bytearray(content)
        broken[rng.integers(len(broken))] ^= 1 << rng.integers(8)
        with pytest.raises(ImageError, match="checksum differs|not a onefour program image"):
            Image.from_bytes(bytes(broken))
    for size in range(len(content)):
        with pytest.raises(ImageError, match="build it"):
            Image.from_bytes(content[:size], "short")


def test_other_machine():
    image().check_machine(TINY)
    with pytest.raises(ImageError, match="not made for machine 'ecp5_25f'"):
        image().check_machine(ECP5_25F)


def test_missing_file(tmp_path):
    with pytest.raises(ImageError, match="cannot be read"):
        Image.read(tmp_path / "none.bin")


def sealed(content):
    """The bytes with a checksum that fits."""
    return content[:-4] + struct.pack("<I", zlib.crc32(content[:-4]))


def test_contradictions_behind_a_right_checksum():
    """Header, tables and lengths are trusted no more than the rest of the file."""
    content = image().to_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(2000):
        broken = bytearray(content)
        for _ in range(int(rng.integers(1, 4))):
            broken[rng.integers(8, len(broken) - 4)] = rng.integers(256)
        if rng.random() < 0.2:
            broken = broken[: rng.integers(len(broken))] + broken[-4:]
        try:
            found = Image.from_bytes(sealed(bytes(broken)))
        except ImageError:
            refused += 1
        else:
            assert 0 < found.memory_bytes <= 1 << 32
            if found.memory_bytes < 1 << 20:
                assert found.memory().size == found.memory_bytes
    assert refused > 1000


@pytest.mark.parametrize(
    "changes",
    [{"memory_bytes": 0}, {"memory_bytes": 1 << 40}, {"program_address": 4095},
     {"sections": [(4090, b"too long")]}, {"fills": [(4090, 10, b"\0")]},
     {"fills": [(0, 10, b"")]}],
    ids=str,
)  # fmt: skip
def test_contradictions(changes):
    with pytest.raises(ImageError, match="contradicts itself"):
        Image.from_bytes(dataclasses.replace(image(), **changes).to_bytes())
