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
from arch.files import read_bytes
from arch.isa import CHUNK_BYTES
from arch.machine import ISA_VERSION, Machine

MAGIC = b"ONEFOUR\0"
FORMAT_VERSION = 1
_HEADER = struct.Struct("<8sII16sQQII")
_SECTION = struct.Struct("<QQ")
_FILL = struct.Struct("<QQI16s")
LARGEST = 1 << 32


class ImageError(OnefourError):
    """A program image that is damaged or made for something else."""


def _contradiction(source: str, what: str) -> ImageError:
    return ImageError(
        f"{source}: contradicts itself ({what}); build it again with: onefour build MODEL.onnx"
    )


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
                f"with: onefour build MODEL.onnx"
            )
        if zlib.crc32(content[:-4]) != struct.unpack("<I", content[-4:])[0]:
            raise ImageError(
                f"{source}: checksum differs: the file is damaged or incomplete; build it "
                f"again with: onefour build MODEL.onnx"
            )
        _, version, isa, digest, memory, program, sections, fills = _HEADER.unpack_from(content)
        if (version, isa) != (FORMAT_VERSION, ISA_VERSION):
            raise ImageError(
                f"{source}: image format {version} for ISA {isa}; supported: format "
                f"{FORMAT_VERSION}, ISA {ISA_VERSION}; build it again"
            )
        image = Image(memory, program, digest)
        at = _HEADER.size + sections * _SECTION.size + fills * _FILL.size
        if at > len(content) - 4:
            raise _contradiction(source, f"{sections} sections and {fills} fills do not fit it")
        table = list(_SECTION.iter_unpack(content[_HEADER.size :][: sections * _SECTION.size]))
        for address, length, size, pattern in _FILL.iter_unpack(
            content[at - fills * _FILL.size : at]
        ):
            if not 1 <= size <= len(pattern):
                raise _contradiction(source, f"a pattern of {size} bytes")
            image.fills.append((address, length, pattern[:size]))
        for address, length in table:
            image.sections.append((address, content[at : at + length]))
            at += length
        if at != len(content) - 4:
            raise _contradiction(source, f"its sections end at byte {at} of {len(content) - 4}")
        image._check(source)
        return image

    def _check(self, source: str) -> None:
        """Everything lies in memory, and memory is of a size that there is."""
        if not 0 < self.memory_bytes <= LARGEST:
            raise _contradiction(source, f"{self.memory_bytes} bytes of memory")
        if self.program_address + CHUNK_BYTES > self.memory_bytes:
            raise _contradiction(source, f"a program at {self.program_address:#x}")
        places = [(address, len(content)) for address, content in self.sections]
        for address, length in places + [fill[:2] for fill in self.fills]:
            if address + length > self.memory_bytes:
                raise _contradiction(source, f"{length} bytes at {address:#x}")

    @staticmethod
    def read(path: Path) -> "Image":
        try:
            content = read_bytes(Path(path))
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
