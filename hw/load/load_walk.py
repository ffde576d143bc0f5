"""Counts along a transfer's rows and says where on chip each 16-bit word of a beat goes."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import PICTURE_BITS, THRESHOLD_BITS
from arch.isa import ENTRY_BITS, Opcode, Planes
from arch.machine import Machine
from hw.load.load_gate import Transfer


def phase_bits(machine: Machine) -> int:
    """Bits of a phase: it counts the eight planes of a picture, or the beats of a weight word."""
    beats = machine.rows * machine.lanes // machine.axi_data_bits
    return (max(PICTURE_BITS, beats) - 1).bit_length()


class LoadWalk(wiring.Component):
    """Per step (S words: a beat, or a part of one), the chip position of each of its words:

        position[w] = destination + r * row_step + f(x) + i * plane_stride
        f(x) = x, or (x >> 1) + (x & 1) * odd_offset if odd_offset is not 0

    LOAD_MAP: P planes, word w is plane i = (q S + w) mod P of position x = (q S + w) / P in step q
    of its row. LOAD_PICTURE: word w of step q is plane i = (q S + w) mod 8 of pixel x = (q S + w) /
    8 of its row. Other loads: ``cursor`` and ``phase`` say which unit the beat holds, see there.

    It is computed as position[w] = (cursor + bank) + offset[w], with cursor = start of the row + x
    of the step's first word (halved for odd_offset), offset[w] constant over a transfer, and bank
    one of 0, odd_offset, 4 plane_stride and their sum, where a step starts at an odd x or at plane
    4.

    Latency 2 cycles from ``step`` to ``positions``; a step in every cycle, the first one at least 2
    cycles after ``begin``, ``begin`` at least 2 cycles after the last step.

    Members
    -------
    transfer : ``In(Transfer)``
        Must stay from ``begin`` to the last step.
    begin : ``In(1)``
    step : ``In(1)``
    row_last : ``In(1)``
        With ``step``: this beat is its row's last.
    beat_done : ``In(1)``
        With ``step``: this step is its beat's last.
    makes : ``In(1)``
        Thresholds are made from bases and steps: ``cursor`` counts beats.
    row_first : ``Out(1)``
        This step is its row's first.
    phase : ``Out(phase_bits)``
        Steps since the row's start, modulo 2^phase_bits.
    cursor : ``Out(position_bits)``
        LOAD_WEIGHTS: word; LOAD_TABLE, LOAD_CODES: entry; LOAD_THRESHOLDS: k, or beat;
        LOAD_PROGRAM: beat of the chunk.
    positions : ``Out(ArrayLayout(position_bits, slots))``
    """

    latency = 2

    def __init__(self, machine: Machine):
        self.machine = machine
        super().__init__({
            "transfer": In(Transfer),
            "begin": In(1),
            "step": In(1),
            "row_last": In(1),
            "beat_done": In(1),
            "makes": In(1),
            "row_first": Out(1),
            "phase": Out(phase_bits(machine)),
            "cursor": Out(machine.position_bits),
            "positions": Out(data.ArrayLayout(machine.position_bits, machine.slots)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        slots, bits = self.machine.slots, self.machine.position_bits
        bus = self.machine.axi_data_bits
        transfer = self.transfer
        stride = transfer.plane_stride[:bits]
        odd_offset = transfer.odd_offset[:bits]
        split = Signal()  # odd x go elsewhere
        picture = Signal()
        # Two steps to a position of 8 planes, of a picture or of a map.
        eight = (transfer.opcode == Opcode.LOAD_MAP) & (transfer.planes == Planes.EIGHT)
        halves = picture | eight
        m.d.comb += [
            split.eq(transfer.odd_offset.any()),
            picture.eq(transfer.opcode == Opcode.LOAD_PICTURE),
        ]

        # The cursor goes on by `advance` after a step whose phase has all bits of `hold` set.
        advance = Signal(range(slots + 1))
        hold = Signal.like(self.phase)
        odd_phase = Signal.like(self.phase)  # the phase bit that tells an odd x
        with m.If(self.begin):
            m.d.sync += [advance.eq(1), hold.eq(0), odd_phase.eq(0)]
            with m.Switch(transfer.opcode):
                with m.Case(Opcode.LOAD_MAP), m.Switch(transfer.planes):
                    for planes in Planes:
                        with m.Case(planes):
                            count = slots // planes.count
                            if count == 0:
                                m.d.sync += [hold.eq(Cat(1, split)), odd_phase.eq(Cat(0, split))]
                            elif count > 1:
                                m.d.sync += advance.eq(Mux(split, count // 2, count))
                            else:
                                m.d.sync += [hold.eq(split), odd_phase.eq(split)]
                with m.Case(Opcode.LOAD_PICTURE):
                    if slots < PICTURE_BITS:
                        m.d.sync += [hold.eq(Cat(1, split)), odd_phase.eq(Cat(0, split))]
                    else:
                        m.d.sync += [hold.eq(split), odd_phase.eq(split)]
                with m.Case(Opcode.LOAD_WEIGHTS):
                    m.d.sync += hold.eq(self.machine.rows * self.machine.lanes // bus - 1)
                with m.Case(Opcode.LOAD_THRESHOLDS):
                    m.d.sync += hold.eq(self.machine.rows * THRESHOLD_BITS // bus - 1)
                with m.Case(Opcode.LOAD_TABLE):
                    m.d.sync += hold.eq(ENTRY_BITS // bus - 1)

        # Along a row and from row to row.
        next_row = Signal(bits, reset_less=True)
        row_ends = Signal()
        m.d.comb += row_ends.eq(self.row_last & self.beat_done)
        with m.If(self.begin):
            placed = Signal(bits)
            with m.If(
                (transfer.opcode != Opcode.LOAD_THRESHOLDS)
                & (transfer.opcode != Opcode.LOAD_PROGRAM)
            ):
                m.d.comb += placed.eq(transfer.destination)
            m.d.sync += [
                self.phase.eq(0),
                self.row_first.eq(1),
                self.cursor.eq(placed),
                next_row.eq(placed + transfer.row_step),
            ]
        with m.Elif(self.step):
            m.d.sync += [self.phase.eq(self.phase + 1), self.row_first.eq(0)]
            held = (self.phase & hold) != hold
            with m.If(Mux(self.makes, self.beat_done, ~held)):
                m.d.sync += self.cursor.eq(self.cursor + advance)
            with m.If(row_ends):
                m.d.sync += [
                    self.phase.eq(0),
                    self.row_first.eq(1),
                    self.cursor.eq(next_row),
                    next_row.eq(next_row + transfer.row_step),
                ]

        # Constants of a transfer: f(x) of a beat's positions, i * stride, and from them the
        # offsets.
        column = [Signal(bits, name=f"column{k}", reset_less=True) for k in range(slots)]
        plane = [Signal(bits, name=f"plane{i}", reset_less=True) for i in range(slots)]
        offset = [Signal(bits, name=f"offset{w}", reset_less=True) for w in range(slots)]
        strides = [
            0,
            stride,
            stride << 1,
            stride + (stride << 1),
            stride << 2,
            stride + (stride << 2),
            (stride << 1) + (stride << 2),
            (stride << 3) - stride,
        ]
        m.d.sync += [plane[i].eq(strides[i]) for i in range(slots)]
        m.d.sync += [
            column[k].eq(Mux(split, (k >> 1) + (odd_offset if k & 1 else 0), k))
            for k in range(slots)
        ]
        with m.If(picture):
            m.d.sync += [offset[w].eq(plane[w]) for w in range(slots)]
        with m.Else(), m.Switch(transfer.planes):
            for planes in Planes:
                count = planes.count
                with m.Case(planes):
                    m.d.sync += [
                        offset[w].eq(column[w // count] + plane[w % count]) for w in range(slots)
                    ]

        # bank: where an odd x or plane 4 starts.
        upper = Signal(bits, reset_less=True)
        upper_odd = Signal(bits, reset_less=True)
        odd = Signal()
        high = Signal()
        bank = Signal(bits)
        m.d.sync += [upper.eq(stride << 2), upper_odd.eq(odd_offset + (stride << 2))]
        m.d.comb += odd.eq((self.phase & odd_phase).any())
        if slots < PICTURE_BITS:
            m.d.comb += high.eq(halves & self.phase[0])
        with m.Switch(Cat(odd, high)):
            with m.Case(0b01):
                m.d.comb += bank.eq(odd_offset)
            with m.Case(0b10):
                m.d.comb += bank.eq(upper)
            with m.Case(0b11):
                m.d.comb += bank.eq(upper_odd)

        # The pipeline.
        first = Signal(bits, reset_less=True)
        positions = Signal(self.positions.shape(), reset_less=True)
        m.d.sync += first.eq(self.cursor + bank)
        m.d.sync += [positions[w].eq(first + offset[w]) for w in range(slots)]
        m.d.comb += self.positions.eq(positions)
        return m
