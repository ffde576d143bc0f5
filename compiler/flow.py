"""The compiler from end to end: ONNX file, integer network, jobs, schedule, program image."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

from arch.errors import OnefourError
from arch.formats import PAGE_BYTES
from arch.machine import Machine
from arch.memory import IDEAL, Memory
from compiler.backend.arrange import Arrangement, arrangements
from compiler.backend.capacity import check_codes
from compiler.backend.encode import encode_job
from compiler.backend.lower import Lowered
from compiler.backend.memory import MemoryPlan, plan_memory, program_image
from compiler.backend.pictures.form import lower_picture
from compiler.backend.program import Program, assemble
from compiler.backend.schedule import Schedule, schedule
from compiler.backend.storage import round_up
from compiler.candidates.compared import with_candidates
from compiler.candidates.find import NOT_LOOKED_FOR, Found, in_heads, in_tail
from compiler.candidates.hosted import hosted, of_array
from compiler.cost.frame import Prediction
from compiler.cost.segments import predict_all
from compiler.errors import CapacityError
from compiler.frontend.pipeline import read_network
from compiler.frontend.split.model import Parts, split_file
from compiler.tail import describe_tail
from golden.network import Network
from host.candidates.records import HostHead
from host.description import Description, DescriptionError
from host.image import Image

HOST, ARRAY = "host", "array"
Heads = Literal["host", "array"] | None


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

    #: All of it, with the heads that the array does not compute.
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
    #: Where there can be boxes.
    candidates: Found = NOT_LOOKED_FOR
    #: What the host computes there, and no program.
    heads: tuple[HostHead, ...] = ()
    #: Cycles with the heads elsewhere, where that was tried, too.
    other_cycles: int | None = None

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


def compile_network(
    network: Network, machine: Machine, memory: Memory = IDEAL, *, line: bool = False
) -> Compiled:
    """An integer network as a program; docs/backend.md walks through the steps.

    ``line``: hosts send the picture over a line that is slower than the machine, so it is stored in
    the form of fewest bytes. Of the arrangements that keep different maps on chip it is the best
    one that can be encoded.
    """
    check_codes(network, machine)
    lowered = lower_picture(network, machine, memory, line=line)
    results = {*network.shown, *(output.tensor for output in network.outputs)}
    results |= {tensor for parts in lowered.read.values() for tensor, _ in parts}
    *others, last = arrangements(lowered, machine, memory, results)
    for arrangement in others:
        with suppress(CapacityError):  # second maps may ask for more memory than there is
            return compiled(network, machine, memory, arrangement)
    return compiled(network, machine, memory, last)


def compiled(
    network: Network, machine: Machine, memory: Memory, arrangement: Arrangement
) -> Compiled:
    """A network with its maps at these places."""
    lowered, residency = arrangement.lowered, arrangement.residency
    encoded = [encode_job(job, lowered.storages, machine) for job in arrangement.tiled]
    plan = plan_memory(encoded, arrangement.layouts, machine, residency.chip_maps)
    segments = tuple(segments_of(network, plan, machine, memory, residency.rooms))
    programs = [(segment.address, segment.program.code) for segment in segments]
    image = program_image(plan, programs, network.name, machine)
    return Compiled(network, machine, memory, lowered, plan, segments, image)


def segments_of(
    network: Network, plan: MemoryPlan, machine: Machine, memory: Memory, rooms: Sequence[int]
) -> Iterator[Segment]:
    """A program for each stretch of jobs in which the host does nothing."""
    address = plan.program_address
    for number in range(len(network.pieces) + 1):
        own = [k for k, placed in enumerate(plan.jobs) if placed.job.segment == number]
        first, stop = (own[0], own[-1] + 1) if own else (0, 0)
        part = replace(plan, jobs=plan.jobs[first:stop])
        steps = schedule(part, machine, memory, rooms[first:stop])
        program = assemble(steps.order, address, machine.beat_bytes)
        yield Segment(first, address, steps, program)
        address = round_up(address + len(program.code), PAGE_BYTES)


def compile_file(
    path: str | Path,
    machine: Machine,
    memory: Memory = IDEAL,
    *,
    input_scale: float = 1 / 255,
    confidence: float | None = None,
    heads: Heads = None,
    description: Description | None = None,
    line: bool = False,
) -> Compiled:
    """Read an ONNX file and compile it for ``machine`` with ``memory``: any other one will do, too,
    but the program is arranged for this one.

    With a ``confidence`` the program says where there can be boxes that score so much at least;
    ``heads``: what computes the heads' sums there, None for what leaves the array fewer cycles;
    ``description``: the side-car, which may say how boxes are decoded; ``line``: see
    :func:`compile_network`.
    """
    parts = split_file(path)
    network = read_network(path, input_scale=input_scale)
    candidates = NOT_LOOKED_FOR
    if confidence is not None:
        candidates = found_candidates(network, parts, description, confidence)
        network = with_candidates(network, candidates.maps, machine.image_channels)
    # Exporters call every graph "main_graph"; the file's name says more.
    name = Path(path).stem.encode("utf-8", "replace").decode()
    network = replace(network, name=name)
    build = partial(compile_network, machine=machine, memory=memory, line=line)
    found = with_heads(network, build, candidates, heads)
    return replace(found, parts=parts, candidates=candidates)


def with_heads(
    network: Network, build: Callable[[Network], Compiled], candidates: Found, where: Heads
) -> Compiled:
    """The network compiled with its heads on the host or on the array; see :func:`compile_file`."""
    own = () if where == ARRAY else hosted(network, candidates.maps)
    if not own and where == HOST:
        raise OnefourError(
            "--heads host: the host cannot compute last convolutions at places that can be boxes "
            f"({candidates.reason or 'none of them looks at single places'}); leave --heads out"
        )
    if not own:
        return build(network)
    there = build(of_array(network, own))
    there = replace(there, network=network, heads=own)
    if where == HOST:
        return there
    here = build(network)
    cycles = there.prediction.cycles, here.prediction.cycles
    if cycles[0] < cycles[1]:
        return replace(there, other_cycles=cycles[1])
    return replace(here, other_cycles=cycles[0])


def found_candidates(
    network: Network, parts: Parts | None, description: Description | None, confidence: float
) -> Found:
    """Where a network as it was read can have boxes, decoded as ``host.boxes`` does."""
    if description is not None and description.head is not None:
        try:
            return in_heads(network, description.head, confidence)
        except DescriptionError as error:  # whoever writes the build names the file, too
            return Found(confidence, reason=str(error))
    if parts is None:
        return Found(confidence, reason="no side-car says how its boxes are decoded")
    size = network.shape(network.input)[1:]
    boxes = describe_tail(parts, size, description).boxes
    return in_tail(network, parts.model, boxes, confidence)
