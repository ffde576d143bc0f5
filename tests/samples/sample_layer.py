"""One hand-made layer: random weights, the sums they must give, and their packed form."""

from dataclasses import dataclass

import numpy as np

from arch.formats import GROUP_LANES, LANE_GROUPS
from arch.isa import ENTRY_BITS, Entry, encode
from arch.machine import Machine


@dataclass(frozen=True, kw_only=True)
class LayerShape:
    """What a layer computes. ``bits`` 0: raw sums."""

    channels: int
    kernel: int
    weight_bits: int
    bits: int = 0
    stride: int = 1
    #: Weights u - 2^(B-1), else 2u - (2^B - 1).
    even_grid: bool = True
    #: Maximum over 2 x 2 outputs.
    pool: bool = False
    #: Positions of zeros around the output.
    halo: int = 0

    def pooled(self, codes: np.ndarray) -> np.ndarray:
        """Return what leaves of codes [channels, height, width]."""
        if not self.pool:
            return codes
        channels, height, width = codes.shape
        tiles = codes[:, : height // 2 * 2, : width // 2 * 2]
        return tiles.reshape(channels, height // 2, 2, width // 2, 2).max(axis=(2, 4))


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """A layer's input: codes [channels, height, width], halo included, and where they lie."""

    codes: np.ndarray
    bits: int
    address: int
    pitch: int
    image_bytes: int = 0
    #: 0 for a picture.
    planes: int = 0
    plane_bytes: int = 0

    @property
    def row_bytes(self) -> int:
        return self.pitch * (self.plane_bytes * self.planes or 4)


@dataclass(frozen=True, kw_only=True)
class ChipMap:
    """Where a map lies on chip: strides in positions, such that a beat meets no bank twice."""

    home: int
    row_step: int
    plane_stride: int
    group_stride: int
    odd_offset: int

    @classmethod
    def of(cls, machine: Machine, source: Source, stride: int, home: int) -> "ChipMap":
        """Lay out ``source`` for a layer of that stride, 1 or 2."""
        planes = source.planes or 8
        beat_positions = max(1, machine.slots // planes)
        odd_offset, row_step, residue = 0, source.pitch, beat_positions
        if stride == 2:
            half = -(-source.pitch // 2)
            odd_offset = at_least(half, machine.slots // 2, machine.columns)
            row_step, residue = odd_offset + half, max(1, beat_positions // 2)
        size = source.codes.shape[1] * row_step
        plane_stride = at_least(size, residue, machine.columns)
        return cls(
            home=home,
            row_step=row_step,
            plane_stride=plane_stride,
            group_stride=planes * plane_stride,
            odd_offset=odd_offset,
        )

    def offset(self, y: int, x: int, group: int = 0) -> int:
        """Return the chip position of (y, x) of a channel group's plane 0, from the map's start."""
        if self.odd_offset:
            x = (x >> 1) + (x & 1) * self.odd_offset
        return group * self.group_stride + y * self.row_step + x


def at_least(value: int, residue: int, modulus: int) -> int:
    """Return the smallest number from ``value`` on that is ``residue`` modulo ``modulus``."""
    return value + (residue - value) % modulus


def direct_convolution(codes: np.ndarray, weights: np.ndarray, stride: int) -> np.ndarray:
    """Convolve integers [in, h, w] with [out, in, kh, kw], without padding."""
    windows = np.lib.stride_tricks.sliding_window_view(codes, weights.shape[2:], (1, 2))
    return np.einsum("iyxkl,oikl->oyx", windows[:, ::stride, ::stride], weights)


@dataclass(frozen=True, eq=False)
class Thresholds:
    """Step functions on the sums: ``levels`` [channels, n] ascending, ``flip`` [channels]."""

    levels: np.ndarray
    flip: np.ndarray
    #: Compared with sums of rows without a channel: never reached.
    beyond: int

    @classmethod
    def random(cls, random: np.random.Generator, sums: np.ndarray, bits: int, beyond: int):
        """Draw levels between the smallest and largest sums of each channel."""
        low, high = sums.min(axis=(1, 2)), sums.max(axis=(1, 2))
        share = np.sort(random.random((len(sums), (1 << bits) - 1)))
        levels = (low[:, None] + share * (high - low + 1)[:, None]).astype(np.int64)
        return cls(levels, random.integers(0, 2, len(sums)), beyond)

    def codes(self, sums: np.ndarray) -> np.ndarray:
        """Compare sums [channels, height, width]."""
        codes = (self.levels[:, :, None, None] <= sums[:, None]).sum(axis=1)
        return codes ^ (self.flip * self.levels.shape[1])[:, None, None]

    def image(self, block: int, rows: int) -> bytes:
        """Return the threshold set of one block of rows, as in memory."""
        units = np.full((1 + self.levels.shape[1], rows), self.beyond, "<u4")
        units[0] = 0
        mine = slice(block * rows, (block + 1) * rows)
        used = len(self.flip[mine])
        units[0, :used], units[1:, :used] = self.flip[mine], self.levels[mine].T
        return units.tobytes()


@dataclass(frozen=True, kw_only=True, eq=False)
class PackedLayer:
    """A layer's lanes: ``units`` of 16, each the same kernel tap and 16 channels, or 5 pixels."""

    shape: LayerShape
    rows: int
    activation_bits: int
    plane_stride: int
    #: From one row of inputs to the row below that is pooled with it.
    pool_step: int
    offsets: list[int]
    #: Weight codes [units, channels, 16]; lanes out of use have weight 0.
    weights: np.ndarray
    #: What the array must sum up to: int64 [channels, height, width].
    sums: np.ndarray

    @classmethod
    def random(cls, random: np.random.Generator, machine: Machine, source: Source, chip: ChipMap,
               shape: LayerShape) -> "PackedLayer":  # fmt: skip
        """Draw weights and convolve."""
        inputs = source.codes.shape[0]
        size = (shape.channels, inputs, shape.kernel, shape.kernel)
        codes = random.integers(0, 1 << shape.weight_bits, size)
        half = 1 << shape.weight_bits - 1
        integers = codes - half if shape.even_grid else 2 * (codes - half) + 1
        results = direct_convolution(source.codes, integers, shape.stride)
        offsets, weights = [], []
        for y in range(shape.kernel):
            if source.planes == 0:
                offsets.append(chip.offset(y, shape.kernel - 1))
                weights.append(codes[:, :, y, ::-1].transpose(0, 2, 1).reshape(shape.channels, -1))
                continue
            for x in range(shape.kernel):
                for group, first in enumerate(range(0, inputs, GROUP_LANES)):
                    offsets.append(chip.offset(y, x, group))
                    weights.append(codes[:, first : first + GROUP_LANES, y, x])
        lanes = np.stack([np.pad(w, ((0, 0), (0, GROUP_LANES - w.shape[1]))) for w in weights])
        constant = lanes.sum(axis=(0, 2))
        if shape.even_grid:
            constant += len(offsets) * GROUP_LANES * (half - 1)
        constant *= (1 << source.bits) - 1
        return cls(
            shape=shape,
            rows=machine.rows,
            activation_bits=source.bits,
            plane_stride=chip.plane_stride,
            pool_step=chip.row_step * shape.stride,
            offsets=offsets,
            weights=lanes,
            sums=constant[:, None, None] - (1 + shape.even_grid) * results,
        )

    @property
    def spans(self) -> list[range]:
        """The units of each pass: as many as there are lane groups."""
        count = len(self.offsets)
        return [range(i, min(i + LANE_GROUPS, count)) for i in range(0, count, LANE_GROUPS)]

    @property
    def words(self) -> int:
        """Weight words of one block of rows."""
        return len(self.spans) * self.shape.weight_bits

    def weight_image(self, block: int) -> bytes:
        """Return the weight words of one block of rows, as in memory."""
        mine = self.weights[:, block * self.rows : (block + 1) * self.rows]
        image = np.zeros((self.words, self.rows, LANE_GROUPS, 2), np.uint8)
        for number, span in enumerate(self.spans):
            for j in range(self.shape.weight_bits):
                bits = np.packbits(mine[span] >> j & 1, axis=-1, bitorder="little")
                word = image[number * self.shape.weight_bits + j]
                word[: bits.shape[1], : len(span)] = bits.transpose(1, 0, 2)
        return image.tobytes()

    def entries(self) -> list[int]:
        """Return the encoded pass table: planes by falling weight, once for every pooled row."""
        a, b = self.activation_bits, self.shape.weight_bits
        encoded = []
        for row in range(1 + self.shape.pool):
            for level in range(a + b - 2, -1, -1):
                pairs = [(i, level - i) for i in range(a) if 0 <= level - i < b]
                steps = [(n, i, j) for n in range(len(self.spans)) for i, j in pairs]
                for at, (number, i, j) in enumerate(steps):
                    top, last = level == a + b - 2, at == len(steps) - 1
                    capture = level == 0 and last
                    groups = self._groups(number, i, j, row * self.pool_step)
                    fields = {
                        "group": groups,
                        "clear": int(top and at == 0),
                        "double": int(not top and at == 0),
                        "capture": int(capture),
                        "pool_first": int(capture and row == 0),
                        "pool_last": int(capture and row == self.shape.pool),
                    }
                    encoded.append(encode(Entry, fields))
        return encoded

    def table_image(self) -> bytes:
        """Return the pass table as in memory."""
        return b"".join(entry.to_bytes(ENTRY_BITS // 8, "little") for entry in self.entries())

    def _groups(self, number: int, i: int, j: int, offset: int) -> list[dict]:
        """Return what the lane groups do in the pass of activation plane i and weight plane j."""
        word = number * self.shape.weight_bits + j
        ones = int(self.shape.even_grid and j < self.shape.weight_bits - 1)
        idle = {"offset": 0, "weight": word, "enable": 0, "ones": 0}
        used = [
            {
                "offset": self.offsets[unit] + i * self.plane_stride + offset,
                "weight": word,
                "enable": 1,
                "ones": ones,
            }
            for unit in self.spans[number]
        ]
        return used + [idle] * (LANE_GROUPS - len(used))
