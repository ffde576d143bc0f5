"""The activation memory while the steps are put down: who has to wait for whom."""

from collections.abc import Iterator

import numpy as np

from arch.formats import LANE_GROUPS
from arch.isa import chip_place
from arch.machine import Machine
from compiler.backend.buffers import NOTHING
from compiler.backend.job import Job
from compiler.backend.memory import MemoryPlan
from compiler.backend.on_chip.chip_map import ChipMap
from compiler.backend.on_chip.chip_padding import padding_loads


class Activations:
    """Which compute used a place on chip last: one that a map stays at, or a tile."""

    def __init__(self, plan: MemoryPlan, machine: Machine):
        self.machine = machine
        self.chip_maps = plan.chip_maps
        self._words = {name: list(_words(chip)) for name, chip in plan.chip_maps.items()}
        self.padded_rows = plan.padded_rows
        self._turn = 0
        #: For each word of the activation memory, the last compute that used it.
        self.users = np.full((LANE_GROUPS, machine.positions), NOTHING)
        #: Storage -> the last compute that writes to it.
        self.writers: dict[str, int] = {}
        #: The results of all computes up to this one are there when the next one starts.
        self.settled = NOTHING

    def take(self, size: int, room: int) -> tuple[int, int]:
        """(base, compute to wait for) of a tile of so many of the first ``room`` positions.

        Tiles of no more than half of them go to either half in turn.
        """
        base = 0
        if size <= room // 2:
            base = self._turn * room // 2
            self._turn ^= 1
        else:
            self._turn = 0
        return base, int(self.users[:, base : base + size].max())

    def read(self, base: int, size: int, compute: int) -> None:
        """Note that a compute reads a tile."""
        self.users[:, base : base + size] = compute

    def halos(self, name: str) -> Iterator[tuple[dict, int]]:
        """The loads of what surrounds a storage, and the compute that each waits for.

        Nothing if it does not stay on chip, or has been written already.
        """
        if name not in self.chip_maps or name in self.writers:
            return
        after = int(max(self.users[words].max() for words in self._words[name]))
        for load in padding_loads(self.chip_maps[name], self.padded_rows[name], self.machine):
            yield load, after

    def waits(self, job: Job, compute: int) -> int:
        """1 if a compute, the next one, must wait until its input is written."""
        inputs = {name for name, _ in job.span.images}
        if max((self.writers.get(name, NOTHING) for name in inputs), default=0) <= self.settled:
            return 0
        self.settled = compute - 1
        return 1

    def use(self, job: Job, compute: int) -> None:
        """Note that a job's compute reads its inputs and writes its output."""
        for name in {job.output, *(name for name, _ in job.span.images)}:
            if name in self.chip_maps:
                for words in self._words[name]:
                    self.users[words] = compute
        if job.output in self.chip_maps:
            self.writers[job.output] = compute


def _words(chip: ChipMap) -> Iterator[tuple[list[int], slice]]:
    """(lane groups, positions) of each part of a map."""
    layout = chip.layout
    for part, base in enumerate(chip.bases):
        yield list(layout.part_groups(part)), slice(base, base + layout.size)


def cycles_of_a_result(fields: dict, planes: int, machine: Machine) -> int:
    """1 or 2: beats of results for the chip may come every other cycle, so two results that follow
    each other must lie in one beat, or take two cycles each (docs/machine.md, section 6)."""
    place = chip_place(fields)
    step, together = 1 + place["apart"], machine.slots // planes
    aligned = place["row_pairs"] % step == 0
    aligned &= fields["row_length"] % (4 if fields["pair"] else 2) == 0
    return 1 if aligned and together % (2 * step) == 0 else 2
