"""Writes beats of weights, thresholds, pass-table entries and instructions to their memories."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import CODE_BITS, THRESHOLD_BITS
from arch.isa import CHUNK_BYTES, ENTRY_BITS, Opcode
from arch.loads import LINE_BITS, Line
from arch.machine import Machine
from hw.memories.weight_memory import weight_write


def threshold_write(machine: Machine) -> data.StructLayout:
    """Return a write of threshold ``index`` of rows ``row``, ``row + 1``, ... of one set: those of
    them that are enabled."""
    words = machine.axi_data_bits // THRESHOLD_BITS
    return data.StructLayout({
        "enables": words,
        "set": 1,
        "index": CODE_BITS,
        "row": range(machine.rows),
        "words": data.ArrayLayout(unsigned(THRESHOLD_BITS), words),
    })  # fmt: skip


def table_write(machine: Machine) -> data.StructLayout:
    """Return a write of one entry of the pass table."""
    return data.StructLayout({"valid": 1, "address": machine.table_bits, "data": ENTRY_BITS})


def program_write(machine: Machine) -> data.StructLayout:
    """Return a write of beat ``word`` of the next chunk; ``done`` follows the chunk's last one."""
    return data.StructLayout({
        "valid": 1,
        "word": range(CHUNK_BYTES // machine.beat_bytes),
        "data": machine.axi_data_bits,
        "done": 1,
    })  # fmt: skip


class UnitWriter(wiring.Component):
    """Cuts a beat into units and says where they go:

        LOAD_WEIGHTS     word ``cursor``, row ``phase * axi_data_bits / 64``
        LOAD_THRESHOLDS  threshold ``cursor``, row ``phase * axi_data_bits / 32`` (modulo rows)
                         stepped: threshold ``part`` of rows ``cursor * axi_data_bits / 64`` and up
        LOAD_TABLE       entry ``cursor``; of two beats that make one, the second writes it
        LOAD_PROGRAM     beat ``cursor`` of the chunk

    The lines of a beat are its first thresholds; each step after that adds the steps in place.

    Latency 1 cycle; a step in every cycle.

    Members
    -------
    opcode : ``In(Opcode)``
        Others than these write nothing.
    threshold_set : ``In(1)``
    beat : ``In(axi_data_bits)``
    step : ``In(1)``
    cursor, phase : ``In``
        See :class:`hw.load.load_walk.LoadWalk`.
    stepped, part : ``In``
        See :class:`hw.load.transfer_beats.TransferBeats`.
    weights : ``Out(weight_write)``
    thresholds : ``Out(threshold_write)``
    table : ``Out(table_write)``
    program : ``Out(program_write)``
        ``done`` is left to whoever counts the beats.
    """

    def __init__(self, machine: Machine):
        self.machine = machine
        super().__init__({
            "opcode": In(Opcode),
            "threshold_set": In(1),
            "beat": In(machine.axi_data_bits),
            "step": In(1),
            "cursor": In(machine.position_bits),
            "phase": In(3),
            "stepped": In(1),
            "part": In(CODE_BITS),
            "weights": Out(weight_write(machine)),
            "thresholds": Out(threshold_write(machine)),
            "table": Out(table_write(machine)),
            "program": Out(program_write(machine)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        bits = self.machine.axi_data_bits

        # One register of data, of which each memory takes its view.
        payload = Signal(bits, reset_less=True)
        before = Signal(bits, reset_less=True)
        with m.If(self.step):
            m.d.sync += [payload.eq(self.beat), before.eq(payload)]
        two_beats = bits < ENTRY_BITS
        m.d.comb += [
            self.weights.data.eq(payload),
            self.table.data.eq(Cat(before, payload) if two_beats else payload),
            self.program.data.eq(payload),
        ]

        def step_of(opcode):
            return self.step & (self.opcode == opcode)

        # Lines: the first step writes their flips, and every later one adds the steps to the
        # bases, of all rows in the beat at once.
        lines = [
            data.View(Line, payload[at : at + LINE_BITS]) for at in range(0, bits, LINE_BITS)
        ]
        opening, flips = Signal(), Signal()
        m.d.comb += opening.eq(~self.part.any())
        for line in lines:
            base = Cat(line.fraction, line.whole[: self.machine.sum_bits])
            with m.If(self.step & self.stepped & ~opening):
                m.d.sync += base.eq(base + line.step)
        words = self.thresholds.words
        m.d.sync += flips.eq(self.stepped & opening)
        for number in range(len(words)):
            line = lines[number % len(lines)]
            m.d.comb += words[number].eq(
                Mux(self.stepped, line.whole, payload[number * THRESHOLD_BITS :][:THRESHOLD_BITS])
            )
            with m.If(flips):
                m.d.comb += words[number][0].eq(line.flip)
        # Rows of which a beat has the thresholds, and of which it has the lines.
        groups = len(words) // len(lines)
        group = self.cursor[: (groups - 1).bit_length()]
        rows = self.cursor[len(group) :]
        enables = Cat(number // len(lines) == group for number in range(len(words)))

        entry_done = self.phase[0] if two_beats else 1
        m.d.sync += [
            self.weights.valid.eq(step_of(Opcode.LOAD_WEIGHTS)),
            self.weights.word.eq(self.cursor),
            self.weights.row.eq(self.phase * (bits // self.machine.lanes)),
            self.thresholds.enables.eq(
                Mux(self.stepped, enables, (1 << len(words)) - 1)
                & step_of(Opcode.LOAD_THRESHOLDS).replicate(len(words))
            ),
            self.thresholds.set.eq(self.threshold_set),
            self.thresholds.index.eq(Mux(self.stepped, self.part, self.cursor)),
            self.thresholds.row.eq(Mux(self.stepped, rows, self.phase) * len(words)),
            self.table.valid.eq(step_of(Opcode.LOAD_TABLE) & entry_done),
            self.table.address.eq(self.cursor),
            self.program.valid.eq(step_of(Opcode.LOAD_PROGRAM)),
            self.program.word.eq(self.cursor),
        ]
        return m
