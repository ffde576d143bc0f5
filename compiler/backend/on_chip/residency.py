"""Which maps stay on chip: written there by those who compute them, and never in memory.

A map can stay where all of its readers find all of their inputs on chip, and take either every
column or every second one: so the maps that are read together stay together. Among those that can,
it is a question of room: where it does not suffice, the map goes to memory that saves the fewest
bytes for the room that it takes and for how long.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from arch.formats import LANE_GROUPS
from arch.machine import Machine
from compiler.backend.job import Job
from compiler.backend.on_chip.chip_map import (
    NONE_STAYS,
    ChipLayout,
    ChipMap,
    ChipMaps,
    common_shape,
    lay_out_on_chip,
)
from compiler.backend.on_chip.rectangles import Room
from compiler.backend.packing import pack
from compiler.backend.requantising.signs import as_signs
from compiler.backend.storage import Layout, Storage


@dataclass(frozen=True)
class Life:
    """A storage's jobs, by their numbers."""

    writers: tuple[int, ...]
    readers: tuple[int, ...]

    @property
    def first(self) -> int:
        return self.writers[0]

    @property
    def last(self) -> int:
        return self.readers[-1]


def lives(jobs: Sequence[Job]) -> dict[str, Life]:
    """When every storage that is both written and read is used."""
    writers: dict[str, list[int]] = {}
    readers: dict[str, list[int]] = {}
    for number, job in enumerate(jobs):
        writers.setdefault(job.output, []).append(number)
        for name in job.inputs:
            readers.setdefault(name, []).append(number)
    return {
        name: Life(tuple(writers[name]), tuple(readers[name]))
        for name in writers
        if name in readers
    }


def tile_rooms(machine: Machine) -> tuple[int, ...]:
    """The least of the activation memory that tiles may be left with, in positions."""
    return machine.positions // 4, machine.positions // 8


@dataclass(frozen=True)
class Residency:
    """The storages that stay on chip, and how many positions each job's tiles may take there."""

    chip_maps: ChipMaps
    rooms: tuple[int, ...]


def nothing_stays(jobs: Sequence[Job], machine: Machine) -> Residency:
    """All of the activation memory for tiles."""
    return Residency(NONE_STAYS, (machine.positions,) * len(jobs))


def stay_on_chip(
    jobs: Sequence[Job],
    layouts: Mapping[str, Layout],
    machine: Machine,
    tiles: int,
    results: Set[str],
) -> Residency:
    """The storages that stay, and where, if tiles are to have ``tiles`` positions at least.

    ``results``: tensors that the host reads.
    """
    storages = {name: layout.storage for name, layout in layouts.items()}
    life = lives(jobs)
    candidates = {
        name
        for name in _candidates(jobs, storages, life, machine)
        if storages[name].tensor not in results and _in_one_segment(jobs, life[name])
    }
    while True:
        candidates = _read_together(jobs, candidates)
        chip_layouts = _layouts(jobs, storages, life, candidates, machine)
        room = Room(machine.positions)
        for number, job in enumerate(jobs):
            if candidates.isdisjoint(job.inputs):  # its first tile is loaded while others compute
                room.keep(tiles, number - 1, number)
        chip_maps, crowded = _place(chip_layouts, life, room)
        if not crowded:
            rooms = tuple(room.lowest(number - 1, number) for number in range(len(jobs)))
            return Residency(chip_maps, rooms)
        worth = {  # bytes for a position and a job; of equal ones, the order of names decides
            name: _saved(jobs, life[name], layouts[name]) / _taken(chip_layouts[name], life[name])
            for name in crowded
        }
        candidates.discard(min(crowded, key=lambda name: (worth[name], name)))


def _candidates(
    jobs: Sequence[Job],
    storages: Mapping[str, Storage],
    life: Mapping[str, Life],
    machine: Machine,
) -> set[str]:
    """Storages that could stay if there were room and their readers' other inputs stayed, too."""
    if not machine.keeps_results:
        return set()
    # Pictures of pixels are not loaded while results go to the chip; blocks are as other maps.
    first = 1 + max(
        (
            number
            for number, job in enumerate(jobs)
            if any(storages[name].kind == "picture" for name, _ in job.span.images)
        ),
        default=-1,
    )
    # Wide codes leave in two pieces, and what they are added to is read in turns.
    wide = {name for job in jobs if job.wide is not None for name in (job.output, *job.inputs)}
    return {
        name
        for name, each in life.items()
        if each.first >= first
        and storages[name].kind == "codes"
        and name not in wide
        and _one_stride(storages[name], [jobs[reader].strides[1] for reader in each.readers])
    }


def _in_one_segment(jobs: Sequence[Job], life: Life) -> bool:
    """Whether a map is written and read while the host does nothing in between."""
    return jobs[life.first].segment == jobs[life.last].segment


