"""Where the maps of a network have their places: on chip, or in memory and tile by tile on chip."""

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace

from arch.formats import THRESHOLD_BYTES
from arch.machine import Machine
from arch.memory import Memory
from compiler.backend.capacity import check_capacity
from compiler.backend.job import Job
from compiler.backend.lower import Lowered
from compiler.backend.on_chip.both_strides import with_second_maps
from compiler.backend.on_chip.residency import (
    Residency,
    nothing_stays,
    stay_on_chip,
    tile_rooms,
)
from compiler.backend.packing import Packed, pack
from compiler.backend.raw_sums import with_pieces
from compiler.backend.requantising.signs import as_signs, leaves_in_transfers
from compiler.backend.storage import Layout, lay_out
from compiler.backend.tiling.choose import Tilings, whole
from compiler.backend.tiling.shared import SharedTilings, runs, side_by_side
from compiler.backend.tiling.tile import Tiled
from compiler.backend.traffic import Traffic
from compiler.errors import CapacityError


@dataclass(frozen=True, eq=False)
class Arrangement:
    """A network's jobs, cut to the room that the maps which stay on chip leave them."""

    lowered: Lowered
    layouts: Mapping[str, Layout]
    residency: Residency
    tiled: list[Tiled]

    @property
    def cycles(self) -> int:
        """An estimate for a frame: that of the tilings, one job after another."""
        return sum(job.cycles for job in self.tiled)


def arrangements(
    lowered: Lowered, machine: Machine, memory: Memory, results: Set[str]
) -> list[Arrangement]:
    """Those that keep different maps on chip, and last the one that keeps none; best first.

    ``results``: tensors that the host reads. The order is by the estimate of cycles, which takes
    a fraction of the time of encoding a program. Those behind the one that keeps none are left out.
    Raises :class:`CapacityError` where some job fits in no way.
    """
    traffic = Traffic(machine, memory)
    lowered = replace(lowered, jobs=side_by_side(lowered.jobs))
    plain = _Untiled(lowered, traffic)
    nothing = plain.cut(nothing_stays(plain.lowered.jobs, machine))
    found = list(plain.with_residents(results))
    second = with_second_maps(lowered)
    if found and second is not lowered:
        found += _Untiled(second, traffic, plain).with_residents(results)
    better = [each for each in found if each.cycles < nothing.cycles]
    return [*sorted(better, key=lambda each: each.cycles), nothing]


class _Untiled:
    """Packed jobs, and how their maps lie in memory.

    ``like``: the same network with jobs that differ in part.
    """

    def __init__(self, lowered: Lowered, traffic: Traffic, like: "_Untiled | None" = None):
        machine, known = traffic.machine, like._tilings if like else {}
        #: As jobs are packed if their inputs come tile by tile.
        packed = [
            known[job].packed if job in known else pack(job, lowered.storages, machine)
            for job in lowered.jobs
        ]
        check_capacity(packed, machine)
        storages = with_pieces(lowered.storages, packed)
        self.lowered = replace(lowered, storages=storages)
        self._layouts = {name: lay_out(storage, machine) for name, storage in storages.items()}
        self._traffic = traffic
        self._tilings = {
            each.job: known.get(each.job) or Tilings(each, self._layouts, traffic)
            for each in packed
        }
        self._signed: dict[tuple[Job, bool], list[Tilings]] = {}
        self._runs = list(runs(lowered.jobs))
        self._together: dict[tuple[range, tuple[bool, ...]], SharedTilings] = {}

    def with_residents(self, results: Set[str]) -> Iterator[Arrangement]:
        """Arrangements that leave tiles less and less of the chip."""
        machine, jobs = self._traffic.machine, self.lowered.jobs
        seen = []
        for room in tile_rooms(machine):
            residency = stay_on_chip(jobs, self._layouts, machine, room, results)
            if residency.chip_maps and residency not in seen:
                seen.append(residency)
                with suppress(CapacityError):  # what is left may be too little for some job's tiles
                    yield self.cut(residency)

    def cut(self, residency: Residency) -> Arrangement:
        """Every job as tiles. Raises :class:`CapacityError` where the room for one is too small."""
        tiled = [
            self._tiled(job, residency, room)
            for job, room in zip(self.lowered.jobs, residency.rooms, strict=True)
        ]
        for numbers in self._runs:
            own = slice(numbers.start, numbers.stop)
            if all(each.halves for each in tiled[own]):
                shared = self._shared(numbers, residency)
                if shared is not None and self._cost(shared) < self._cost(tiled[own]):
                    tiled[own] = shared
        return Arrangement(self.lowered, self._layouts, residency, tiled)

    def _cost(self, tiled: Sequence[Tiled]) -> int:
        """An estimate for jobs one after another, and for their constants."""
        return sum(each.cycles + self._constants(each.packed) for each in tiled)

    def _shared(self, numbers: range, residency: Residency) -> list[Tiled] | None:
        """Jobs that look at the same places of maps in memory, in the same tiles; None if they
        cannot be."""
        jobs = [self.lowered.jobs[number] for number in numbers]
        to_chip = tuple(job.output in residency.chip_maps for job in jobs)
        key = numbers, to_chip
        if key not in self._together:
            choices = [
                [self._tilings[job], *self._sign_tilings(self._tilings[job].packed, stays)]
                for job, stays in zip(jobs, to_chip, strict=True)
            ]
            self._together[key] = SharedTilings(choices, to_chip, self._traffic, self._layouts)
        return self._together[key].best(min(residency.rooms[number] for number in numbers))

    def _tiled(self, job: Job, residency: Residency, room: int) -> Tiled:
        traffic, chip_maps = self._traffic, residency.chip_maps
        to_chip = job.output in chip_maps
        if not chip_maps.keys().isdisjoint(job.inputs):
            packed = pack(job, self.lowered.storages, traffic.machine, chip_maps)
            check_capacity([packed], traffic.machine)
            ways = [packed, *self._signs(packed, to_chip)]
            found = [whole(way, self._layouts, chip_maps, traffic) for way in ways]
        else:
            usual = self._tilings[job]
            ways = [usual, *self._sign_tilings(usual.packed, to_chip)]
            found = [way.best(room=room, to_chip=to_chip) for way in ways]
        return min(found, key=lambda tiled: self._cost([tiled]))

    def _signs(self, packed: Packed, to_chip: bool) -> Iterator[Packed]:
        """The job with its codes as signs, where that can be."""
        layout, machine = self._layouts[packed.job.output], self._traffic.machine
        if to_chip or leaves_in_transfers(layout, machine):
            signs = as_signs(packed, self.lowered.storages, machine)
            if signs is not None and signs.packing.word_count <= machine.weight_words:
                yield signs

    def _constants(self, packed: Packed) -> int:
        """Cycles of memory for weights and thresholds, where it has nothing better to do."""
        traffic, job = self._traffic, packed.job
        if not traffic.memory.shared:
            return 0
        rows = -(-job.outputs // traffic.machine.rows) * traffic.machine.rows
        size = packed.packing.word_count * traffic.machine.lanes // 8
        if not (packed.signs or job.raw):
            size += 2 * THRESHOLD_BYTES
        return traffic.bytes(rows * size)

    def _sign_tilings(self, packed: Packed, to_chip: bool) -> list[Tilings]:
        """Ways to cut it like that; they are worked out once."""
        key = packed.job, to_chip
        if key not in self._signed:
            self._signed[key] = [
                Tilings(signs, self._layouts, self._traffic)
                for signs in self._signs(packed, to_chip)
            ]
        return self._signed[key]
