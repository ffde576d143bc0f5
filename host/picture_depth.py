"""How many bits a channel of a picture file has: Pillow cuts many deep files to 8 without a word.

Each format keeps the depth in a place of its own. What a picture of 8 bits has is one sample of 0
to 255 a channel; fewer bits are scaled to that by Pillow (1 bit: 0 and 255), more are refused.
"""

import struct
from pathlib import Path

from PIL import Image, TiffTags

FORMATS = (
    "AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "QOI", "TGA", "TIFF",
    "WEBP",
)  # fmt: skip
"""Those whose depth is known here, in Pillow's names. The others are not opened: some start
programs (EPS), some hide their depth."""
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "La", "RGBa")
BITS_PER_SAMPLE, SAMPLE_FORMAT, COLOUR_MAP = 258, 339, 320
"""Tags of TIFF."""
UNSIGNED = 1
CODESTREAM, SIZE_MARKER = b"\xff\x4f", b"\xff\x51"
AV1_CONFIGURATION = b"av1C"
HIGH_BIT_DEPTH = 0x40
HEADER_BYTES = 1 << 20


def known_formats() -> tuple[str, ...]:
    """Those of :data:`FORMATS` that the installed Pillow opens."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def too_deep(image: Image.Image, path: Path) -> str:
    """What of an opened, not yet loaded picture is more than 8 bits; empty where nothing is.

    May raise what Pillow raises for damaged files.
    """
    if image.mode not in MODES:
        return f"Pillow's mode {image.mode!r}"
    look = {"PNG": _png, "TIFF": _tiff, "PPM": _ppm, "JPEG2000": _jpeg2000, "AVIF": _avif}
    return look[image.format](image, path) if image.format in look else ""


def _png(_image: Image.Image, path: Path) -> str:
    with path.open("rb") as stream:
        bits = stream.read(25)[24:25]
    return f"{bits[0]} bits" if bits and bits[0] > 8 else ""


def _tiff(image: Image.Image, _path: Path) -> str:
    tags = image.tag_v2
    bits = tags.get(BITS_PER_SAMPLE, (1,))
    bits = bits if isinstance(bits, tuple) else (bits,)
    if max(bits) > 8:
        return f"{max(bits)} bits"
    kinds = tags.get(SAMPLE_FORMAT, (UNSIGNED,))
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    if any(kind != UNSIGNED for kind in kinds):
        name = TiffTags.lookup(SAMPLE_FORMAT).name
        return f"samples that are signed or no integers ({name} {kinds})"
    # A colour map always has 16 bits; those made from 8 repeat them or end in zeros.
    if any(value & 255 not in (0, value >> 8) for value in tags.get(COLOUR_MAP, ())):
        return "a colour map of 16 bits"
    return ""


def _ppm(image: Image.Image, _path: Path) -> str:
    arguments = image.tile[0].args
    most = arguments[1] if isinstance(arguments, tuple) and image.tile[0].codec_name != "raw" else 0
    return f"values up to {most}" if most > 255 else ""


def _jpeg2000(_image: Image.Image, path: Path) -> str:
    with path.open("rb") as stream:
        start = stream.read(2)
        if start != CODESTREAM:
            stream.seek(0)
            if not _find_codestream(stream):
                return "no depth that could be found"
            stream.read(2)
        if stream.read(2) != SIZE_MARKER:
            return "no depth that could be found"
        length = int.from_bytes(stream.read(2), "big")
        size = stream.read(length - 2)
    (count,) = struct.unpack_from(">H", size, 34)
    # For each component: depth less 1, in the top bit whether it is signed; then two spacings.
    found = {size[36 + 3 * index] for index in range(count)}
    # Fewer bits than 8 would not be scaled but shifted.
    wrong = sorted(found - {7})
    return f"{(wrong[0] & 127) + 1}{' signed' if wrong[0] & 128 else ''} bits" if wrong else ""


def _find_codestream(stream) -> bool:  # noqa: ANN001 - an opened file
    """Go to the content of the first ``jp2c`` box."""
    while len(header := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", header)
        used = 8
        if length == 1:
            length, used = int.from_bytes(stream.read(8), "big"), 16
        if kind == b"jp2c":
            return True
        if length < used:
            return False
        stream.seek(length - used, 1)
    return False


def _avif(_image: Image.Image, path: Path) -> str:
    with path.open("rb") as stream:
        header = stream.read(HEADER_BYTES)
    at = header.find(AV1_CONFIGURATION)
    while at >= 0:
        if header[at + 6 : at + 7] and header[at + 6] & HIGH_BIT_DEPTH:
            return "10 or 12 bits"
        at = header.find(AV1_CONFIGURATION, at + 1)
    return ""
