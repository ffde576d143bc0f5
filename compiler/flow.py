"""The compiler from end to end: ONNX file, integer network, jobs, schedule, program image."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from arch.formats import PAGE_BYTES
from arch.machine import Machine
from arch.memory import IDEAL, Memory
from compiler.backend.capacity import check_capacity, check_codes
from compiler.backend.encode import encode_job
from compiler.backend.lower import Lowered, lower
from compiler.backend.memory import MemoryPlan, plan_memory, program_image
from compiler.backend.on_chip.both_strides import with_second_maps
from compiler.backend.on_chip.residency import (
    Residency,
    nothing_stays,
    stay_on_chip,
    tile_rooms,
)
from compiler.backend.packing import Packed, pack
from compiler.backend.program import Program, assemble
from compiler.backend.raw_sums import with_pieces
from compiler.backend.schedule import Schedule, schedule
from compiler.backend.storage import Layout, lay_out, round_up
from compiler.backend.tile import Tiled, cut, whole
from compiler.cost.frame import Prediction
from compiler.cost.segments import predict_all
from compiler.errors import CapacityError
from compiler.frontend.pipeline import read_network
from compiler.frontend.split.model import Parts, split_file
from golden.network import Network
from host.image import Image


@dataclass(frozen=True, eq=False)
class Segment:
    """What the machine runs at one go: the jobs from number ``first_job`` on, and their program."""

    first_job: int
    address: int
    schedule: Schedule
    program: Program


@dataclass(frozen=True, eq=False)
class Compiled:
    """A network on a machine with a memory: everything that a build folder is written from."""

    network: Network
    machine: Machine
    memory: Memory
    lowered: Lowered
    plan: MemoryPlan
    #: One, and one more behind every piece of the host.
    segments: tuple[Segment, ...]
    image: Image
    #: What the host computes behind it.
    parts: Parts | None = None

    @cached_property
    def computes(self) -> list[list[int]]:
        """For each of the plan's jobs, the numbers of its computes."""
        numbers: list[list[int]] = [[] for _ in self.plan.jobs]
        before = 0
        for segment in self.segments:
            for step in segment.schedule.computes:
                numbers[segment.first_job + step.job].append(before + step.ordinal)
            before += len(segment.schedule.computes)
        return numbers

    @property
    def schedule(self) -> Schedule:
        """Of the first segment."""
        return self.segments[0].schedule

    @property
    def program(self) -> Program:
        """Of the first segment."""
        return self.segments[0].program

    @cached_property
    def prediction(self) -> Prediction:
        """The cycles of a frame with this memory; the host's time is not in them."""
        addresses = [segment.address for segment in self.segments]
        return predict_all(self.image.memory(), addresses, self.machine, self.memory)


def compile_network(network: Network, machine: Machine, memory: Memory = IDEAL) -> Compiled:
    """An integer network as a program; docs/backend.md walks through the steps.

    Of the programs that keep different maps on chip it is the one of fewest cycles.
    """
    check_codes(network, machine)
    lowered = lower(network, machine)
    plain = _arranged(network, machine, memory, lowered)
    found = [plain.compiled(), *_with_residents(plain)]
    second = with_second_maps(lowered)
    if len(found) > 1 and second is not lowered:
        found += _with_residents(_arranged(network, machine, memory, second))
    return min(found, key=lambda each: each.prediction.cycles)


def _arranged(network: Network, machine: Machine, memory: Memory, lowered: Lowered) -> "_Arranged":
    """All maps in memory."""
    packed = [pack(job, lowered.storages, machine) for job in lowered.jobs]
    check_capacity(packed, machine)
    lowered = replace(lowered, storages=with_pieces(lowered.storages, packed))
    layouts = {name: lay_out(storage, machine) for name, storage in lowered.storages.items()}
    residency = nothing_stays(lowered.jobs, machine)
    return _Arranged(network, machine, memory, lowered, layouts, packed, residency)


def _with_residents(plain: "_Arranged") -> Iterator[Compiled]:
    """Programs that leave tiles less and less of the chip."""
    seen = []
    for room in tile_rooms(plain.machine):
        jobs, machine = plain.lowered.jobs, plain.machine
        results = {output.tensor for output in plain.network.outputs}
        results |= {tensor for parts in plain.lowered.read.values() for tensor, _ in parts}
        residency = stay_on_chip(jobs, plain.layouts, machine, room, results)
        if residency.chip_maps and residency not in seen:
            seen.append(residency)
            # What is left may be too little for some job's tiles, or tables be longer.
            with suppress(CapacityError):
                yield replace(plain, residency=residency).compiled()


@dataclass(frozen=True, eq=False)
class _Arranged:
    """A network whose maps have their places: on chip, or in memory and tile by tile on chip."""

    network: Network
    machine: Machine
    memory: Memory
    lowered: Lowered
    layouts: Mapping[str, Layout]
    #: All jobs as they are packed if their inputs come tile by tile.
    packed: list[Packed]
    residency: Residency

    def compiled(self) -> Compiled:
        machine, memory, storages = self.machine, self.memory, self.lowered.storages
        residency = self.residency
        tiled = map(self._tiled, self.packed, residency.rooms)
        encoded = [encode_job(job, storages, machine) for job in tiled]
        plan = plan_memory(encoded, self.layouts, machine, residency.chip_maps)
        segments = tuple(self._segments(plan))
        programs = [(segment.address, segment.program.code) for segment in segments]
        image = program_image(plan, programs, self.network.name, machine)
        return Compiled(self.network, machine, memory, self.lowered, plan, segments, image)

    def _segments(self, plan: MemoryPlan) -> Iterator[Segment]:
        """A program for each stretch of jobs in which the host does nothing."""
        machine, memory, rooms = self.machine, self.memory, self.residency.rooms
        address = plan.program_address
        for number in range(len(self.network.pieces) + 1):
            own = [k for k, placed in enumerate(plan.jobs) if placed.job.segment == number]
            first, stop = (own[0], own[-1] + 1) if own else (0, 0)
            part = replace(plan, jobs=plan.jobs[first:stop])
            steps = schedule(part, machine, memory, rooms[first:stop])
            program = assemble(steps.order, address, machine.beat_bytes)
            yield Segment(first, address, steps, program)
            address = round_up(address + len(program.code), PAGE_BYTES)

    def _tiled(self, packed: Packed, room: int) -> Tiled:
        machine, chip_maps, job = self.machine, self.residency.chip_maps, packed.job
        if job.span.images[0][0] in chip_maps:
            again = pack(job, self.lowered.storages, machine, chip_maps)
            check_capacity([again], machine)
            return whole(again, chip_maps, machine)
        on_chip = job.output in chip_maps
        return cut(packed, self.layouts, machine, self.memory, room=room, on_chip=on_chip)


def compile_file(
    path: str | Path,
    machine: Machine,
    memory: Memory = IDEAL,
    *,
    input_scale: float = 1 / 255,
) -> Compiled:
    """Read an ONNX file and compile it for ``machine`` with ``memory``: any other one will do, too,
    but the program is arranged for this one."""
    parts = split_file(path)
    network = read_network(path, input_scale=input_scale)
    # Exporters call every graph "main_graph"; the file's name says more.
    name = Path(path).stem.encode("utf-8", "replace").decode()
    compiled = compile_network(replace(network, name=name), machine, memory)
    return replace(compiled, parts=parts)
