"""Which maps stay on chip: written there by those who compute them, and never in memory.

A map can stay where all of its readers find all of their inputs on chip, and take either every
column or every second one: so the maps that are read together stay together. Among those that can,
it is a question of room: where it does not suffice, the map goes to memory that saves the fewest
bytes for the room that it takes and for how long.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from arch.machine import Machine
from compiler.backend.job import Job
from compiler.backend.on_chip.chip_map import ChipLayout, ChipMap, common_shape, lay_out_on_chip
from compiler.backend.on_chip.rectangles import Room
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
        for name in dict.fromkeys(name for name, _ in job.span.images):
            readers.setdefault(name, []).append(number)
    return {
        name: Life(tuple(writers[name]), tuple(readers[name]))
        for name in writers
        if name in readers
    }


def tile_rooms(machine: Machine) -> tuple[int, ...]:
    """How much of the activation memory tiles may be left with, in positions."""
    return machine.positions // 2, machine.positions // 4, machine.positions // 8


def stay_on_chip(
    jobs: Sequence[Job], layouts: Mapping[str, Layout], machine: Machine, tiles: int
) -> dict[str, ChipMap]:
    """The storages that stay, and where, if tiles take the first ``tiles`` positions."""
    storages = {name: layout.storage for name, layout in layouts.items()}
    life = lives(jobs)
    candidates = _candidates(jobs, storages, life, machine)
    while True:
        candidates = _read_together(jobs, candidates)
        chosen, crowded = _place(jobs, storages, life, candidates, machine, tiles)
        if not crowded:
            return chosen
        candidates.discard(
            min(crowded, key=lambda name: (_worth(jobs, life, layouts, chosen, name), name))
        )


def _candidates(
    jobs: Sequence[Job],
    storages: Mapping[str, Storage],
    life: Mapping[str, Life],
    machine: Machine,
) -> set[str]:
    """Storages that could stay if there were room and their readers' other inputs stayed, too."""
    if not machine.keeps_results:
        return set()
    # Pictures are not loaded while results go to the chip.
    first = 1 + max(
        number
        for number, job in enumerate(jobs)
        if any(storages[name].kind == "picture" for name, _ in job.span.images)
    )
    # Wide codes leave in two pieces, and what they are added to is read in turns.
    wide = {
        name
        for job in jobs
        if job.wide is not None
        for name in (job.output, *_inputs(job))
    }
    return {
        name
        for name, each in life.items()
        if each.first >= first
        and storages[name].kind == "codes"
        and name not in wide
        and _one_stride(storages[name], [jobs[reader].strides[1] for reader in each.readers])
    }


def _one_stride(storage: Storage, strides: list[int]) -> bool:
    """Whether readers take all columns, or all of them every second one of an even number."""
    return set(strides) == {1} or (set(strides) == {2} and storage.width % 2 == 0)


def _inputs(job: Job) -> list[str]:
    return list(dict.fromkeys(name for name, _ in job.span.images))


def _read_together(jobs: Iterable[Job], candidates: set[str]) -> set[str]:
    """Without those that some job reads together with maps in memory."""
    kept = set(candidates)
    while True:
        lost = {
            name
            for job in jobs
            for name in _inputs(job)
            if name in kept and not kept.issuperset(_inputs(job))
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
        names = [root(name) for name in _inputs(job) if name in candidates]
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
    return found


def _place(
    jobs: Sequence[Job],
    storages: Mapping[str, Storage],
    life: Mapping[str, Life],
    candidates: set[str],
    machine: Machine,
    tiles: int,
) -> tuple[dict[str, ChipMap], set[str]]:
    """Places for the candidates; where one finds none, also all that would be there with it."""
    room, chosen = Room(tiles, machine.positions), {}
    layouts = _layouts(jobs, storages, life, candidates, machine)
    for name in sorted(layouts, key=lambda name: (life[name].first, name)):
        layout = layouts[name]
        parts = [(layout.size, frozenset(layout.part_groups(k))) for k in range(layout.parts)]
        bases = room.take(parts, life[name].first, life[name].last)
        chosen[name] = ChipMap(layout, tuple(bases))
        if not bases:
            there = {
                other
                for other in layouts
                if life[other].first <= life[name].last and life[name].first <= life[other].last
            }
            return {other: ChipMap(layouts[other], ()) for other in layouts}, there
    return chosen, set()


def _worth(
    jobs: Sequence[Job],
    life: Mapping[str, Life],
    layouts: Mapping[str, Layout],
    chosen: Mapping[str, ChipMap],
    name: str,
) -> float:
    """Bytes that a map saves for a position and a job."""
    images = layouts[name].storage.words
    for reader in life[name].readers:
        images += sum(storage == name for storage, _ in jobs[reader].span.images)
    layout = chosen[name].layout
    area = sum(layout.size * len(layout.part_groups(part)) for part in range(layout.parts))
    time = life[name].last - life[name].first + 1
    return images * layouts[name].image_bytes / (area * time)
