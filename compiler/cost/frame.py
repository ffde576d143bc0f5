"""The cost model: a frame's cycles, exactly, from the program alone.

The machine has no chance in it and memory is ideal (``sim/memory.v`` without stalls): every cycle
follows from the program. The model walks it once, in order, and gives every instruction its cycles:
an instruction depends only on those before it. Its parts stand in the order of the data:
:mod:`compiler.cost.loads`, :mod:`compiler.cost.passes`, :mod:`compiler.cost.writes`.

    dispatch ─▶ loads: gate, read bursts, beats ─▶ `loads` counter ──┐
       │                  ▲ computed, stored                         ▼
       └──────▶ computes ─┴── columns, beats, write bursts ◀── passes, captures
"""

from dataclasses import dataclass, field

import numpy as np
from amaranth.lib import data

from arch.isa import (
    CHUNK_BYTES,
    CHUNK_INSTRUCTIONS,
    ENTRY_BYTES,
    INSTRUCTION_BITS,
    Entry,
    Opcode,
)
from arch.machine import Machine
from compiler.cost.loads import LoadTimes, QueueTimes
from compiler.cost.passes import PassTimes, block_passes
from compiler.cost.writes import PLACED_TO_COMPUTED, CostError, WriteTimes
from golden.program import Instruction, fetch_program

READ_LATENCY = 20
WRITE_LATENCY = 4
"""Cycles of the memory that figures are given for: address to first beat, last beat to response."""
MOST_OUTSTANDING_READS = 16
"""Memory has room for as many addresses, so it takes each one at once."""


