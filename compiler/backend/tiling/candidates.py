"""Sizes of tiles worth trying."""

from collections.abc import Iterator, Mapping
from math import ceil, lcm

from arch.machine import Machine
from compiler.backend.job import Job
from compiler.backend.packing import Packed
from compiler.backend.storage import Layout, round_up
from compiler.backend.tiling.tile import Tile, flat_columns

Size = tuple[int, int, int | None]
"""Height, width, and how far apart rows lie on chip if the tile is flat."""


def candidates(
    packed: Packed, layouts: Mapping[str, Layout], machine: Machine
) -> Iterator[Size]:
    """Those worth trying, largest first."""
    job = packed.job
    step, stride = job.pooling, job.strides[1]
    heights = sorted(
        {ceil(job.height / parts / step) * step for parts in range(1, job.height + 1)},
        reverse=True,
    )
    widths = [job.width]
    # Every tile begins at the same place of a beat as the first one.
    beats = {max(layouts[region.storage].beat_positions, stride) for region in packed.regions}
    unit = lcm(machine.columns, *(positions // stride for positions in beats))
    for parts in range(2, ceil(job.width / unit) + 1):
        width = ceil(job.width / parts / unit) * unit
        if width < job.width and width not in widths:
            widths.append(width)
    pitches: list[int | None] = [None]
    if not packed.signs:
        flat = {_dense(packed, layouts, job.width)}
        if job.strides == (1, 1) and job.pooling == 1:
            flat |= {_as_stored(packed, layouts, job.width)} - {None}
        pitches = [*sorted(flat, reverse=True), None]
    for width in widths:
        for height in heights:
            for pitch in pitches if width == job.width else [None]:
                yield height, width, pitch


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

    Not so in a picture, whose positions hold the pixels before them, too, nor where even and odd
    columns lie apart.
    """
    job, pitch = packed.job, 0
    for region in packed.regions:
        layout = layouts[region.storage]
        storage, columns = layout.storage, flat_columns(job, layout, width)
        if job.strides[1] == 1 and storage.kind != "picture":
            columns = storage.left + max(width, min(storage.width, columns - storage.left))
        pitch = max(pitch, width, ceil(columns / job.strides[1]))
    # Of a row of pairs the last position must not be paired with the next row's first.
    return round_up(pitch, job.pooling)


def shapes(job: Job, height: int, width: int) -> list[tuple[Tile, int]]:
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


def all_tiles(job: Job, first: Tile) -> tuple[Tile, ...]:
    """Tiles as large as the first one, and what is left at the edges, row by row."""
    height, width = first.height, first.width
    return tuple(
        Tile(y, x, min(height, job.height - y), min(width, job.width - x))
        for y in range(0, job.height, height)
        for x in range(0, job.width, width)
    )
