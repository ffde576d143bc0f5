"""Tiles of a job's map, and where their input lies on chip."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil

from arch.isa import Compute, Load, most
from arch.machine import Machine
from compiler.backend.job import Job
from compiler.backend.on_chip.chip_map import up_to_residue
from compiler.backend.packing import Packed, Region
from compiler.backend.storage import Layout, round_up

LONGEST_FIELD = min(
    *(most(Load, name) for name in ("rows", "beats")),
    *(most(Compute, name) for name in ("block_rows", "row_blocks")),
    *(most(Compute, name) for name in ("row_length", "width", "height")),
)


@dataclass(frozen=True)
class ChipRegion:
    """Where a region of the input lies on chip, relative to the tile's base."""

    region: Region
    base: int
    plane_stride: int
    #: Positions between the first loaded column and the leftmost one that is needed.
    skip: int


@dataclass(frozen=True)
class Tile:
    """Positions [y, y + height) x [x, x + width) of the computed map."""

    y: int
    x: int
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class Tiled:
    """A packed job cut into tiles: in order, and the geometry that they share."""

    packed: Packed
    #: One position after another, row after row, without regard to where a row ends. Where rows of
    #: results are several input rows apart, these lie in as many *turns*: every so many-th row.
    flat: bool
    tiles: tuple[Tile, ...]
    #: Chip positions from one row of the input to the next, or to the next one of its turn.
    pitch: int
    #: Where odd columns begin, if the job takes every second one (else 0).
    odd_offset: int
    regions: tuple[ChipRegion, ...]
    #: Positions one tile needs on chip.
    positions: int
    #: Halves of the tiles' memory a tile takes: 1 (double-buffered) or 2; 0: its input stays on
    #: chip, and bases are places there.
    halves: int = 1
    #: An estimate of all tiles: max(compute, load) of each. Only for choosing.
    cycles: int = 0
    #: Of a flat tile, chip positions from one turn of rows to the next.
    turn_step: int = 0
    #: Its tiles are those of the job before, which loads them: ``tiling/shared.py``.
    shared: bool = False

    @property
    def turns(self) -> int:
        """The parts that rows of the input lie in."""
        return self.job.row_turns if self.flat else 1

    @property
    def job(self) -> Job:
        return self.packed.job

    def blocks(self, tile: Tile, machine: Machine) -> tuple[int, int]:
        """(rows of blocks, blocks per row)."""
        if self.flat:
            return 1, flat_blocks(self.job, tile, self.pitch, machine)
        return tile.height // self.job.pooling, ceil(tile.width / machine.columns)

    def row_length(self, tile: Tile, machine: Machine) -> int:
        """Positions from one computed row to the next, as the output counts them."""
        return self.pitch if self.flat else ceil(tile.width / machine.columns) * machine.columns

    def offset(self, place: ChipRegion, y: int, x: int, plane: int) -> int:
        """Chip offset, from the tile's base, of plane ``plane`` at input offset (y, x)."""
        low_y, _, low_x, _ = self.job.reach
        column = place.skip + x - low_x
        if self.odd_offset:
            column = (column >> 1) + (column & 1) * self.odd_offset
        row, turn = divmod(y - low_y, self.turns)
        start = place.base + plane * place.plane_stride + turn * self.turn_step
        return start + row * self.pitch + column