@dataclass(frozen=True, kw_only=True)
class ComputeCycles:
    """One COMPUTE; cycle 0 is the first one in which the machine is busy."""

    #: Cycles in which its first and its last pass are issued.
    first_pass: int
    last_pass: int
    #: Cycles in which it has been counted as computed, and as stored.
    computed: int
    stored: int
    passes: int
    #: Cycles that the array waited for its loads, and its captures for earlier results to leave.
    load_wait: int
    drain_wait: int


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the registers of the same names show after a frame, and when each COMPUTE happens."""

    cycles: int
    passes: int
    stall_load: int
    stall_drain: int
    loader_wait: int
    loads: int
    read_beats: int
    write_beats: int
    computes: tuple[ComputeCycles, ...] = field(repr=False)
    #: The array never waits for the output buffer: see :class:`compiler.cost.writes.WriteTimes`.
    stall_output: int = 0

    @property
    def counters(self) -> dict[str, int]:
        """Every counter of :mod:`arch.registers`, by its name there."""
        names = (
            "cycles", "passes", "stall_load", "stall_output", "stall_drain", "loader_wait",
            "loads", "read_beats", "write_beats",
        )  # fmt: skip
        done = {"computed": len(self.computes), "stored": len(self.computes)}
        return {name: getattr(self, name) for name in names} | done


class _Dispatch:
    """When instructions come, in order: ``instruction_memory``, ``dispatcher`` of hw.control."""

    def __init__(self, machine: Machine):
        words = INSTRUCTION_BITS // machine.axi_data_bits
        self._latency = words + 1
        #: Cycles in which chunks can be read.
        self.chunks: list[int] = []
        self._taken = -1

    def come(self, place: int) -> int:
        """Return the first cycle in which instruction ``place`` is there."""
        fetched = self._taken + 1
        if place % CHUNK_INSTRUCTIONS == 0:
            fetched = max(fetched, self.chunks[place // CHUNK_INSTRUCTIONS])
        return fetched + self._latency

    def take(self, cycle: int) -> None:
        self._taken = cycle


class _Tables:
    """The pass table, as far as timing goes: which passes capture, and whose results go on."""

    def __init__(self, machine: Machine, memory: np.ndarray):
        self._memory = memory
        self._beat_bytes = machine.beat_bytes
        self._captures = np.zeros(machine.table_entries, bool)
        self._leaves = np.zeros(machine.table_entries, bool)
        layout = data.Layout.cast(Entry)
        self._capture, self._pool_last = layout["capture"].offset, layout["pool_last"].offset

    def load(self, load: dict) -> None:
        start = load["address"]
        size = load["beats"] * self._beat_bytes // ENTRY_BYTES * ENTRY_BYTES
        entries = self._memory[start : start + size].reshape(-1, ENTRY_BYTES)
        bits = np.unpackbits(entries, axis=1, bitorder="little")
        at = load["destination"] + np.arange(len(entries))
        at %= self._captures.size
        self._captures[at] = bits[:, self._capture]
        self._leaves[at] = bits[:, self._pool_last]

    def captures(self, compute: Instruction) -> tuple[np.ndarray, np.ndarray]:
        """Return which passes of a block capture [n], and of these whose results go on [n].

        Where the table is run for several pairs of planes, only the last one's passes capture.
        """
        span = slice(compute.fields["table_start"], compute.fields["table_last"] + 1)
        places = np.flatnonzero(self._captures[span])
        if not places.size or not self._captures[compute.fields["table_last"]]:
            raise CostError(f"{compute}: the last pass must capture")
        before = block_passes(compute.fields) - (span.stop - span.start)
        return before + places, self._leaves[span][places]


def predict(
    memory: np.ndarray,
    program_address: int,
    machine: Machine,
    *,
    read_latency: int = READ_LATENCY,
    write_latency: int = WRITE_LATENCY,
) -> Prediction:
    """Predict the frame that the program at ``program_address`` of ``memory`` uint8 computes.

    Only instructions and pass tables are looked at. Raises :class:`golden.program.MachineError`
    where the program would hang, :class:`CostError` where the model does not tell its cycles.
    """
    if machine.outstanding_reads > MOST_OUTSTANDING_READS:
        raise CostError(
            f"machine {machine.name!r}: the cost model knows up to {MOST_OUTSTANDING_READS} "
            f"outstanding reads, not {machine.outstanding_reads}"
        )
    program = fetch_program(memory, program_address)
    dispatch, tables = _Dispatch(machine), _Tables(machine, memory)
    loads, passes = LoadTimes(machine, read_latency), PassTimes(machine)
    writes, queue = WriteTimes(machine, write_latency), QueueTimes(machine.queue_depth)
    # Cycles in which the n-th load or compute has been counted; the first is there at the start.
    loaded, computed, stored = [0], [0], [0]
    computes: list[ComputeCycles] = []

    boot = {
        "opcode": Opcode.LOAD_PROGRAM,
        "address": program_address,
        "rows": 1,
        "beats": CHUNK_BYTES // machine.beat_bytes,
        "row_bytes": 0,
    }
    dispatch.chunks.append(loads.run(boot, 0, 0))
    for instruction in program:
        fields = instruction.fields
        comes = dispatch.come(instruction.place)
        if instruction.is_load:
            entered = max(comes, loads.queue.room())
            counter = stored if fields["await_stored"] else computed
            loaded.append(loads.run(fields, entered, counter[instruction.awaits]))
            if fields["opcode"] is Opcode.LOAD_PROGRAM:
                dispatch.chunks.append(loaded[-1])
            elif fields["opcode"] is Opcode.LOAD_TABLE:
                tables.load(fields)
        else:
            entered = max(comes, queue.room())
            places, leaves = tables.captures(instruction)
            issue = passes.run(fields, places, queue.enter(entered), loaded[instruction.awaits])
            queue.take(issue.taken)
            done, kept = writes.run(fields, issue.captures[:, leaves].ravel(), issue.last)
            passes.place(issue, done - PLACED_TO_COMPUTED)
            computed.append(done)
            stored.append(kept)
            computes.append(
                ComputeCycles(
                    first_pass=issue.first,
                    last_pass=issue.last,
                    computed=done,
                    stored=kept,
                    passes=issue.passes,
                    load_wait=issue.load_wait,
                    drain_wait=issue.drain_wait,
                )
            )
        dispatch.take(entered)
    # Two cycles behind the last of these the machine is done; cycles are counted from 0.
    end = max(dispatch.come(len(program)), loaded[-1], stored[-1])
    return Prediction(
        cycles=end + 2,
        passes=passes.passes,
        stall_load=sum(compute.load_wait for compute in computes),
        stall_drain=sum(compute.drain_wait for compute in computes),
        loader_wait=loads.waited,
        loads=len(loaded) - 1,
        read_beats=loads.beats,
        write_beats=writes.beats,
        computes=tuple(computes),
    )
