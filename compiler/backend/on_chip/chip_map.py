"""How a map lies on chip, whole, while it is computed and read.

Images of 16 channels lie side by side in the lane groups, up to four of them in a *part*. Positions
v of a part count along its rows, halo included, as in memory (``compiler.backend.storage``); for
readers that take every second column, odd ones lie apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from arch.formats import LANE_GROUPS
from arch.machine import Machine
from compiler.backend.storage import Storage


@dataclass(frozen=True, kw_only=True)
class ChipShape:
    """What maps that are read together have in common: rows of them lie equally far apart."""

    height: int
    width: int
    #: Rows and columns of halo.
    top: int
    bottom: int
    left: int
    #: Readers take every second column.
    split: bool

    @property
    def pitch(self) -> int:
        """Positions v from one row to the next. The halo to the left of a row is also that to the
        right of the row before. It is even, so that two positions of a row can share a beat."""
        return self.left + self.width

    @property
    def row_step(self) -> int:
        """Chip positions from one row to the next."""
        return self.pitch // 2 if self.split else self.pitch

    @property
    def rows(self) -> int:
        """Rows with their halo; the halo to the right of the last one lies in one more."""
        return self.top + self.height + self.bottom + (self.left > 0)


def common_shape(storages: Sequence[Storage], *, split: bool) -> ChipShape:
    """The shape of storages of equal size that are read together; the width of those that are
    ``split`` is even."""
    width = storages[0].width
    left = max(storage.left for storage in storages)
    return ChipShape(
        height=storages[0].height,
        width=width,
        top=max(storage.top for storage in storages),
        bottom=max(storage.bottom for storage in storages),
        left=left + (left + width) % 2,
        split=split,
    )


@dataclass(frozen=True)
class ChipLayout:
    """How a storage lies on a machine's chip, wherever its parts begin."""

    storage: Storage
    shape: ChipShape
    plane_stride: int
    odd_offset: int
    #: None: images are copied into all lane groups; else the group of the first one, the others
    #: are in those behind it.
    first_group: int | None = None

    @property
    def size(self) -> int:
        """Positions of a part."""
        return self.storage.planes * self.plane_stride

    def column(self, v: int) -> int:
        """Chip positions from a row's start to its position v."""
        return (v >> 1) + (v & 1) * self.odd_offset if self.odd_offset else v

    def groups(self, image: int) -> tuple[int, ...]:
        """Lane groups of an image: alone in its part it is in all four, of two each is in two,
        unless they are to take one each."""
        first = image // LANE_GROUPS * LANE_GROUPS
        if self.first_group is not None:
            return (self.first_group + image - first,)
        together = min(LANE_GROUPS, self.storage.words - first)
        spread = {1: 1, 2: 2}.get(together, LANE_GROUPS)
        return tuple(range(image - first, LANE_GROUPS, spread))

    @property
    def parts(self) -> int:
        return -(-self.storage.words // LANE_GROUPS)

    def part_groups(self, part: int) -> tuple[int, ...]:
        """All lane groups that a part's images lie in."""
        images = range(part * LANE_GROUPS, min(self.storage.words, (part + 1) * LANE_GROUPS))
        return tuple(sorted(group for image in images for group in self.groups(image)))


def lay_out_on_chip(storage: Storage, shape: ChipShape, machine: Machine) -> ChipLayout:
    """Planes and odd columns as far apart as words of a beat need to lie in different banks."""
    columns = machine.columns
    together = machine.slots // storage.planes
    # The last beat of a row may go on behind it.
    extent = shape.rows * shape.row_step + together
    odd_offset, residue = 0, max(1, together)
    if shape.split:
        odd_offset = up_to_residue(extent, machine.slots // 2 % columns, columns)
        extent += odd_offset
        residue = max(1, residue // 2)
    stride = up_to_residue(extent, residue % columns, columns)
    return ChipLayout(storage, shape, stride, odd_offset)


def up_to_residue(value: int, residue: int, modulus: int) -> int:
    """Smallest number >= value that leaves ``residue`` modulo ``modulus``."""
    return value + (residue - value) % modulus


@dataclass(frozen=True)
class ChipMap:
    """A layout with the positions where its parts begin."""

    layout: ChipLayout
    bases: tuple[int, ...]

    @property
    def storage(self) -> Storage:
        return self.layout.storage

    def row(self, image: int, y: int) -> int:
        """Chip position of plane 0 where row y of an image begins, with its halo."""
        shape = self.layout.shape
        return self.bases[image // LANE_GROUPS] + (shape.top + y) * shape.row_step

    def place_fields(self, image: int, y: int, x: int, enlarge: int, machine: Machine) -> dict:
        """The :class:`arch.isa.ChipPlace` of results whose first one is (y, x) of an image."""
        layout, shape = self.layout, self.layout.shape
        return {
            "destination": (self.row(image, y) + layout.column(shape.left + x))
            % machine.positions,
            "plane_stride": layout.plane_stride,
            "odd_offset": layout.odd_offset,
            "row_pairs": shape.pitch * enlarge // 2,
            "groups": sum(1 << group for group in layout.groups(image)),
            "apart": enlarge - 1,
        }


ChipMaps = Mapping[str, ChipMap]
"""Storages that stay on chip, by name."""
NONE_STAYS: ChipMaps = MappingProxyType({})
