"""Cuts a job's map into tiles that fit half of the activation memory: loads overlap computes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil

from arch.formats import LANE_GROUPS, PICTURE_STEPS
from arch.isa import Compute, Load, most
from arch.machine import Machine
from arch.memory import Memory
from compiler.backend.job import Job
from compiler.backend.on_chip.chip_map import ChipMaps, up_to_residue
from compiler.backend.packing import Packed, Region
from compiler.backend.storage import Layout
from compiler.backend.traffic import Traffic
from compiler.errors import CapacityError

LONGEST_FIELD = min(
    *(most(Load, name) for name in ("rows", "beats")),
    *(most(Compute, name) for name in ("block_rows", "row_blocks")),
    *(most(Compute, name) for name in ("row_length", "width", "height")),
)
#: Cycles around a compute that its passes do not account for; only for choosing between tilings.
COMPUTE_OVERHEAD = 24


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
    #: One position after another, row after row, without regard to where a row ends.
    flat: bool
    tiles: tuple[Tile, ...]
    #: Chip positions from one row of the input to the next.
    pitch: int
    #: Where odd columns begin, if the job takes every second one (else 0).
    odd_offset: int
    regions: tuple[ChipRegion, ...]
    #: Positions one tile needs on chip.
    positions: int
    #: Halves of the tiles' memory a tile takes: 1 (double-buffered) or 2; 0: its input stays on
    #: chip, and bases are places there.
    halves: int

    @property
    def job(self) -> Job:
        return self.packed.job

    def blocks(self, tile: Tile, machine: Machine) -> tuple[int, int]:
        """(rows of blocks, blocks per row)."""
        if self.flat:
            return 1, ceil(((tile.height - 1) * self.pitch + tile.width) / machine.columns)
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
        return place.base + plane * place.plane_stride + (y - low_y) * self.pitch + column


def first_column(job: Job, layout: Layout, x: int) -> tuple[int, int]:
    """(first stored column to load, columns to skip) for a tile that starts at column x."""
    _, _, low_x, _ = job.reach
    align = layout.beat_positions
    if job.strides[1] == 2:
        align = max(2, align)
    column = x * job.strides[1] + low_x + layout.storage.left
    return column // align * align, column % align


def _flat_columns(job: Job, layout: Layout, width: int) -> int:
    """Columns, halo to the left included, that a flat tile of ``width`` looks at."""
    return layout.storage.left + width + job.reach[3]


def _as_stored(packed: Packed, layouts: Mapping[str, Layout], width: int) -> int | None:
    """How far apart rows of a flat tile lie on chip if that is as in memory; None: they cannot.

    A flat tile computes one position after another, row after row, as many as rows are apart: an
    output wider than the stored rows needs them further apart than they are in memory.
    """
    pitches = {layouts[region.storage].pitch for region in packed.regions}
    return max(pitches) if len(pitches) == 1 and max(pitches) >= width else None


def _dense(packed: Packed, layouts: Mapping[str, Layout], width: int) -> int:
    """The least distance of a flat tile's rows: what is loaded of a row behind its own columns is
    written over by the next row, whose left-hand halo is the right-hand halo of this one.

    Not so in a picture, whose positions hold the pixels before them, too.
    """
    pitch, high_x = 0, packed.job.reach[3]
    for region in packed.regions:
        storage = layouts[region.storage].storage
        own = width + high_x
        if storage.kind != "picture":
            own = max(width, min(storage.width, own))
        pitch = max(pitch, storage.left + own)
    return pitch


def _on_chip(
    packed: Packed,
    layouts: Mapping[str, Layout],
    machine: Machine,
    height: int,
    width: int,
    flat_pitch: int | None,
    halves: int,
) -> Tiled:
    """The geometry of tiles of this size, with the first of them only.

    ``flat_pitch``: of a flat tile's rows; None: the tile is not flat.
    """
    job, flat = packed.job, flat_pitch is not None
    columns = {}
    for region in packed.regions:
        layout = layouts[region.storage]
        if flat:
            span = _flat_columns(job, layout, width)
            skip = layout.storage.left + job.reach[2]
        else:
            _, skip = first_column(job, layout, 0)
            span = skip + job.input_columns(width)
        columns[region.storage] = skip, layout.beats(span) * layout.beat_positions
    odd_offset = 0
    widest = max(span for _, span in columns.values())
    if job.strides[1] == 2:
        half = ceil(widest / 2)
        odd_offset = up_to_residue(half, machine.slots // 2 % machine.columns, machine.columns)
        odd_offset = odd_offset or machine.columns
        pitch = odd_offset + half
    else:
        pitch = flat_pitch or widest
    rows = job.input_rows(height)
    strides = []
    for region in packed.regions:
        layout = layouts[region.storage]
        _, span = columns[region.storage]
        per_beat = layout.beat_positions
        picture = layout.storage.kind == "picture"
        residue = 1 if picture else max(1, per_beat // machine.map_steps)
        if odd_offset and residue > 1:
            residue //= 2
        # A contiguous load ends with the last row's right-hand halo, which lies in the row after
        # it.
        extent = rows * pitch + (span - pitch if span > pitch else 0) + per_beat
        strides.append(up_to_residue(extent, residue % machine.columns, machine.columns))
    if packed.packing.loop:  # one distance for all: of equal bits, they leave the same residue
        strides = [max(strides)] * len(strides)
    places, base = [], 0
    for region, stride in zip(packed.regions, strides, strict=True):
        places.append(ChipRegion(region, base, stride, columns[region.storage][0]))
        base += stride * layouts[region.storage].storage.planes
    first = (Tile(0, 0, height, width),)
    return Tiled(packed, flat, first, pitch, odd_offset, tuple(places), base, halves)


def _candidates(
    packed: Packed, layouts: Mapping[str, Layout], machine: Machine
) -> Iterator[tuple[int, int, int | None]]:
    """(height, width, pitch if flat) worth trying, largest first."""
    job = packed.job
    step = job.pooling
    heights = sorted(
        {ceil(job.height / parts / step) * step for parts in range(1, job.height + 1)},
        reverse=True,
    )
    widths = [job.width]
    unit = machine.columns
    for parts in range(2, ceil(job.width / unit) + 1):
        width = ceil(job.width / parts / unit) * unit
        if width < job.width and width not in widths:
            widths.append(width)
    pitches: list[int | None] = [None]
    if job.strides == (1, 1) and job.pooling == 1:
        flat = _as_stored(packed, layouts, job.width), _dense(packed, layouts, job.width)
        pitches = [*sorted({pitch for pitch in flat if pitch is not None}, reverse=True), None]
    for width in widths:
        for height in heights:
            for pitch in pitches if width == job.width else [None]:
                yield height, width, pitch


def _shapes(job: Job, height: int, width: int) -> list[tuple[Tile, int]]:
    """Every shape among the tiles, as its place does not matter, and how many there are."""
    rows, columns = (
        [(part, size // part), (size % part, 1)]
        for size, part in ((job.height, height), (job.width, width))
    )
    return [
        (Tile(0, 0, part_height, part_width), down * across)
        for part_height, down in rows
        for part_width, across in columns
        if part_height and part_width and down and across
    ]


def load_cycles(
    tiled: Tiled, tile: Tile, layouts: Mapping[str, Layout], traffic: Traffic
) -> int:
    """Cycles that a tile's input takes: the loader's or memory's."""
    loader = memory = 0
    map_steps = traffic.machine.map_steps
    rows, columns = tiled.job.input_rows(tile.height), tiled.job.input_columns(tile.width)
    for place in tiled.regions:
        layout = layouts[place.region.storage]
        beats = layout.beats(place.skip + columns) * rows
        if layout.storage.kind == "picture":
            images, steps = 1, PICTURE_STEPS
        else:
            words = (tiled.job.span.images[image][1] for image in place.region.groups)
            images, steps = sum(len(list(layout.parts(word))) for word in words), map_steps
        loader += beats * images * steps
        _, shape = load_shape(tiled, tile, layout)
        memory += images * traffic.rows(shape["rows"], shape["beats"])
    return max(loader, memory)


