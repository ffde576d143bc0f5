"""Writes beats of weights, thresholds, pass-table entries and instructions to their memories."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import CODE_BITS, THRESHOLD_BITS
from arch.isa import CHUNK_BYTES, ENTRY_BITS, Opcode
from arch.loads import LineNumber
from arch.machine import Machine
from hw.array.carry_chain import ADD_BITS, HIGH, CarryChain
from hw.fabric import checked_fabric
from hw.load.load_walk import phase_bits
from hw.memories.weight_memory import weight_write
from hw.results.code_tables import code_write


def threshold_write(machine: Machine) -> data.StructLayout:
    """Return a write of threshold ``index`` of rows ``row``, ``row + 1``, ... of one set."""
    words = machine.axi_data_bits // THRESHOLD_BITS
    return data.StructLayout({
        "valid": 1,
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
                         made: threshold ``part`` of rows ``cursor / 2 * axi_data_bits / 32`` and up
        LOAD_TABLE       entry ``cursor``; of two beats that make one, the second writes it
        LOAD_PROGRAM     beat ``cursor`` of the chunk
        LOAD_CODES       entry ``cursor``

    Thresholds are made in the accumulators that all of them pass: a beat of bases goes there with
    the rows' flips as threshold 0, and every step of the next beat adds that to it.

    Latency 1 cycle; a step in every cycle.

    Parameters
    ----------
    fabric : "ecp5" (accumulators in carry cells), or others (plain operators)

    Members
    -------
    opcode : ``In(Opcode)``
        Others than these write nothing.
    threshold_set : ``In(1)``
    beat : ``In(axi_data_bits)``
    step : ``In(1)``
    cursor, phase : ``In``
        See :class:`hw.load.load_walk.LoadWalk`.
    makes, part : ``In``
        See :class:`hw.load.transfer_beats.TransferBeats`.
    weights : ``Out(weight_write)``
    thresholds : ``Out(threshold_write)``
    table : ``Out(table_write)``
    codes : ``Out(code_write)``
    program : ``Out(program_write)``
        ``done`` is left to whoever counts the beats.
    """

    def __init__(self, machine: Machine, fabric: str = "generic"):
        self.machine = machine
        self.fabric = checked_fabric(fabric)
        super().__init__({
            "opcode": In(Opcode),
            "threshold_set": In(1),
            "beat": In(machine.axi_data_bits),
            "step": In(1),
            "cursor": In(machine.position_bits),
            "phase": In(phase_bits(machine)),
            "makes": In(1),
            "part": In(CODE_BITS),
            "weights": Out(weight_write(machine)),
            "thresholds": Out(threshold_write(machine)),
            "table": Out(table_write(machine)),
            "codes": Out(code_write()),
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
            self.codes.data.eq(payload),
            self.program.data.eq(payload),
        ]

        words = self.thresholds.words
        adds, flips = Signal(), Signal()
        m.d.comb += adds.eq(self.makes & self.part.any())
        makes_before = Signal()
        m.d.sync += [flips.eq(self.makes & ~self.part.any()), makes_before.eq(self.makes)]
        for number in range(len(words)):
            unit = slice(number * THRESHOLD_BITS, (number + 1) * THRESHOLD_BITS)
            given = data.View(LineNumber, self.beat[unit])
            flip = data.View(LineNumber, payload[unit]).flip
            level = self._accumulator(m, f"level{number}", given, adds)
            word = Cat(Mux(flips, flip, level[0]), level[1:])
            if len(word) < self.machine.sum_bits or self.machine.wide_rows:
                # What is above whole parts comes as it is; thresholds that are made have 0 there.
                above = payload[unit][len(word) :]
                word = Cat(word, above & (~makes_before).replicate(len(above)))
            m.d.comb += words[number].eq(word)

        def step_of(opcode):
            return self.step & (self.opcode == opcode)

        entry_done = self.phase[0] if two_beats else 1
        m.d.sync += [
            self.weights.valid.eq(step_of(Opcode.LOAD_WEIGHTS)),
            self.weights.word.eq(self.cursor),
            self.weights.row.eq(self.phase * (bits // self.machine.lanes)),
            self.thresholds.valid.eq(step_of(Opcode.LOAD_THRESHOLDS)),
            self.thresholds.set.eq(self.threshold_set),
            self.thresholds.index.eq(Mux(self.makes, self.part, self.cursor)),
            self.thresholds.row.eq(Mux(self.makes, self.cursor >> 1, self.phase) * len(words)),
            self.table.valid.eq(step_of(Opcode.LOAD_TABLE) & entry_done),
            self.table.address.eq(self.cursor),
            self.codes.valid.eq(step_of(Opcode.LOAD_CODES)),
            self.codes.entry.eq(self.cursor),
            self.program.valid.eq(step_of(Opcode.LOAD_PROGRAM)),
            self.program.word.eq(self.cursor),
        ]
        return m

    def _accumulator(self, m: Module, name: str, given: data.View, adds: Value) -> Value:
        """Return the whole part of a number that becomes ``given``, or grows by it if ``adds``."""
        bits = min(self.machine.sum_bits, len(given.whole))
        given = Cat(given.fraction, given.whole[:bits])
        number = Signal(len(given), name=name, reset_less=True)
        if self.fabric != "ecp5":
            following = Mux(adds, number, 0) + given
        else:
            chain = CarryChain()
            # The chain's relay sends in no carry.
            sums = chain.adder(
                (HIGH, HIGH),
                [(ADD_BITS, given[k], HIGH, number[k], adds) for k in range(len(given))],
            )
            chain.close(m, name, wraps=True)
            following = Cat(sums)
        with m.If(self.step):
            m.d.sync += number.eq(following)
        return number[-bits:]
