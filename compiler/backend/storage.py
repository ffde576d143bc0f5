"""How tensors lie in memory (docs/machine.md, section 2) and what surrounds them.

A feature map is stored with its padding: rows of ``pitch`` positions, of which the first ``left``
are halo. The halo to the left of row y + 1 is also the halo to the right of row y, so a tap is
one constant offset.
"""

from dataclasses import dataclass, field

import numpy as np

from arch.isa import Planes
from compiler.errors import CapacityError

IMAGE_CHANNELS = 16
PLANE_CODES = {1: Planes.ONE, 2: Planes.TWO, 4: Planes.FOUR}
ALIGNMENT = 64
"""Bytes: every stored object starts on such a boundary (a multiple of any beat)."""
MOST_BYTES = 1 << 32
"""Addresses of instructions have 32 bits."""


def round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


@dataclass(kw_only=True)
class Storage:
    """A stored tensor: stored code = ``multiplier`` * network code + ``shift``.

    Its integer value is ``step * stored + offset``; ``pad_code`` surrounds it. ``kind`` is "codes",
    "raw" (sums) or "picture" (bytes of 3 channels).
    """

    name: str
    #: The network's tensor that it holds; several storages may hold one tensor.
    tensor: str
    kind: str
    channels: int
    height: int
    width: int
    bits: int = 0
    step: int = 1
    offset: int = 0
    multiplier: int = 1
    shift: int = 0
    pad_code: int = 0
    top: int = 0
    bottom: int = 0
    left: int = 0
    #: Filled in by the memory planner.
    pitch: int = 0
    image_bytes: int = 0
    address: int = 0
    raw_chunks: int = 0
    #: Why the pad code is what it is: the consumer that asked for it (for messages).
    pad_reason: str = field(default="", compare=False)

    @property
    def planes(self) -> int:
        """Bit-planes in memory: 1, 2 or 4; 8 for a picture."""
        if self.kind == "picture":
            return 8
        if self.kind == "raw":
            return 4
        return 4 if self.bits == 3 else self.bits

    @property
    def images(self) -> int:
        """16-channel images."""
        return 1 if self.kind == "picture" else -(-self.channels // IMAGE_CHANNELS)

    @property
    def position_bytes(self) -> int:
        if self.kind == "picture":
            return 4
        if self.kind == "raw":
            return 8 * self.raw_chunks
        return 2 * self.planes

    @property
    def row_bytes(self) -> int:
        return self.pitch * self.position_bytes

    def beat_positions(self, beat_bytes: int) -> int:
        """Positions per memory beat (pixels for a picture)."""
        return max(1, beat_bytes // self.position_bytes)

    def place(self, beat_bytes: int, address: int) -> int:
        """Lay the tensor out from ``address``; return the address after it.

        Raises :class:`CapacityError` where instructions could not address all of it.
        """
        per_beat = self.beat_positions(beat_bytes)
        self.pitch = round_up(self.left + self.width, per_beat)
        rows = self.top + self.height + self.bottom
        # One more row's halo: the right-hand padding of the last row lies in the row after it.
        positions = rows * self.pitch + round_up(self.left, per_beat) + per_beat
        self.image_bytes = round_up(positions * self.position_bytes, ALIGNMENT)
        self.address = round_up(address, ALIGNMENT)
        end = self.address + self.images * self.image_bytes
        if end >= MOST_BYTES:
            raise CapacityError(
                f"tensor {self.tensor!r}: with it the network needs {end} bytes of memory; "
                f"supported: less than {MOST_BYTES}; use a smaller picture or fewer channels"
            )
        return end

    def position(self, image: int, y: int, x: int) -> int:
        """Byte address of pixel (y, x) of a 16-channel image; halo coordinates are negative."""
        flat = (y + self.top) * self.pitch + x + self.left
        return self.address + image * self.image_bytes + flat * self.position_bytes

    def fill(self) -> list[tuple[int, int, bytes]]:
        """(address, bytes, pattern) that put the pad code everywhere before the first frame."""
        if self.pad_code == 0 or self.kind == "raw":
            return []
        if self.kind == "picture":
            pixel = bytes(self.pad_code if byte < self.channels else 0 for byte in range(4))
            return [(self.address, self.image_bytes, pixel)]
        fills = []
        for image in range(self.images):
            lanes = min(IMAGE_CHANNELS, self.channels - image * IMAGE_CHANNELS)
            words = [
                ((1 << lanes) - 1) * (self.pad_code >> plane & 1) for plane in range(self.planes)
            ]
            pattern = np.array(words, "<u2").tobytes()
            fills.append((self.address + image * self.image_bytes, self.image_bytes, pattern))
        return fills
