"""The compiler from end to end: ONNX file, integer network, jobs, schedule, program image."""

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from arch.machine import Machine
from arch.memory import IDEAL, Memory
from compiler.backend.arrange import Arrangement, arrangements
from compiler.backend.capacity import check_codes
from compiler.backend.encode import encode_job
from compiler.backend.lower import Lowered, lower
from compiler.backend.memory import MemoryPlan, plan_memory, program_image
from compiler.backend.program import Program, assemble
from compiler.backend.schedule import Schedule, schedule
from compiler.cost.frame import Prediction, predict
from compiler.errors import CapacityError
from compiler.frontend.pipeline import read_network
from compiler.frontend.split.model import Parts, split_file
from golden.network import Network
from host.image import Image


@dataclass(frozen=True, eq=False)
class Compiled:
    """A network on a machine with a memory: everything that a build folder is written from."""

    network: Network
    machine: Machine
    memory: Memory
    lowered: Lowered
    plan: MemoryPlan
    schedule: Schedule
    program: Program
    image: Image
    #: What the host computes behind it.
    parts: Parts | None = None

    @cached_property
    def computes(self) -> list[list[int]]:
        """For each of the plan's jobs, the numbers of its computes."""
        numbers: list[list[int]] = [[] for _ in self.plan.jobs]
        for step in self.schedule.computes:
            numbers[step.job].append(step.ordinal)
        return numbers

    @cached_property
    def prediction(self) -> Prediction:
        """The cycles of a frame with this memory."""
        image = self.image
        return predict(image.memory(), image.program_address, self.machine, self.memory)


def compile_network(network: Network, machine: Machine, memory: Memory = IDEAL) -> Compiled:
    """An integer network as a program; docs/backend.md walks through the steps.

    Of the arrangements that keep different maps on chip it is the best one that can be encoded.
    """
    check_codes(network, machine)
    results = {output.tensor for output in network.outputs}
    *others, last = arrangements(lower(network, machine), machine, memory, results)
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
    steps = schedule(plan, machine, memory, residency.rooms)
    program = assemble(steps.order, plan.program_address, machine.beat_bytes)
    image = program_image(plan, program.code, network.name, machine)
    return Compiled(network, machine, memory, lowered, plan, steps, program, image)


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
    found = compile_network(replace(network, name=name), machine, memory)
    return replace(found, parts=parts)
