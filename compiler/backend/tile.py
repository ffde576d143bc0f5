"""Cuts a work's map into tiles that fit half of the activation memory: loads overlap computes."""

from dataclasses import dataclass, replace
from math import ceil

from arch.isa import Compute, Load, most
from arch.machine import Machine
from compiler.backend.job import Work
from compiler.backend.packing import Packed, Region
from compiler.backend.storage import Storage
from compiler.errors import CapacityError

LONGEST_FIELD = min(
    *(most(Load, name) for name in ("rows", "beats")),
    *(most(Compute, name) for name in ("block_rows", "row_blocks")),
    *(most(Compute, name) for name in ("row_length", "width", "height")),
)
#: Cycles around a compute that its passes do not account for; only for choosing between tilings.
COMPUTE_OVERHEAD = 24


@dataclass(frozen=True)
class Placement:
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


@dataclass(frozen=True)
class Tiling:
    """How a work is cut: tiles in order and the geometry they share."""

    flat: bool
    tiles: list[Tile]
    pitch: int
    odd_offset: int
    placements: list[Placement]
    #: Positions one tile needs on chip.
    positions: int
    #: Halves of the activation memory a tile takes: 1 (double-buffered) or 2.
    halves: int

    def blocks(self, work: Work, tile: Tile, machine: Machine) -> tuple[int, int]:
        """(rows of blocks, blocks per row)."""
        if self.flat:
            return 1, ceil(((tile.height - 1) * self.pitch + tile.width) / machine.columns)
        rows = tile.height // 2 if work.pool2 else tile.height
        return rows, ceil(tile.width / machine.columns)

    def offset(self, work: Work, placement: Placement, y: int, x: int, plane: int) -> int:
        """Chip offset, from the tile's base, of plane ``plane`` at input offset (y, x)."""
        low_y, _, low_x, _ = work.reach
        column = placement.skip + x - low_x
        if self.odd_offset:
            column = (column >> 1) + (column & 1) * self.odd_offset
        return placement.base + plane * placement.plane_stride + (y - low_y) * self.pitch + column


def beats_per_row(storage: Storage, columns: int, machine: Machine) -> int:
    return ceil(columns / storage.beat_positions(machine.beat_bytes))


def input_rows(work: Work, height: int) -> int:
    """Input rows that ``height`` rows of the computed map look at."""
    low_y, high_y, _, _ = work.reach
    last = height - (2 if work.pool2 else 1)
    return last * work.strides[0] + high_y - low_y + 1


def input_columns(work: Work, width: int) -> int:
    _, _, low_x, high_x = work.reach
    return (width - 1) * work.strides[1] + high_x - low_x + 1


def first_column(work: Work, storage: Storage, x: int, machine: Machine) -> tuple[int, int]:
    """(first stored column to load, columns to skip) for a tile that starts at column x."""
    _, _, low_x, _ = work.reach
    align = storage.beat_positions(machine.beat_bytes)
    if work.strides[1] == 2:
        align = max(2, align)
    column = x * work.strides[1] + low_x + storage.left
    return column // align * align, column % align


def _up_to_residue(value: int, residue: int, modulus: int) -> int:
    """Smallest number >= value that leaves ``residue`` modulo ``modulus``."""
    return value + (residue - value) % modulus


def _flat_columns(work: Work, storage: Storage, width: int) -> int:
    """Columns, halo to the left included, that a flat tile of ``width`` looks at."""
    return storage.left + width + work.reach[3]


def _as_stored(packed: Packed, storages: dict[str, Storage], width: int) -> bool:
    """Whether rows of a flat tile can lie on chip as far apart as in memory.

    A flat tile computes one position after another, row after row, as many as rows are apart: an
    output wider than the stored rows needs them further apart than they are in memory.
    """
    pitches = {storages[region.storage].pitch for region in packed.regions}
    return len(pitches) == 1 and pitches.pop() >= width


