"""Sizes of tiles worth trying."""

from collections.abc import Iterator, Mapping
from math import ceil

from arch.machine import Machine
from compiler.backend.job import Job
from compiler.backend.packing import Packed
from compiler.backend.storage import Layout
from compiler.backend.tiling.tile import Tile

Size = tuple[int, int, int | None]
"""Height, width, and how far apart rows lie on chip if the tile is flat."""


def candidates(
    packed: Packed, layouts: Mapping[str, Layout], machine: Machine
) -> Iterator[Size]:
    """Those worth trying, largest first."""
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
    if job.strides == (1, 1) and job.pooling == 1 and not packed.signs:
        flat = _as_stored(packed, layouts, job.width), _dense(packed, layouts, job.width)
        pitches = [*sorted({pitch for pitch in flat if pitch is not None}, reverse=True), None]
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
