"""What is stored of a tensor, how it lies in memory (docs/machine.md, section 2), and where.

A feature map is stored with its padding: rows of ``pitch`` positions, of which the first ``left``
are halo. The halo to the left of row y + 1 is also the halo to the right of row y, so a tap is
one constant offset.
"""

from dataclasses import dataclass
from math import gcd

import numpy as np

from arch.formats import (
    GROUP_LANES,
    PICTURE_BITS,
    PICTURE_BYTES,
    PLANE_BYTES,
    RAW_CHUNK_PLANES,
    images_of,
)
from arch.isa import Planes
from arch.machine import Machine

IMAGE_CHANNELS = GROUP_LANES
ALIGNMENT = 64
"""Bytes: every stored object starts on such a boundary (a multiple of any beat)."""


def round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


@dataclass(frozen=True, kw_only=True)
class Storage:
    """A stored tensor: stored code = ``multiplier`` * network code + ``shift``.

    Its integer value is ``step * stored + offset``; ``pad_code`` surrounds it. ``kind`` is "codes",
    "raw" (sums) or "picture" (bytes of 3 channels). ``top``, ``bottom`` and ``left`` are the rows
    and columns of halo that its readers look at.
    """

    name: str
    #: The network's tensor that it holds; several storages may hold one tensor.
    tensor: str
    kind: str
    channels: int
    height: int
    width: int
    bits: int = 0
    #: Pieces of ``planes`` planes that a position has: of raw sums as many as the largest needs.
    pieces: int = 1
    step: int = 1
    offset: int = 0
    multiplier: int = 1
    shift: int = 0
    pad_code: int = 0
    top: int = 0
    bottom: int = 0
    left: int = 0

    @property
    def planes(self) -> int:
        """Bit-planes in memory: 1, 2, 4 or 8 (raw sums: of a piece); 8 for a picture."""
        if self.kind == "picture":
            return PICTURE_BITS
        if self.kind == "raw":
            return RAW_CHUNK_PLANES
        return Planes.holding(self.bits).count

    @property
    def operand_bits(self) -> int:
        """Bit-planes that the array multiplies: the codes' bits; 8 for a picture."""
        return PICTURE_BITS if self.kind == "picture" else self.bits

    @property
    def images(self) -> int:
        """16-channel images."""
        return 1 if self.kind == "picture" else images_of(self.channels)


@dataclass(frozen=True)
class Layout:
    """How a storage lies in the memory of a machine, wherever it begins."""

    storage: Storage
    #: Bytes of the 16 channels of a position (4 for a pixel of a picture).
    position_bytes: int
    #: Positions per memory beat; 1 where a position takes several.
    beat_positions: int
    #: Beats per position; 1 where a beat holds several.
    position_beats: int
    #: Positions between one row and the next.
    pitch: int
    #: Bytes from one 16-channel image to the next.
    image_bytes: int

    @property
    def row_bytes(self) -> int:
        return self.pitch * self.position_bytes

    @property
    def size(self) -> int:
        """Bytes of all images."""
        return self.storage.images * self.image_bytes

    def beats(self, columns: int) -> int:
        """Beats of a row of so many positions that begins with a beat."""
        return -(-columns // self.beat_positions) * self.position_beats


def lay_out(storage: Storage, machine: Machine) -> Layout:
    """Rows that begin with a beat, images on the boundaries of stored objects."""
    if storage.kind == "picture":
        position_bytes = PICTURE_BYTES
    else:
        position_bytes = PLANE_BYTES * storage.planes * storage.pieces
    per_beat = max(1, machine.beat_bytes // position_bytes)
    beats = max(1, position_bytes // machine.beat_bytes)
    # A row of raw sums is whole beats, too, where a position is one and a half.
    whole = machine.beat_bytes // gcd(machine.beat_bytes, position_bytes)
    pitch = round_up(storage.left + storage.width, whole)
    rows = storage.top + storage.height + storage.bottom
    # One more row's halo: the right-hand padding of the last row lies in the row after it.
    positions = rows * pitch + round_up(storage.left, per_beat) + per_beat
    image_bytes = round_up(positions * position_bytes, ALIGNMENT)
    return Layout(storage, position_bytes, per_beat, beats, pitch, image_bytes)


@dataclass(frozen=True)
class Place:
    """A storage in memory: its layout, from ``address`` on."""

    layout: Layout
    address: int

    @property
    def storage(self) -> Storage:
        return self.layout.storage

    def position(self, image: int, y: int, x: int) -> int:
        """Byte address of pixel (y, x) of a 16-channel image; halo coordinates are negative."""
        layout, storage = self.layout, self.storage
        flat = (y + storage.top) * layout.pitch + x + storage.left
        return self.address + image * layout.image_bytes + flat * layout.position_bytes

    def fills(self) -> list[tuple[int, int, bytes]]:
        """(address, bytes, pattern) that put the pad code everywhere before the first frame."""
        storage, size = self.storage, self.layout.image_bytes
        if storage.pad_code == 0 or storage.kind == "raw":
            return []
        if storage.kind == "picture":
            pixel = [storage.pad_code if k < storage.channels else 0 for k in range(PICTURE_BYTES)]
            return [(self.address, size, bytes(pixel))]
        fills = []
        for image in range(storage.images):
            lanes = min(IMAGE_CHANNELS, storage.channels - image * IMAGE_CHANNELS)
            words = [
                ((1 << lanes) - 1) * (storage.pad_code >> plane & 1)
                for plane in range(storage.planes)
            ]
            fills.append((self.address + image * size, size, np.array(words, "<u2").tobytes()))
        return fills