def _layout(
    work: Work,
    packed: Packed,
    storages: dict[str, Storage],
    machine: Machine,
    height: int,
    width: int,
    flat: bool,
):
    """(pitch, odd_offset, placements, positions) of a tile of this size."""
    columns = {}
    for region in packed.regions:
        storage = storages[region.storage]
        if flat:
            span = _flat_columns(work, storage, width)
            skip = storage.left + work.reach[2]
        else:
            _, skip = first_column(work, storage, 0, machine)
            span = skip + input_columns(work, width)
        per_beat = storage.beat_positions(machine.beat_bytes)
        columns[region.storage] = (skip, ceil(span / per_beat) * per_beat, per_beat)
    odd_offset = 0
    widest = max(span for _, span, _ in columns.values())
    if work.strides[1] == 2:
        half = ceil(widest / 2)
        odd_offset = _up_to_residue(half, machine.slots // 2 % machine.columns, machine.columns)
        odd_offset = odd_offset or machine.columns
        pitch = odd_offset + half
    elif flat and _as_stored(packed, storages, width):
        pitch = storages[packed.regions[0].storage].pitch
    else:
        pitch = widest
    rows = input_rows(work, height)
    placements, base = [], 0
    for region in packed.regions:
        storage = storages[region.storage]
        skip, span, per_beat = columns[region.storage]
        residue = 1 if storage.kind == "picture" or per_beat == 1 else per_beat
        if odd_offset and residue > 1:
            residue //= 2
        # A contiguous load ends with the last row's right-hand halo, which lies in the row after
        # it.
        extent = rows * pitch + (span - pitch if span > pitch else 0) + per_beat
        stride = _up_to_residue(extent, residue % machine.columns, machine.columns)
        placements.append(Placement(region, base, stride, skip))
        base += stride * storage.planes
    return pitch, odd_offset, placements, base


def _candidates(work: Work, machine: Machine):
    """(height, width, flat) worth trying, largest first."""
    step = 2 if work.pool2 else 1
    heights = sorted(
        {
            h
            for parts in range(1, work.height + 1)
            if (h := ceil(work.height / parts / step) * step)
        },
        reverse=True,
    )
    widths = [work.width]
    unit = machine.columns
    for parts in range(2, ceil(work.width / unit) + 1):
        width = ceil(work.width / parts / unit) * unit
        if width < work.width and width not in widths:
            widths.append(width)
    straight = work.strides == (1, 1) and not work.pool2
    for width in widths:
        for height in heights:
            if straight and width == work.width:
                yield height, width, True
            yield height, width, False


def _tiles(work: Work, height: int, width: int) -> list[Tile]:
    return [
        Tile(y, x, min(height, work.height - y), min(width, work.width - x))
        for y in range(0, work.height, height)
        for x in range(0, work.width, width)
    ]


def _shapes(work: Work, height: int, width: int) -> list[tuple[Tile, int]]:
    """Every shape among the tiles, as its place does not matter, and how many there are."""
    rows, columns = (
        [(part, size // part), (size % part, 1)]
        for size, part in ((work.height, height), (work.width, width))
    )
    return [
        (Tile(0, 0, part_height, part_width), down * across)
        for part_height, down in rows
        for part_width, across in columns
        if part_height and part_width and down and across
    ]


def load_beats(
    work: Work, tiling: Tiling, tile: Tile, storages: dict[str, Storage], machine: Machine
) -> int:
    """Cycles the loader needs for a tile's input, a beat each (a picture's beat: four)."""
    total = 0
    for placement in tiling.placements:
        storage = storages[placement.region.storage]
        columns = placement.skip + input_columns(work, tile.width)
        beats = beats_per_row(storage, columns, machine) * input_rows(work, tile.height)
        total += beats * (4 if storage.kind == "picture" else len(placement.region.groups))
    return total


def choose_tiling(
    work: Work, packed: Packed, storages: dict[str, Storage], machine: Machine
) -> Tiling:
    """The tiling with the smallest estimate of max(compute, load) over the tiles.

    Raises :class:`CapacityError` when not even one row of one block fits.
    """
    passes = len(packed.passes) * len(work.phases) * (2 if work.pool2 else 1)
    drain = machine.columns * (machine.raw_chunks if work.thresholds is None else 1)
    drains = drain * len(work.phases) * (2 if work.pool2 else 1)
    computes = ceil(work.outputs / machine.rows) * len(work.scatter)
    for halves in (1, 2):
        budget = machine.positions * halves // 2
        best, best_cost = None, None
        for height, width, flat in _candidates(work, machine):
            pitch, odd_offset, placements, positions = _layout(
                work, packed, storages, machine, height, width, flat
            )
            if positions > budget:
                continue
            first = Tile(0, 0, height, width)
            tiling = Tiling(flat, [first], pitch, odd_offset, placements, positions, halves)
            if not _encodable(work, tiling, machine):
                continue
            cost = 0
            for tile, count in _shapes(work, height, width):
                rows, per_row = tiling.blocks(work, tile, machine)
                compute = computes * (rows * per_row * max(passes, drains) + COMPUTE_OVERHEAD)
                load = load_beats(work, tiling, tile, storages, machine)
                cost += count * (compute + load if halves == 2 else max(compute, load))
            if height == work.height:
                # It needs the last row of the layer before: nothing hides the first tile's load.
                cost += load_beats(work, tiling, first, storages, machine)
            if best_cost is None or cost < best_cost:
                best, best_cost = tiling, cost
        if best is not None:
            first = best.tiles[0]
            return replace(best, tiles=_tiles(work, first.height, first.width))
    raise CapacityError(
        f"layer {work.name!r}: not even one row of {machine.columns} positions fits the activation "
        f"memory of machine {machine.name!r} ({machine.positions} positions); use a machine with a "
        f"larger activation_words, or fewer input channels"
    )


def _encodable(work: Work, tiling: Tiling, machine: Machine) -> bool:
    """Whether every count fits its instruction field."""
    tile = tiling.tiles[0]
    rows, per_row = tiling.blocks(work, tile, machine)
    row_length = tiling.pitch if tiling.flat else per_row * machine.columns
    longest = max(rows, per_row, row_length, tile.width, tile.height, input_rows(work, tile.height))
    return longest <= LONGEST_FIELD


def load_shape(
    work: Work,
    tiling: Tiling,
    tile: Tile,
    storage: Storage,
    machine: Machine,
) -> tuple[int, dict]:
    """(first column to load, the LOAD's rows, beats and steps) of a tile's part of a storage."""
    rows = input_rows(work, tile.height)
    if not tiling.flat:
        column, skip = first_column(work, storage, tile.x, machine)
        columns = skip + input_columns(work, tile.width)
        column -= storage.left
    else:
        column = -storage.left
        columns = _flat_columns(work, storage, tile.width)
        if tiling.pitch == storage.pitch:
            # Rows follow one another in memory as on chip: one long row. The last one's right-hand
            # halo lies in the row after it.
            total = (rows - 1) * storage.pitch + max(storage.pitch, columns)
            beats = beats_per_row(storage, total, machine)
            if beats <= LONGEST_FIELD:
                return column, {"rows": 1, "beats": beats, "row_bytes": 0, "row_step": 0}
    return column, {
        "rows": rows,
        "beats": beats_per_row(storage, columns, machine),
        "row_bytes": storage.row_bytes,
        "row_step": tiling.pitch,
    }
