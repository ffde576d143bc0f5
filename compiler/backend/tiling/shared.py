"""Jobs that look at the same tiles: computed in turn, tile by tile, so that each is loaded once.

Two convolutions of one map (both branches of a C3), or an Add that is wanted in two widths: where
loads take longer than computes, they take half as long together. Whatever both need besides must
be on chip at once: pass tables, and weights.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from arch.machine import Machine
from compiler.backend.job import Job
from compiler.backend.packing import Packed
from compiler.backend.storage import Layout
from compiler.backend.tiling.candidates import all_tiles
from compiler.backend.tiling.choose import Tilings, Way
from compiler.backend.tiling.tile import Tiled
from compiler.backend.traffic import THRESHOLD_SETS, Traffic


def side_by_side(jobs: Sequence[Job]) -> tuple[Job, ...]:
    """The jobs with each behind the last one before it that looks at the same places of the same
    maps: these are complete there."""
    found: list[Job] = []
    behind: dict[tuple, Job] = {}
    for job in jobs:
        last = behind.get(_looked_at(job))
        found.insert(len(found) if last is None else 1 + found.index(last), job)
        behind[_looked_at(job)] = job
    return tuple(found)


def _looked_at(job: Job) -> tuple:
    """What is the same of jobs that can share their tiles."""
    size = job.height, job.width, job.strides, job.pooling
    return job.segment, job.span.images, job.span.window, job.reach, size


def runs(jobs: Sequence[Job]) -> Iterator[range]:
    """The numbers of two and more jobs that follow each other and look at the same places."""
    first = 0
    for number in range(1, len(jobs) + 1):
        if number == len(jobs) or _looked_at(jobs[number]) != _looked_at(jobs[first]):
            if number - first > 1:
                yield range(first, number)
            first = number


class SharedTilings:
    """All ways to cut jobs of one run alike, for whatever room.

    ``choices``: of each job, the ways to compute it, each with all of its tilings. ``to_chip``: of
    each, whether its results stay there.
    """

    def __init__(
        self,
        choices: Sequence[Sequence[Tilings]],
        to_chip: Sequence[bool],
        traffic: Traffic,
        layouts: dict[str, Layout],
    ):
        self._found = sorted(
            self._ways(choices, to_chip, traffic, layouts), key=lambda each: each[0]
        )

    def best(self, room: int) -> list[Tiled] | None:
        """The jobs cut to tiles of which two fit ``room``, with the smallest estimate; it stands
        with the first job. None where there is no way."""
        for _, cycles, tiled in self._found:
            if tiled[0].positions <= room // 2:
                tiles = all_tiles(tiled[0].job, tiled[0].tiles[0])
                return [
                    replace(each, tiles=tiles, shared=bool(number), cycles=0 if number else cycles)
                    for number, each in enumerate(tiled)
                ]
        return None

    @staticmethod
    def _ways(
        choices: Sequence[Sequence[Tilings]],
        to_chip: Sequence[bool],
        traffic: Traffic,
        layouts: dict[str, Layout],
    ) -> Iterator[tuple[int, int, list[Tiled]]]:
        """(what they are compared by, cycles, first tiles of all jobs) of each way."""
        first = choices[0][0]
        for size in first.ways:
            picked = [_fastest(ways, size) for ways in choices]
            if None in picked:
                continue
            tilings, ways = zip(*picked, strict=True)
            tiled = [way.tiled for way in ways]
            if not _go_together([each.packed for each in tilings], traffic.machine):
                continue
            if any(_geometry(each) != _geometry(tiled[0]) for each in tiled):
                continue
            constants = sum(each.constants for each in tilings)
            for each in tiled[1:]:
                blocks = -(-each.job.outputs // traffic.machine.rows)
                constants += min(THRESHOLD_SETS, blocks) * traffic.thresholds(each.job, layouts)
            kinds, others = [], []
            for parts in zip(*(way.kinds for way in ways), strict=True):
                count, _, load, _ = parts[0]
                kinds.append((count, sum(compute for _, compute, _, _ in parts), load, 0))
                stores = sum(
                    0 if stays else stores
                    for (*_, stores), stays in zip(parts, to_chip, strict=True)
                )
                others.append(constants + stores)
            yield *first.estimate(Way(tiled[0], kinds), others, 1), tiled


def _fastest(ways: Sequence[Tilings], size: tuple) -> tuple[Tilings, Way] | None:
    """The way to compute a job in tiles of a size that takes the array least."""
    found = [(each, each.ways[size]) for each in ways if size in each.ways]
    return min(found, key=lambda each: each[1].kinds[0][1], default=None)


def _geometry(tiled: Tiled) -> tuple:
    """Where its tiles lie on chip."""
    return tiled.regions, tiled.pitch, tiled.odd_offset, tiled.flat, tiled.turn_step


def _go_together(packed: Sequence[Packed], machine: Machine) -> bool:
    """Whether pass tables and weights of the jobs are on chip at once, and none has a code table:
    there are two of these, and a job takes the one that has not been used for longest."""
    half = machine.table_entries // 2
    sizes = [each.table.size for each in packed]
    tables = sum(sizes) <= half or (len(sizes) == 2 and max(sizes) <= half)
    words = [
        -(-each.job.outputs // machine.rows) * each.packing.word_count for each in packed
    ]
    streamed = all(each > machine.weight_words // 2 for each in words)
    codes = any(each.job.mode.looks_up for each in packed)
    return tables and not codes and (streamed or sum(words) <= machine.weight_words)
