"""The cost model: a frame's cycles, exactly, from the program and the memory alone.

Neither machine nor memory (docs/memory.md) has any chance in it: every cycle follows from the
program. Its parts stand in the order of the data: :mod:`compiler.cost.dispatch`,
:mod:`compiler.cost.loads`, :mod:`compiler.cost.passes`, :mod:`compiler.cost.writes`. Each goes on
by itself as far as it can; they meet at the memory, :mod:`compiler.cost.port`.

    dispatch ─▶ loads: gate, read bursts ─▶ port ─▶ beats ─▶ `loads` counter ─┐
       │          ▲ computed, stored         ▲                                ▼
       └─▶ computes: columns, beats, write bursts ◀── captures ◀── passes ◀── taken
"""

from dataclasses import dataclass, field

import numpy as np

from arch.isa import Opcode
from arch.machine import Machine
from arch.memory import IDEAL, Memory
from compiler.cost.dispatch import DispatchTimes, loads_of
from compiler.cost.loads import LoadTimes
from compiler.cost.passes import PassTimes
from compiler.cost.port import Port
from compiler.cost.results import CostError, Results, results_of
from compiler.cost.tables import PassTables
from compiler.cost.writes import WriteTimes
from golden.program import Instruction, fetch_program

MOST_OUTSTANDING_READS = 16
"""Memory has room for as many addresses, so it takes each one at once."""


@dataclass(frozen=True, kw_only=True)
class ComputeCycles:
    """One COMPUTE; cycle 0 is the first one in which the machine is busy."""

    #: Cycles in which its first and its last pass are issued.
    first_pass: int
    last_pass: int
    #: Cycles in which it has been counted as computed, and as stored. Results for the chip are
    #: there as soon as they are computed.
    computed: int
    stored: int
    on_chip: bool
    passes: int
    #: Cycles that the array waited for its loads, its captures for earlier results to leave, and
    #: for room in the output buffer.
    load_wait: int
    drain_wait: int
    output_wait: int
    #: Beats that it writes.
    write_beats: int


