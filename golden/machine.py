"""The instruction-level machine: the living definition of what a program does (docs/machine.md).

:class:`GoldenMachine` runs a program on a memory image. Hardware runs loads and computes side by
side, held back only by the counts in the instructions; a correct program gives one result whatever
the timing. :func:`check_races` runs the two extremes of timing and compares.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from zlib import crc32

import numpy as np

from arch.formats import WRITTEN_ADDRESS_BITS
from arch.isa import CHUNK_BYTES
from arch.machine import Machine
from golden.compute import Writes, captured_sums, outgoing, passes_of, positions_read
from golden.loader import ChipMemories
from golden.on_chip import ChipWrites, LateResults, check_own_input, check_sharing
from golden.program import Instruction, MachineError, fetch_program


class Schedule(Enum):
    """When loads happen among computes, and when results reach memory."""

    #: In program order; results at once.
    PROGRAM = 0
    #: Loads as early as their counts allow, results as late as these and ``after_results`` allow.
    EAGER = 1
    #: Loads only when a compute waits for them; results at once.
    LAZY = 2


@dataclass(kw_only=True)
class Statistics:
    """What a run did, in the terms of the counters in ``arch/registers.py``."""

    loads: int = 0
    computed: int = 0
    passes: int = 0
    read_beats: int = 0
    write_beats: int = 0
    write_bytes: int = 0
    #: CRC-32 of what each COMPUTE wrote.
    digests: list[int] = field(default_factory=list)


class GoldenMachine:
    """Executes programs exactly as docs/machine.md says.

    ``after_compute(index, statistics)``, if given, is called after each COMPUTE with its number;
    memory, or the chip, then holds its results (except under ``Schedule.EAGER``).
    """

    def __init__(
        self,
        machine: Machine,
        *,
        seed: int = 0,
        after_compute: Callable[[int, Statistics], None] | None = None,
    ):
        self.machine = machine
        self.chip = ChipMemories(machine, seed)
        self.after_compute = after_compute

    def run(
        self, memory: np.ndarray, program_address: int, schedule: Schedule = Schedule.PROGRAM
    ) -> Statistics:
        """Run the program at ``program_address`` to its END; ``memory`` uint8 is changed in place.

        Raises :class:`MachineError` where the program would hang or breaks a rule.
        """
        program = fetch_program(memory, program_address)
        check_sharing(program)
        statistics = Statistics(read_beats=CHUNK_BYTES // self.machine.beat_bytes)
        waiting: list[tuple[int, Writes]] = []
        late = LateResults(program)
        for instruction in ordered(program, schedule):
            if instruction.is_load:
                while waiting and waiting[0][0] < instruction.results:
                    waiting.pop(0)[1].apply(memory)
                statistics.read_beats += self.chip.load(memory, instruction)
                statistics.loads += 1
                continue
            late.before(instruction, self.chip)
            statistics.digests.append(0)
            for writes in self._compute(memory, instruction, statistics):
                statistics.digests[-1] = crc32(writes.values, statistics.digests[-1])
                if schedule is not Schedule.EAGER:
                    writes.apply(self.chip if isinstance(writes, ChipWrites) else memory)
                elif isinstance(writes, ChipWrites):
                    late.add(instruction.index, writes)
                else:
                    waiting.append((instruction.index, writes))
            statistics.computed += 1
            if self.after_compute is not None:
                self.after_compute(instruction.index, statistics)
        for _, writes in waiting:
            writes.apply(memory)
        return statistics

    def _compute(
        self, memory: np.ndarray, compute: Instruction, statistics: Statistics
    ) -> Iterator[Writes | ChipWrites]:
        fields = compute.fields
        for name in ("block_rows", "row_blocks", "row_length"):
            if not fields[name]:
                raise MachineError(f"{compute}: {name} must be at least 1")
        passes = passes_of(self.chip, compute)
        last_beat = -1
        read = positions_read(self.chip, compute, passes) if fields["on_chip"] else None
        for first, captures in captured_sums(self.chip, compute, passes):
            writes = outgoing(self.chip, compute, passes, first, captures)
            if isinstance(writes, ChipWrites):
                check_own_input(self.machine, compute, read, writes)
                yield writes
                continue
            if not writes.addresses.size:
                continue
            low, high = int(writes.addresses.min()), int(writes.addresses.max())
            if high >= min(memory.size, 1 << WRITTEN_ADDRESS_BITS):
                raise MachineError(
                    f"{compute} writes {low:#x}..{high:#x}; memory ends at {memory.size:#x}, what "
                    f"can be written at {1 << WRITTEN_ADDRESS_BITS:#x}"
                )
            beats = writes.addresses.reshape(-1) // self.machine.transfer_bytes
            statistics.write_beats += int((np.diff(beats) != 0).sum()) + int(beats[0] != last_beat)
            statistics.write_bytes += beats.size
            last_beat = int(beats[-1])
            yield writes
        statistics.passes += fields["block_rows"] * fields["row_blocks"] * len(passes)


def ordered(program: list[Instruction], schedule: Schedule) -> Iterator[Instruction]:
    """Yield the program's instructions in the order of a schedule."""
    if schedule is Schedule.PROGRAM:
        yield from program
        return
    loads = [instruction for instruction in program if instruction.is_load]
    done = 0
    for compute in (instruction for instruction in program if not instruction.is_load):
        while done < len(loads) and (
            loads[done].awaits <= compute.index
            if schedule is Schedule.EAGER
            else done < compute.awaits
        ):
            yield loads[done]
            done += 1
        yield compute
    yield from loads[done:]


def check_races(machine: Machine, memory: np.ndarray, program_address: int) -> None:
    """Raise :class:`MachineError` if the program's results depend on timing.

    Both runs start with other random bits on chip, so results that depend on words never loaded are
    found too. ``memory`` is not changed.
    """
    eager, lazy = (
        GoldenMachine(machine, seed=seed).run(memory.copy(), program_address, schedule).digests
        for seed, schedule in enumerate((Schedule.EAGER, Schedule.LAZY))
    )
    pairs = zip(eager, lazy, strict=True)
    differing = [index for index, (one, other) in enumerate(pairs) if one != other]
    if differing:
        raise MachineError(
            f"the results of {len(differing)} COMPUTEs depend on the timing of loads and computes, "
            f"first of COMPUTE {differing[0]}: a count in after_load, after_compute or "
            "after_stored is too small, after_results is missing, or words are used that were "
            "never loaded"
        )
