"""Files of more than 8 bits a channel, made here byte by byte, are refused; others are right."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, features

from host.picture import PictureError, load_picture
from host.picture_depth import too_deep

WIDTH, HEIGHT = 4, 2


def codes(path, channels=3) -> np.ndarray:
    return load_picture(path, height=HEIGHT, width=WIDTH, channels=channels).codes


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(bits: int, colour: int, channels: int, extra: bytes = b"") -> bytes:
    row = bytes(range(1, 1 + -(-WIDTH * channels * bits // 8)))
    return b"".join([
        b"\x89PNG\r\n\x1a\n",
        chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, colour, 0, 0, 0)),
        extra,
        chunk(b"IDAT", zlib.compress((b"\0" + row) * HEIGHT)),
        chunk(b"IEND", b""),
    ])  # fmt: skip


def tiff(bits: tuple, kinds: tuple = (), photometric: int = 2, colour_map: tuple = ()) -> bytes:
    """An uncompressed picture of one strip, little endian."""
    channels = len(bits)
    data = bytes(range(WIDTH * HEIGHT * sum(bits) // 8))
    entries = {
        256: ("I", (WIDTH,)), 257: ("I", (HEIGHT,)), 258: ("H", bits), 259: ("H", (1,)),
        262: ("H", (photometric,)), 273: ("I", (8,)), 277: ("H", (channels,)),
        278: ("I", (HEIGHT,)), 279: ("I", (len(data),)),
    }  # fmt: skip
    if kinds:
        entries[339] = ("H", kinds)
    if colour_map:
        entries[320] = ("H", colour_map)
    at = 8 + len(data)
    directory, behind = struct.pack("<H", len(entries)), b""
    end = at + 2 + 12 * len(entries) + 4
    for tag, (kind, values) in sorted(entries.items()):
        packed = struct.pack(f"<{len(values)}{kind}", *values)
        if len(packed) > 4:
            behind, packed = behind + packed, struct.pack("<I", end + len(behind))
        number = {"H": 3, "I": 4}[kind]
        directory += struct.pack("<HHI", tag, number, len(values)) + packed.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<I", at) + data + directory + bytes(4) + behind


DEEP = {
    "grey.png": png(16, 0, 1),
    "rgb.png": png(16, 2, 3),
    "grey_alpha.png": png(16, 4, 2),
    "rgba.png": png(16, 6, 4),
    "transparent.png": png(16, 2, 3, chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3))),
    "grey.tiff": tiff((16,), photometric=1),
    "rgb.tiff": tiff((16, 16, 16)),
    "rgba.tiff": tiff((16, 16, 16, 16)),
    "float.tiff": tiff((32,), (3,), photometric=1),
    "half.tiff": tiff((16,), (3,), photometric=1),
    "integer.tiff": tiff((32,), photometric=1),
    "signed.tiff": tiff((8,), (2,), photometric=1),
    "map.tiff": tiff((8,), photometric=3, colour_map=tuple(range(768))),
    "grey.pgm": b"P5 4 2 65535\n" + bytes(16),
    "rgb.ppm": b"P6 4 2 65535\n" + bytes(48),
    "ten.ppm": b"P6 4 2 1023\n" + bytes(48),
    "nine.pgm": b"P5 4 2 256\n" + bytes(16),
    "plain.ppm": b"P3 4 2 65535\n" + b"40000 " * 24,
    "plain.pgm": b"P2 4 2 1000\n" + b"999 " * 8,
    "float.pfm": b"Pf 4 2\n-1.0\n" + bytes(32),
}  # fmt: skip


@pytest.mark.parametrize("name", DEEP)
def test_deep_files_are_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(DEEP[name])
    with pytest.raises(PictureError) as caught:
        codes(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    # Some of these Pillow does not read at all.
    assert "must have 8 bits a channel, not " in text or "not a picture that" in text, text


def jpeg2000(dtype, channels: int) -> bytes:
    kept = io.BytesIO()
    mode = {1: "L", 3: "RGB"}[channels] if dtype == np.uint8 else "I;16"
    Image.new(mode, (WIDTH, HEIGHT)).save(kept, format="JPEG2000")
    return kept.getvalue()


@pytest.mark.skipif(not features.check("jpg_2000"), reason="this Pillow has no JPEG 2000")
@pytest.mark.parametrize("depth", [4, 12, 16, 8 | 128])
@pytest.mark.parametrize("component", [0, 1, 2])
def test_deep_jpeg2000(tmp_path, depth, component):
    path = tmp_path / "a.jp2"
    content = bytearray(jpeg2000(np.uint8, 3))
    path.write_bytes(content)
    assert codes(path).shape == (3, HEIGHT, WIDTH)
    at = content.index(b"\xff\x51") + 40 + 3 * component
    assert content[at] == 7
    content[at] = (depth - 1) & 127 | depth & 128
    path.write_bytes(content)
    with pytest.raises(PictureError, match="must have 8 bits a channel, not "):
        codes(path)
    path.write_bytes(content[content.index(b"\xff\x4f\xff\x51") :])
    with pytest.raises(PictureError, match="must have 8 bits a channel, not "):
        codes(path)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_deep_avif(tmp_path):
    path = tmp_path / "a.avif"
    Image.new("RGB", (16, 16), (1, 2, 3)).save(path)
    content = bytearray(path.read_bytes())
    assert codes(path).shape == (3, HEIGHT, WIDTH)
    content[content.index(b"av1C") + 6] |= 0x40
    deep = tmp_path / "deep.avif"
    deep.write_bytes(content)
    with Image.open(path) as image:  # Pillow neither writes nor, half changed, opens such a file
        assert too_deep(image, path) == ""
        assert too_deep(image, deep) == "10 or 12 bits"


def test_shallow_files_are_scaled_to_8_bits(tmp_path):
    def found(name: str, content: bytes) -> list:
        path = tmp_path / name
        path.write_bytes(content)
        return codes(path, 1).ravel().tolist()

    assert found("a.png", png(4, 0, 1)) == [0, 17, 0, 34] * 2
    assert found("b.png", png(1, 0, 1)) == [0, 0, 0, 0] * 2
    assert found("a.pgm", b"P5 4 2 100\n" + bytes([0, 20, 40, 100] * 2)) == [0, 51, 102, 255] * 2
    assert found("b.pgm", b"P2 4 2 15\n" + b"0 1 2 15 " * 2) == [0, 17, 34, 255] * 2
    assert found("a.pbm", b"P1 4 2\n1 0 0 1\n0 1 1 0\n") == [0, 255, 255, 0, 255, 0, 0, 255]
    assert found("a.tiff", tiff((8,), photometric=1)) == list(range(8))
    # Colours of a map as TIFF has them: 16 bits that repeat 8.
    grey = tuple(257 * (255 - value) for value in range(256)) * 3
    assert found("b.tiff", tiff((8,), photometric=3, colour_map=grey)) == list(range(255, 247, -1))


def test_formats_that_may_do_anything_are_not_opened(tmp_path):
    path = tmp_path / "a.eps"
    Image.new("RGB", (4, 2)).save(path)
    with pytest.raises(PictureError, match="not a picture that Pillow can read as"):
        codes(path)