def _one_stride(storage: Storage, strides: list[int]) -> bool:
    """Whether readers take all columns, or all of them every second one of an even number."""
    return set(strides) == {1} or (set(strides) == {2} and storage.width % 2 == 0)


def _read_together(jobs: Iterable[Job], candidates: set[str]) -> set[str]:
    """Without those that some job reads together with maps in memory."""
    kept = set(candidates)
    while True:
        lost = {
            name
            for job in jobs
            for name in job.inputs
            if name in kept and not kept.issuperset(job.inputs)
        }
        if not lost:
            return kept
        kept -= lost


def _layouts(
    jobs: Sequence[Job],
    storages: Mapping[str, Storage],
    life: Mapping[str, Life],
    candidates: set[str],
    machine: Machine,
) -> dict[str, ChipLayout]:
    """How each candidate lies on chip: those that are read together have one shape."""
    company = {name: name for name in candidates}

    def root(name: str) -> str:
        while company[name] != name:
            name = company[name]
        return name

    for job in jobs:
        names = [root(name) for name in job.inputs if name in candidates]
        for name in names:
            company[name] = min(names)
    together: dict[str, list[str]] = {}
    for name in sorted(candidates):
        together.setdefault(root(name), []).append(name)
    found = {}
    for names in together.values():
        split = jobs[life[names[0]].readers[0]].strides[1] == 2
        shape = common_shape([storages[name] for name in names], split=split)
        for name in names:
            found[name] = lay_out_on_chip(storages[name], shape, machine)
    for number, name in enumerate(sorted(found, key=lambda name: (life[name].first, name))):
        readers = [jobs[reader] for reader in life[name].readers]
        found[name] = _narrow(name, number, readers, storages, found, machine)
    return found


def _narrow(
    name: str,
    number: int,
    readers: Sequence[Job],
    storages: Mapping[str, Storage],
    layouts: Mapping[str, ChipLayout],
    machine: Machine,
) -> ChipLayout:
    """A layout in which each of one or two images takes one lane group, if that costs no cycle.

    It costs none where a block takes no longer than its results take to leave. ``number``: the
    first of the groups that are as good is another one for every map.
    """
    wide, images = layouts[name], storages[name].words
    if images > 2:
        return wide

    def cycles(layout: ChipLayout) -> list[tuple[int, int]]:
        """(cycles, passes) of a block of each reader."""
        chip_maps = {other: ChipMap(own, ()) for other, own in layouts.items()}
        chip_maps[name] = ChipMap(layout, ())
        found = []
        for job in readers:
            packed = pack(job, storages, machine, chip_maps)
            ways = packed, as_signs(packed, storages, machine)
            pieces = storages[job.output].pieces
            found.append(
                min(
                    (way.block_cycles(machine, pieces), way.table.block_passes)
                    for way in ways
                    if way is not None
                )
            )
        return found

    usual = [block for block, _ in cycles(wide)]
    best, fewest = wide, None
    for turn in range(0, LANE_GROUPS, images):
        layout = replace(wide, first_group=(number * images + turn) % LANE_GROUPS)
        found = cycles(layout)
        passes = sum(each for _, each in found)
        free = all(block <= before for (block, _), before in zip(found, usual, strict=True))
        if free and (fewest is None or passes < fewest):
            best, fewest = layout, passes
    return best


def _place(
    layouts: Mapping[str, ChipLayout], life: Mapping[str, Life], room: Room
) -> tuple[dict[str, ChipMap], set[str]]:
    """Places for all; where one finds none, also the names of all that are there with it."""
    chosen: dict[str, ChipMap] = {}
    for name in sorted(layouts, key=lambda name: (life[name].first, name)):
        layout, own = layouts[name], life[name]
        parts = [(layout.size, frozenset(layout.part_groups(k))) for k in range(layout.parts)]
        bases = room.take(parts, own.first, own.last)
        if not bases:
            there = {
                other
                for other in layouts
                if life[other].first <= own.last and own.first <= life[other].last
            }
            return {}, there
        chosen[name] = ChipMap(layout, tuple(bases))
    return chosen, set()


def _saved(jobs: Sequence[Job], life: Life, layout: Layout) -> int:
    """Bytes that are not written and read if a map stays."""
    name, images = layout.storage.name, layout.storage.words
    for reader in life.readers:
        images += sum(storage == name for storage, _ in jobs[reader].span.images)
    return images * layout.image_bytes


def _taken(layout: ChipLayout, life: Life) -> int:
    """Positions of a lane group that a map takes, times the jobs for which it does."""
    groups = sum(len(layout.part_groups(part)) for part in range(layout.parts))
    return layout.size * groups * (life.last - life.first + 1)