def flat_blocks(job: Job, tile: Tile, pitch: int, machine: Machine) -> int:
    """Blocks of a flat tile whose rows of results are ``pitch`` positions apart."""
    return ceil(((tile.height // job.pooling - 1) * pitch + tile.width) / machine.columns)


def first_column(job: Job, layout: Layout, x: int) -> tuple[int, int]:
    """(first stored column to load, columns to skip) for a tile that starts at column x."""
    _, _, low_x, _ = job.reach
    align = layout.beat_positions
    if job.strides[1] == 2:
        align = max(2, align)
    column = x * job.strides[1] + low_x + layout.storage.left
    return column // align * align, column % align


def flat_columns(job: Job, layout: Layout, width: int) -> int:
    """Columns, halo to the left included, that a flat tile of ``width`` looks at."""
    return layout.storage.left + (width - 1) * job.strides[1] + 1 + job.reach[3]


def on_chip(
    packed: Packed,
    layouts: Mapping[str, Layout],
    machine: Machine,
    height: int,
    width: int,
    flat_pitch: int | None,
) -> Tiled:
    """The geometry of tiles of this size, with the first of them only.

    ``flat_pitch``: of a flat tile's rows; None: the tile is not flat.
    """
    job, flat = packed.job, flat_pitch is not None
    columns = {}
    for region in packed.regions:
        layout = layouts[region.storage]
        if flat:
            span = flat_columns(job, layout, width)
            skip = layout.storage.left + job.reach[2]
        else:
            _, skip = first_column(job, layout, 0)
            span = skip + job.input_columns(width)
        columns[region.storage] = skip, round_up(span, layout.beat_positions)
    odd_offset = turn_step = 0
    widest = max(span for _, span in columns.values())
    rows = job.input_rows(height)
    if flat_pitch is not None:
        pitch = flat_pitch
        extent = ceil(rows / job.row_turns) * pitch
        # Each part ends with the last row's right-hand halo, which lies in the row after it.
        beyond = max(0, ceil(widest / job.strides[1]) - pitch)
        beyond += max(layouts[region.storage].beat_positions for region in packed.regions)
        if job.strides[1] == 2:
            odd_offset = _odd_offset(extent + beyond, machine)
            extent += odd_offset
        if job.row_turns > 1:
            turn_step = extent + beyond
            extent += (job.row_turns - 1) * turn_step
    elif job.strides[1] == 2:
        half = ceil(widest / 2)
        odd_offset = _odd_offset(half, machine)
        pitch = odd_offset + half
        extent = rows * pitch
    else:
        pitch = widest
        extent = rows * pitch
    strides = []
    for region in packed.regions:
        layout = layouts[region.storage]
        picture = layout.storage.kind == "picture"
        residue = 1 if picture else max(1, layout.beat_positions // machine.map_steps)
        if odd_offset and residue > 1:
            residue //= 2
        own = ceil(columns[region.storage][1] / job.strides[1])
        size = extent + max(0, own - pitch) + layout.beat_positions
        strides.append(up_to_residue(size, residue % machine.columns, machine.columns))
    if packed.packing.loop:  # one distance for all: of equal bits, they leave the same residue
        strides = [max(strides)] * len(strides)
    places, base = [], 0
    for region, stride in zip(packed.regions, strides, strict=True):
        places.append(ChipRegion(region, base, stride, columns[region.storage][0]))
        base += stride * layouts[region.storage].storage.planes
    first = (Tile(0, 0, height, width),)
    return Tiled(
        packed, flat, first, pitch, odd_offset, tuple(places), base, turn_step=turn_step
    )


def _odd_offset(least: int, machine: Machine) -> int:
    """Where odd columns may begin so that those written at once lie in different banks."""
    return (
        up_to_residue(least, machine.slots // 2 % machine.columns, machine.columns)
        or machine.columns
    )


def encodable(tiled: Tiled, machine: Machine) -> bool:
    """Whether every count fits its instruction field."""
    tile = tiled.tiles[0]
    counts = *tiled.blocks(tile, machine), tiled.row_length(tile, machine)
    rows = tiled.job.input_rows(tile.height)
    return max(*counts, tile.width, tile.height, rows) <= LONGEST_FIELD


def load_sizes(tiled: Tiled, tile: Tile, layout: Layout) -> list[tuple[int, int]]:
    """(rows, beats) of the LOADs of a tile's part of a storage."""
    one_row = _one_row(tiled, tile, layout)
    if one_row is not None:
        return [(1, one_row)]
    job, turns = tiled.job, tiled.turns
    if tiled.flat:
        columns = flat_columns(job, layout, tile.width)
    else:
        columns = first_column(job, layout, tile.x)[1] + job.input_columns(tile.width)
    rows, beats = job.input_rows(tile.height), layout.beats(columns)
    return [(-(-(rows - turn) // turns), beats) for turn in range(min(rows, turns))]


def _one_row(tiled: Tiled, tile: Tile, layout: Layout) -> int | None:
    """The beats of all rows as one, where they follow one another in memory as on chip.

    The last one's right-hand halo lies in the row after it.
    """
    if not tiled.flat or tiled.pitch != layout.pitch or tiled.turns > 1 or tiled.odd_offset:
        return None
    job = tiled.job
    columns = max(layout.pitch, flat_columns(job, layout, tile.width))
    beats = layout.beats((job.input_rows(tile.height) - 1) * layout.pitch + columns)
    return beats if beats <= LONGEST_FIELD else None


def load_shapes(tiled: Tiled, tile: Tile, layout: Layout) -> Iterator[tuple[int, int, dict]]:
    """The LOADs of a tile's part of a storage: (first row, counted from the tile's first one, first
    column, the LOAD's rows, beats and steps, and its destination, counted from the region's)."""
    column = -layout.storage.left
    if not tiled.flat:
        column += first_column(tiled.job, layout, tile.x)[0]
    row_bytes, row_step = layout.row_bytes * tiled.turns, tiled.pitch
    if _one_row(tiled, tile, layout) is not None:
        row_bytes = row_step = 0
    for turn, (rows, beats) in enumerate(load_sizes(tiled, tile, layout)):
        destination = {"destination": turn * tiled.turn_step}
        steps = {"row_bytes": row_bytes, "row_step": row_step}
        yield turn, column, {"rows": rows, "beats": beats} | steps | destination
