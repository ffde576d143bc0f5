"""What is stored of a tensor, how it lies in memory (docs/machine.md, section 2), and where.

A feature map is stored with its padding: rows of ``pitch`` positions, of which the first ``left``
are halo. The halo to the left of row y + 1 is also the halo to the right of row y, so a tap is
one constant offset.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import gcd

import numpy as np

from arch.formats import (
    BOTH_HALVES,
    GROUP_LANES,
    HALVES,
    PICTURE_BITS,
    PICTURE_BYTES,
    RAW_CHUNK_PLANES,
    images_of,
)
from arch.isa import Planes
from arch.machine import Machine
from golden.formats import Corner

WORD_CHANNELS = GROUP_LANES
"""Channels that one lane group holds of a position: an operand's word. In memory they are one
image, or two where a COMPUTE writes only half of them."""
ALIGNMENT = 64
"""Bytes: every stored object starts on such a boundary (a multiple of any beat)."""


def round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


@dataclass(frozen=True, kw_only=True)
class Storage:
    """A stored tensor: stored code = ``multiplier`` * network code + ``shift``.

    Its integer value is ``step * stored + offset``; ``pad_code`` surrounds it. ``kind`` is "codes",
    "raw" (sums) or "picture" (bytes of 3 channels; in blocks of ``block`` pixels each way, a
    picture is a map of codes, a quarter as large). ``top``, ``bottom`` and ``left`` are the rows
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
    #: 2: of a picture, rows and columns of pixels that make a position; else 1.
    block: int = 1
    #: Of the block beside it, the pixel that a position has, too.
    corner: Corner = ()
    #: Of a picture, its rows are pairs of rows of the network's.
    pairs: bool = False
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
    def is_picture(self) -> bool:
        """Whether the host writes it."""
        return self.kind == "picture" or self.block > 1

    @cached_property
    def planes(self) -> int:
        """Bit-planes in memory: 1, 2, 4 or 8 (raw sums: of a piece); 8 for a picture."""
        if self.kind == "picture":
            return PICTURE_BITS
        if self.kind == "raw":
            return RAW_CHUNK_PLANES
        return Planes.holding(self.bits).count

    @property
    def words(self) -> int:
        """Operands' words that hold the channels of a position."""
        return images_of(self.channels, WORD_CHANNELS)

    @property
    def operand_bits(self) -> int:
        """Bit-planes that the array multiplies: the codes' bits; 8 for a picture."""
        return PICTURE_BITS if self.kind == "picture" else self.bits


@dataclass(frozen=True)
class Layout:
    """How a storage lies in the memory of a machine, wherever it begins."""

    storage: Storage
    #: Channels of an image.
    image_channels: int
    #: Bytes of an image's channels of a position (4 for a pixel of a picture).
    position_bytes: int
    #: Positions per memory beat; 1 where a position takes several.
    beat_positions: int
    #: Beats per position; 1 where a beat holds several.
    position_beats: int
    #: Positions between one row and the next.
    pitch: int
    #: Bytes from one image to the next.
    image_bytes: int

    @property
    def row_bytes(self) -> int:
        return self.pitch * self.position_bytes

    @property
    def images(self) -> int:
        """Images that hold the channels; a picture is one."""
        storage = self.storage
        picture = storage.kind == "picture"
        return 1 if picture else images_of(storage.channels, self.image_channels)

    @property
    def size(self) -> int:
        """Bytes of all images."""
        return self.images * self.image_bytes

    def parts(self, word: int) -> Iterator[tuple[int, int]]:
        """(image, halves of the lane groups that it goes to) for the images of an operand's word.

        An image without the other one goes to both halves: the machine clears the upper one.
        """
        per_word = WORD_CHANNELS // self.image_channels
        first = word * per_word
        images = range(first, min(first + per_word, self.images))
        for image in images:
            yield image, 1 << image - first if len(images) == HALVES else BOTH_HALVES

    def beats(self, columns: int) -> int:
        """Beats of a row of so many positions that begins with a beat."""
        return -(-columns // self.beat_positions) * self.position_beats


def lay_out(storage: Storage, machine: Machine) -> Layout:
    """Rows that begin with a beat, images on the boundaries of stored objects."""
    if storage.kind == "picture":
        position_bytes = PICTURE_BYTES
    else:
        position_bytes = machine.plane_bytes * storage.planes * storage.pieces
    per_beat = max(1, machine.beat_bytes // position_bytes)
    beats = max(1, position_bytes // machine.beat_bytes)
    # A row of raw sums is whole beats, too, where a position is one and a half.
    whole = machine.beat_bytes // gcd(machine.beat_bytes, position_bytes)
    pitch = round_up(storage.left + storage.width, whole)
    rows = storage.top + storage.height + storage.bottom
    # One more row's halo: the right-hand padding of the last row lies in the row after it.
    positions = rows * pitch + round_up(storage.left, per_beat) + per_beat
    image_bytes = round_up(positions * position_bytes, ALIGNMENT)
    return Layout(
        storage, machine.image_channels, position_bytes, per_beat, beats, pitch, image_bytes
    )


@dataclass(frozen=True)
class Place:
    """A storage in memory: its layout, from ``address`` on."""

    layout: Layout
    address: int

    @property
    def storage(self) -> Storage:
        return self.layout.storage

    def position(self, image: int, y: int, x: int) -> int:
        """Byte address of pixel (y, x) of an image; halo coordinates are negative."""
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
        fills, most = [], self.layout.image_channels
        for image in range(self.layout.images):
            lanes = min(most, storage.channels - image * most)
            words = [
                ((1 << lanes) - 1) * (storage.pad_code >> plane & 1)
                for plane in range(storage.planes)
            ]
            content = np.array(words, f"<u{most // 8}").tobytes()
            fills.append((self.address + image * size, size, content))
        return fills
