import numpy as np
import pytest

from arch.machine import ECP5_25F, TINY
from compiler.image import Image, ImageError, machine_digest


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
