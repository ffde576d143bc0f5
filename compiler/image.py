"""The program image: everything that memory holds before the first frame, in one checked file.

Layout, little endian: magic, format version, ISA version, machine digest (16 bytes), memory size,
program address, number of sections and fills; a table of sections (address, length) and of fills
(address, length, pattern length, 16 bytes of pattern); the sections' bytes; CRC-32 of all that.
"""

import hashlib
import json
import struct
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from arch.errors import OnefourError
from arch.machine import ISA_VERSION, Machine

MAGIC = b"ONEFOUR\0"
FORMAT_VERSION = 1
_HEADER = struct.Struct("<8sII16sQQII")
_SECTION = struct.Struct("<QQ")
_FILL = struct.Struct("<QQI16s")
LARGEST = 1 << 32


class ImageError(OnefourError):
    """A program image that is damaged or made for something else."""


def machine_digest(machine: Machine) -> bytes:
    """16 bytes that differ where any size of the machine differs."""
    sizes = {key: value for key, value in asdict(machine).items() if key != "name"}
    return hashlib.sha256(json.dumps(sizes, sort_keys=True).encode()).digest()[:16]


@dataclass
class Image:
    """Memory content: ``sections`` (address, bytes) and ``fills`` (address, length, pattern)."""

    memory_bytes: int
    program_address: int
    digest: bytes
    sections: list[tuple[int, bytes]] = field(default_factory=list)
    fills: list[tuple[int, int, bytes]] = field(default_factory=list)

    def to_bytes(self) -> bytes:
        parts = [
            _HEADER.pack(
                MAGIC,
                FORMAT_VERSION,
                ISA_VERSION,
                self.digest,
                self.memory_bytes,
                self.program_address,
                len(self.sections),
                len(self.fills),
            )
        ]
        parts += [_SECTION.pack(address, len(content)) for address, content in self.sections]
        parts += [
            _FILL.pack(address, length, len(pattern), pattern)
            for address, length, pattern in self.fills
        ]
        parts += [content for _, content in self.sections]
        body = b"".join(parts)
        return body + struct.pack("<I", zlib.crc32(body))

    @staticmethod
    def from_bytes(content: bytes, source: str = "image") -> "Image":
        """Decode and check an image; raises :class:`ImageError` naming what is wrong."""
        if len(content) < _HEADER.size + 4 or content[: len(MAGIC)] != MAGIC:
            raise ImageError(
                f"{source}: not a onefour program image ({len(content)} bytes); build it "
                f"with: python -m compiler build MODEL.onnx"
            )
        if zlib.crc32(content[:-4]) != struct.unpack("<I", content[-4:])[0]:
            raise ImageError(
                f"{source}: checksum differs: the file is damaged or incomplete; build it "
                f"again with: python -m compiler build MODEL.onnx"
            )
        _, version, isa, digest, memory, program, sections, fills = _HEADER.unpack_from(content)
        if (version, isa) != (FORMAT_VERSION, ISA_VERSION):
            raise ImageError(
                f"{source}: image format {version} for ISA {isa}; supported: format "
                f"{FORMAT_VERSION}, ISA {ISA_VERSION}; build it again"
            )
        image = Image(memory, program, digest)
        at = _HEADER.size
        table = []
        for _ in range(sections):
            table.append(_SECTION.unpack_from(content, at))
            at += _SECTION.size
        for _ in range(fills):
            address, length, size, pattern = _FILL.unpack_from(content, at)
            image.fills.append((address, length, pattern[:size]))
            at += _FILL.size
        for address, length in table:
            image.sections.append((address, content[at : at + length]))
            at += length
        return image

    @staticmethod
    def read(path: Path) -> "Image":
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise ImageError(f"{path}: cannot be read: {error.strerror}") from None
        return Image.from_bytes(content, str(path))

    def check_machine(self, machine: Machine) -> None:
        if self.digest != machine_digest(machine):
            raise ImageError(
                f"the image was not made for machine {machine.name!r}; build it again for "
                f"this machine"
            )

    def memory(self) -> np.ndarray:
        """Memory before the first frame: uint8 [memory_bytes]."""
        memory = np.zeros(self.memory_bytes, np.uint8)
        for address, length, pattern in self.fills:
            repeat = -(-length // len(pattern))
            memory[address : address + length] = np.tile(np.frombuffer(pattern, np.uint8), repeat)[
                :length
            ]
        for address, content in self.sections:
            memory[address : address + len(content)] = np.frombuffer(content, np.uint8)
        return memory