def whole(packed: Packed, chip_maps: ChipMaps, machine: Machine) -> Tiled:
    """A job whose input stays on chip, as one tile."""
    job = packed.job
    low_y, _, low_x, _ = job.reach
    places = []
    for region in packed.regions:
        chip = chip_maps[region.storage]
        layout, shape = chip.layout, chip.layout.shape
        base = chip.row(region.part * LANE_GROUPS, low_y)
        places.append(ChipRegion(region, base, layout.plane_stride, shape.left + low_x))
    found = []
    for flat in (False, True)[: 1 + (job.strides == (1, 1) and job.pooling == 1)]:
        tile = Tile(0, 0, job.height, job.width)
        tiled = Tiled(
            packed, flat, (tile,), shape.row_step, layout.odd_offset, tuple(places), 0, halves=0
        )
        if _encodable(tiled, machine):
            rows, across = tiled.blocks(tile, machine)
            found.append((rows * across, tiled))
    if not found:
        raise CapacityError(
            f"layer {job.name!r}: a map of {job.height} x {job.width} positions is too large for "
            "one COMPUTE"
        )
    return min(found, key=lambda each: each[0])[1]


def cut(
    packed: Packed,
    layouts: Mapping[str, Layout],
    machine: Machine,
    memory: Memory,
    *,
    room: int | None = None,
    on_chip: bool = False,
) -> Tiled:
    """The tiles with the smallest estimate of max(compute, load), summed over them.

    ``room``: positions of the activation memory that tiles may take, by default all of them.
    ``on_chip``: the results stay there.

    Where loads share memory with stores, these are part of it, and constants that tile after tile
    loads again. Raises :class:`CapacityError` when not even one row of one block fits.
    """
    traffic = Traffic(machine, memory)
    for halves in (1, 2):
        best = _cheapest(packed, layouts, traffic, halves, room or machine.positions, on_chip)
        if best is not None:
            return best
    raise CapacityError(
        f"layer {packed.job.name!r}: not even one row of {machine.columns} positions fits the "
        f"activation memory of machine {machine.name!r} ({machine.positions} positions); use a "
        f"machine with a larger activation_words, or fewer input channels"
    )


