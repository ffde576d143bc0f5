"""Runs LOADs: reads rows of beats and writes them to the on-chip memories."""

from itertools import pairwise

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from arch.isa import Load, Opcode
from arch.machine import Machine
from hw.fabric import checked_fabric
from hw.load.load_gate import LoadGate, Transfer
from hw.load.load_walk import LoadWalk
from hw.load.picture_unpacker import PictureUnpacker
from hw.load.read_port import ReadRequest
from hw.load.slot_router import SlotRouter
from hw.load.transfer_beats import TransferBeats
from hw.load.unit_writer import UnitWriter, program_write, table_write, threshold_write
from hw.memories.activation_memory import activation_write
from hw.memories.weight_memory import weight_write
from hw.results.chip_writer import chip_words_layout
from hw.results.code_tables import code_write
from hw.streams.queue import Queue

TRANSFER_DEPTH = 8
"""LOADs whose bursts may be asked for while the beats of the first one still come."""


class Loader(wiring.Component):
    """Takes LOADs in order; docs/machine.md, section 3, says where each beat goes.

    Timing: a LOAD seen in cycle t that waits for nothing leaves its read request in t + 1 (and the
    next LOAD is seen in t + 2). A beat keeps the loader for s cycles: 1, a picture's 4, a map's
    16 / R or, where it shares, 2, and of two beats that 2^b thresholds are made of the second one
    2^b - 1 (``arch.loads.steps_of``). The first is taken at the earliest ``TRANSFER_START`` cycles
    after the request, and ``TRANSFER_GAP`` + s - 1 cycles after the last beat of the LOAD before.
    Step q = 0..s - 1 of a beat taken in T is written at the end of T + 2 + q (weights, thresholds,
    tables, program) or T + 5 + q (maps; one that shares is written in its second step). Results go
    the same way to the banks, in cycles that no map and no picture takes: they are written at the
    end of the second cycle after that.
    ``loaded`` has counted a LOAD ``LOADED`` + s - 1 cycles after its last beat was taken.

    Members
    -------
    loads : ``In(stream.Signature(Load))``
    computed, stored : ``In(16)``
        Computes whose operands have been read; computes for memory that are stored.
    requests : ``Out(stream.Signature(ReadRequest))``
    beats : ``In(stream.Signature(axi_data_bits))``
    results : ``In(stream.Signature(chip_words_layout))``
        Results for the activation memory.
    banks : ``Out(ArrayLayout(activation_write, columns))``
        Writes to the activation memory.
    weights : ``Out(weight_write)``
    thresholds : ``Out(threshold_write)``
    table : ``Out(table_write)``
    codes : ``Out(code_write)``
    program : ``Out(program_write)``
    loaded : ``Out(16)``
        LOADs whose last beat is written on chip, modulo 2^16, without the first one since reset,
        which fetches the first instructions.
    receiving : ``Out(16)``
        The number in the program (0 is the first one) of the LOAD whose beats come next.
    waiting : ``Out(1)``
        A LOAD waits for a compute.
    awaited : ``Out(16)``
        The number of computes that it waits for.
    """

    TRANSFER_START = 4
    TRANSFER_GAP = 4
    LOADED = 6

    def __init__(self, machine: Machine, fabric: str = "generic"):
        self.machine = machine
        self.fabric = checked_fabric(fabric)
        super().__init__({
            "loads": In(stream.Signature(Load)),
            "computed": In(16),
            "stored": In(16),
            "requests": Out(stream.Signature(ReadRequest)),
            "beats": In(stream.Signature(machine.axi_data_bits)),
            "results": In(stream.Signature(chip_words_layout(machine))),
            "banks": Out(data.ArrayLayout(activation_write(machine), machine.columns)),
            "weights": Out(weight_write(machine)),
            "thresholds": Out(threshold_write(machine)),
            "table": Out(table_write(machine)),
            "codes": Out(code_write()),
            "program": Out(program_write(machine)),
            "loaded": Out(16),
            "receiving": Out(16),
            "waiting": Out(1),
            "awaited": Out(16),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.gate = gate = LoadGate()
        m.submodules.transfers = transfers = Queue(Transfer, TRANSFER_DEPTH)
        m.submodules.beats = beats = TransferBeats(self.machine)
        m.submodules.walk = walk = LoadWalk(self.machine)
        m.submodules.unpacker = unpacker = PictureUnpacker(self.machine)
        m.submodules.router = router = SlotRouter(self.machine, self.fabric)
        m.submodules.units = units = UnitWriter(self.machine, self.fabric)

        # In front of the memory port.
        connect(m, flipped(self.loads), gate.loads)
        connect(m, gate.requests, flipped(self.requests))
        connect(m, gate.transfers, transfers.i)
        m.d.comb += [
            gate.computed.eq(self.computed),
            gate.stored.eq(self.stored),
            self.waiting.eq(gate.waiting),
            self.awaited.eq(gate.awaited),
        ]

        # Beats, one transfer after the other.
        transfer = beats.transfer
        is_map = transfer.opcode == Opcode.LOAD_MAP
        step = beats.step
        if self.machine.keeps_results:
            # A map that shares is written, and goes on, in the second of its two steps.
            step = beats.step & (beats.beat_done | ~is_map)
        connect(m, transfers.o, beats.transfers)
        connect(m, flipped(self.beats), beats.beats)
        m.d.comb += [
            walk.transfer.eq(transfer),
            walk.begin.eq(beats.begin),
            walk.step.eq(step),
            walk.row_last.eq(beats.row_last),
            walk.beat_done.eq(beats.beat_done),
            walk.makes.eq(beats.makes),
            self.receiving.eq(beats.receiving),
        ]

        # To the activation memory.
        to_banks = is_map | (transfer.opcode == Opcode.LOAD_PICTURE)
        groups, halves = (
            [Signal.like(transfer[name], name=f"{name}{i}") for i in range(walk.latency)]
            for name in ("groups", "halves")
        )
        m.d.sync += [
            groups[0].eq(Mux(step & to_banks, transfer.groups, 0)),
            halves[0].eq(transfer.halves),
            *(later.eq(now) for each in (groups, halves) for now, later in pairwise(each)),
        ]
        m.d.comb += [
            unpacker.beat.eq(beats.beat),
            unpacker.step.eq(beats.step),
            unpacker.phase.eq(walk.phase),
            unpacker.row_first.eq(walk.row_first),
            unpacker.picture.eq(transfer.opcode == Opcode.LOAD_PICTURE),
            unpacker.high.eq(transfer.halves == 2),
            unpacker.window.eq(transfer.window),
            router.positions.eq(walk.positions),
            router.words.eq(unpacker.words),
            router.groups.eq(groups[-1]),
            router.halves.eq(halves[-1]),
            router.written.eq(~0),
            self.banks.eq(router.banks),
        ]
        if self.machine.keeps_results:
            results = self.results
            m.d.comb += results.ready.eq(~groups[-1].any())
            with m.If(results.ready):
                m.d.comb += [
                    router.positions.eq(results.payload.positions),
                    router.words.eq(results.payload.words),
                    router.groups.eq(Mux(results.valid, results.payload.groups, 0)),
                    router.written.eq(results.payload.written),
                ]

        # Counting, when the slowest of them has written; the first LOAD since reset does not count.
        counts = Signal()
        done = Signal(self.LOADED - 2)
        program_done = Signal(self.LOADED - 2)
        ends = beats.step & beats.last & beats.beat_done
        m.d.sync += [
            done.eq(Cat(ends, done)),
            program_done.eq(Cat(ends & (transfer.opcode == Opcode.LOAD_PROGRAM), program_done)),
        ]
        with m.If(done[-1]):
            m.d.sync += [counts.eq(1), self.loaded.eq(self.loaded + counts)]

        # To the other memories.
        m.d.comb += [
            units.opcode.eq(transfer.opcode),
            units.threshold_set.eq(transfer.destination),
            units.beat.eq(beats.beat),
            units.step.eq(beats.step),
            units.makes.eq(beats.makes),
            units.part.eq(beats.part),
            units.cursor.eq(walk.cursor),
            units.phase.eq(walk.phase),
            self.weights.eq(units.weights),
            self.thresholds.eq(units.thresholds),
            self.table.eq(units.table),
            self.codes.eq(units.codes),
            self.program.eq(units.program),
            self.program.done.eq(program_done[-1]),
        ]
        return m