@dataclass(frozen=True, kw_only=True)
class LoadCycles:
    """One LOAD: what it reads, and the cycles in which it asks memory and has been counted."""

    opcode: Opcode
    beats: int
    asked: int
    counted: int


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the registers of the same names show after a frame, and when each COMPUTE happens."""

    cycles: int
    passes: int
    stall_load: int
    stall_output: int
    stall_drain: int
    loader_wait: int
    loads: int
    read_beats: int
    write_beats: int
    computes: tuple[ComputeCycles, ...] = field(repr=False)
    #: In the order of the program; the first is that of its first chunk.
    load_times: tuple[LoadCycles, ...] = field(repr=False)

    @property
    def counters(self) -> dict[str, int]:
        """Every counter of :mod:`arch.registers`, by its name there."""
        names = (
            "cycles", "passes", "stall_load", "stall_output", "stall_drain", "loader_wait",
            "loads", "read_beats", "write_beats",
        )  # fmt: skip
        stored = sum(not compute.on_chip for compute in self.computes)
        done = {"computed": len(self.computes), "stored": stored}
        return {name: getattr(self, name) for name in names} | done


def predict(
    content: np.ndarray, program_address: int, machine: Machine, memory: Memory = IDEAL
) -> Prediction:
    """Predict the frame that the program at ``program_address`` of ``content`` uint8 computes.

    Only instructions and pass tables are looked at. Raises :class:`golden.program.MachineError`
    where the program would hang, :class:`CostError` where the model does not tell its cycles.
    """
    if machine.outstanding_reads > MOST_OUTSTANDING_READS:
        raise CostError(
            f"machine {machine.name!r}: the cost model knows up to {MOST_OUTSTANDING_READS} "
            f"outstanding reads, not {machine.outstanding_reads}"
        )
    program = fetch_program(content, program_address)
    chunks: list[int] = []
    dispatch = DispatchTimes(machine, program, chunks)
    port = Port(machine, memory)
    writes = WriteTimes(machine, memory, port)
    asked_loads = loads_of(machine, program, program_address)
    loads = LoadTimes(
        machine,
        memory,
        asked_loads,
        dispatch.loads,
        (writes.computed, writes.stored),
        chunks,
    )
    computes = _computes(content, program, machine)
    passes = PassTimes(computes, dispatch.computes, loads.loaded, writes)
    _run(dispatch, loads, passes, writes, port)
    # Two cycles behind the last of these the machine is done; cycles are counted from 0.
    end = max(dispatch.ends, loads.loaded[-1], writes.stored[-1], writes.computed[-1])
    issues = passes.issues
    for_memory = iter(writes.stored[1:])
    return Prediction(
        cycles=end + 2,
        passes=passes.passes,
        stall_load=sum(issue.load_wait for issue in issues),
        stall_output=sum(issue.output_wait for issue in issues),
        stall_drain=sum(issue.drain_wait for issue in issues),
        loader_wait=loads.waited,
        loads=len(loads.loaded) - 1,
        read_beats=loads.beats,
        write_beats=writes.beats,
        computes=tuple(
            ComputeCycles(
                first_pass=issue.cycle_of(0),
                last_pass=issue.last,
                computed=computed,
                stored=computed if results.on_chip else next(for_memory),
                on_chip=results.on_chip,
                passes=issue.passes,
                load_wait=issue.load_wait,
                drain_wait=issue.drain_wait,
                output_wait=issue.output_wait,
                write_beats=results.beats,
            )
            for issue, (_, results), computed in zip(
                issues, computes, writes.computed[1:], strict=True
            )
        ),
        load_times=tuple(
            LoadCycles(
                opcode=load.fields["opcode"],
                beats=load.fields["rows"] * load.fields["beats"],
                asked=asked,
                counted=counted,
            )
            for load, asked, counted in zip(
                asked_loads, dispatch.loads.taken, loads.loaded, strict=True
            )
        ),
    )


def _computes(
    content: np.ndarray, program: list[Instruction], machine: Machine
) -> list[tuple[Instruction, Results]]:
    """Return the computes, and what each writes by the table that it finds."""
    tables, found = PassTables(machine, content), []
    for instruction in program:
        fields = instruction.fields
        if fields["opcode"] is Opcode.LOAD_TABLE:
            tables.load(fields)
        elif fields["opcode"] is Opcode.COMPUTE:
            results = results_of(machine, fields, *tables.captures(instruction))
            found.append((instruction, results))
    return found


def _run(
    dispatch: DispatchTimes, loads: LoadTimes, passes: PassTimes, writes: WriteTimes, port: Port
) -> None:
    """Follow everything as far as it is known, then let memory serve a burst, until all is done.

    What is not known depends on bursts that are not served, and so comes later than the first of
    their addresses: whichever of the known addresses comes first is the first.
    """
    issue, ask = passes.issue(), loads.run()
    parts = (dispatch.run(), passes.take(), issue, ask)

    def known() -> tuple[int, ...]:
        return (
            len(dispatch.loads.entered),
            len(dispatch.computes.entered),
            len(dispatch.loads.taken),
            len(passes.issues),
            passes.captures,
            len(loads.loaded),
            len(writes.computed),
            len(writes.stored),
        )

    before: tuple[int, ...] = ()
    while True:
        # Most bursts tell something to one part only.
        while (now := known()) != before:
            before = now
            for part in parts:
                next(part, None)
        reads = loads.waiting
        if reads and (not writes.waiting or reads[0][0] <= writes.arrival):
            loads.serve(port.serve(*reads[0][:2], loads.beat_bytes, write=False))
            next(ask, None)
        elif writes.waiting:
            burst, _ = writes.waiting[0]
            writes.serve(port.serve(writes.arrival, burst.beats, burst.beat_bytes, write=True))
            next(issue, None)
        else:
            break
    if dispatch.ends is None or len(writes.computed) <= len(passes.computes):
        raise CostError("the program waits for itself: the machine would never be done")