def _cheapest(
    packed: Packed,
    layouts: Mapping[str, Layout],
    traffic: Traffic,
    halves: int,
    room: int,
    on_chip: bool,
) -> Tiled | None:
    """The best of the tilings that fit so many halves of the activation memory, if any does."""
    job, machine = packed.job, traffic.machine
    pieces = layouts[job.output].storage.pieces
    block = packed.table.block_cycles(machine, pieces=pieces)
    computes = ceil(job.outputs / machine.rows) * len(job.scatter)
    constants = traffic.constants(job, layouts, packed.packing.word_count)
    budget = room * halves // 2
    best, best_cost = None, float("inf")
    for height, width, flat_pitch in _candidates(packed, layouts, machine):
        shapes = _shapes(job, height, width)
        if flat_pitch is None:  # what it costs if all loads were hidden
            blocks = sum(
                count * (tile.height // job.pooling) * ceil(tile.width / machine.columns)
                for tile, count in shapes
            )
            tiles = sum(count for _, count in shapes)
            if computes * (blocks * block + tiles * COMPUTE_OVERHEAD) >= best_cost:
                continue
        tiled = _on_chip(packed, layouts, machine, height, width, flat_pitch, halves)
        if tiled.positions > budget or not _encodable(tiled, machine):
            continue
        cost = 0
        for tile, count in shapes:
            rows, per_row = tiled.blocks(tile, machine)
            compute = computes * (rows * per_row * block + COMPUTE_OVERHEAD)
            load = load_cycles(tiled, tile, layouts, traffic)
            other = constants
            if not on_chip:
                layout = layouts[job.output]
                other += computes * traffic.stores(job, layout, tile.height, tile.width)
            if halves == 2:
                cost += count * (max(compute, other) + load)
            else:
                cost += count * max(compute, load + other)
        if height == job.height:
            # It needs the last row of the layer before: nothing hides the first tile's load.
            cost += load_cycles(tiled, tiled.tiles[0], layouts, traffic)
        if cost < best_cost:
            best, best_cost = tiled, cost
    return None if best is None else replace(best, tiles=_tiles(job, best.tiles[0]))


def _tiles(job: Job, first: Tile) -> tuple[Tile, ...]:
    """Tiles as large as the first one, and what is left at the edges, row by row."""
    height, width = first.height, first.width
    return tuple(
        Tile(y, x, min(height, job.height - y), min(width, job.width - x))
        for y in range(0, job.height, height)
        for x in range(0, job.width, width)
    )


def _encodable(tiled: Tiled, machine: Machine) -> bool:
    """Whether every count fits its instruction field."""
    tile = tiled.tiles[0]
    counts = *tiled.blocks(tile, machine), tiled.row_length(tile, machine)
    rows = tiled.job.input_rows(tile.height)
    return max(*counts, tile.width, tile.height, rows) <= LONGEST_FIELD


def load_shape(tiled: Tiled, tile: Tile, layout: Layout) -> tuple[int, dict]:
    """(first column to load, the LOAD's rows, beats and steps) of a tile's part of a storage."""
    job, storage = tiled.job, layout.storage
    rows = job.input_rows(tile.height)
    if not tiled.flat:
        column, skip = first_column(job, layout, tile.x)
        columns = skip + job.input_columns(tile.width)
        column -= storage.left
    else:
        column = -storage.left
        columns = _flat_columns(job, layout, tile.width)
        if tiled.pitch == layout.pitch:
            # Rows follow one another in memory as on chip: one long row. The last one's right-hand
            # halo lies in the row after it.
            beats = layout.beats((rows - 1) * layout.pitch + max(layout.pitch, columns))
            if beats <= LONGEST_FIELD:
                return column, {"rows": 1, "beats": beats, "row_bytes": 0, "row_step": 0}
    return column, {
        "rows": rows,
        "beats": layout.beats(columns),
        "row_bytes": layout.row_bytes,
        "row_step": tiled.pitch,
    }
