"""Takes the beats of one transfer after the other, and holds each for its steps."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import CODE_BITS, PICTURE_STEPS
from arch.isa import Load, Opcode, width
from arch.loads import SHARED_STEPS
from arch.machine import Machine
from hw.load.load_gate import Transfer


class TransferBeats(wiring.Component):
    """Counts beats, and so knows which transfer a beat belongs to and where its rows end.

    Timing: a transfer taken in cycle t takes its first beat in t + 2 at the earliest, then one in
    every cycle in which the step before is its beat's last. The first step of a beat taken in T is
    in T + 1. The next transfer is taken 1 cycle after the last step.

    Members
    -------
    transfers : ``In(stream.Signature(Transfer))``
    beats : ``In(stream.Signature(axi_data_bits))``
    transfer : ``Out(Transfer)``
        The one at hand, from ``begin`` to its last step. Its ``rows`` count down.
    begin : ``Out(1)``
        ``transfer`` is new, and its first step is at least 2 cycles away.
    step : ``Out(1)``
        ``beat``, ``row_last`` (of its row) and ``last`` (of its transfer) are there.
    part : ``Out(CODE_BITS)``
        Of a picture or map: which step of its beat this is. Where thresholds are made: which
        threshold, 0 with the beat of bases, 1 and up with the beat of steps. Otherwise 0.
    beat_done : ``Out(1)``
        This step is its beat's last.
    makes : ``Out(1)``
        Thresholds are made from bases and steps, from ``begin`` + 1 on.
    receiving : ``Out(16)``
        The number of the transfer whose beats come next; the first one since reset does not count.
    """

    def __init__(self, machine: Machine):
        self.machine = machine
        super().__init__({
            "transfers": In(stream.Signature(Transfer)),
            "beats": In(stream.Signature(machine.axi_data_bits)),
            "transfer": Out(Transfer),
            "begin": Out(1),
            "step": Out(1),
            "beat": Out(machine.axi_data_bits),
            "row_last": Out(1),
            "last": Out(1),
            "part": Out(CODE_BITS),
            "beat_done": Out(1, init=1),
            "makes": Out(1),
            "receiving": Out(16),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        # What a transfer or a beat brings along needs no reset: `begin` and `step` have one.
        transfer = Signal(Transfer, reset_less=True)
        beat = Signal.like(self.beat, reset_less=True)
        m.d.comb += [self.transfer.eq(transfer), self.beat.eq(beat)]
        ready = Signal()
        taken = self.beats.valid & ready
        m.d.comb += self.beats.ready.eq(ready)

        # Steps: one to a beat, or several. RREADY is a register, one step ahead: it goes far.
        several = Signal()  # of the beat that comes
        before_last = Signal(CODE_BITS)
        last_comes = self.part == before_last
        with m.If(taken):
            m.d.sync += [self.step.eq(1), self.beat_done.eq(~several), self.part.eq(0)]
        with m.Elif(self.beat_done):
            m.d.sync += self.step.eq(0)
        with m.Else():
            m.d.sync += [self.part.eq(self.part + 1), self.beat_done.eq(last_comes)]

        # A beat of bases is one step, the beat of steps behind it 2^code_bits - 1.
        picture = transfer.opcode == Opcode.LOAD_PICTURE
        # A map's beat takes as many steps where it shares as where halves are written.
        shared = (transfer.opcode == Opcode.LOAD_MAP) & (
            transfer.shares if self.machine.map_steps == 1 else 1
        )
        makes = (transfer.opcode == Opcode.LOAD_THRESHOLDS) & transfer.code_bits.any()
        thresholds_left = Cat(0, (transfer.code_bits > bit for bit in range(1, CODE_BITS)))
        bases = Signal()  # had come last
        with m.If(taken & self.makes):
            m.d.sync += [bases.eq(~bases), self.part.eq(bases), several.eq(~bases & before_last[1])]

        # Beats and rows. Comparisons are made one beat ahead.
        beats_left = Signal(width(Load, "beats"), reset_less=True)
        one_beat, row_last, rows_last = Signal(), Signal(), Signal()
        last = row_last & rows_last
        with m.If(taken):
            m.d.sync += [
                beat.eq(self.beats.payload),
                self.row_last.eq(row_last),
                self.last.eq(last),
                beats_left.eq(beats_left - 1),
                row_last.eq(beats_left == 2),
            ]
            with m.If(row_last):
                m.d.sync += [
                    beats_left.eq(transfer.beats),
                    row_last.eq(one_beat),
                    transfer.rows.eq(transfer.rows - 1),
                    rows_last.eq(transfer.rows == 2),
                ]

        counts = Signal()
        with m.FSM():
            with m.State("TRANSFER"):
                m.d.comb += self.transfers.ready.eq(1)
                with m.If(self.transfers.valid):
                    m.d.sync += transfer.eq(self.transfers.payload)
                    m.next = "BEGIN"
            with m.State("BEGIN"):
                m.d.comb += self.begin.eq(1)
                m.d.sync += [
                    ready.eq(1),
                    self.makes.eq(makes),
                    bases.eq(0),
                    several.eq(picture | shared),
                    before_last.eq(thresholds_left),
                    beats_left.eq(transfer.beats),
                    one_beat.eq(transfer.beats == 1),
                    row_last.eq(transfer.beats == 1),
                    rows_last.eq(transfer.rows == 1),
                ]
                with m.If(picture):
                    m.d.sync += before_last.eq(PICTURE_STEPS - 2)
                with m.If(shared):
                    m.d.sync += before_last.eq(SHARED_STEPS - 2)
                m.next = "BEATS"
            with m.State("BEATS"):
                with m.If(taken):
                    m.d.sync += ready.eq(~several & ~last)
                with m.Elif(~self.beat_done):
                    m.d.sync += ready.eq(last_comes)
                with m.If(taken & last):
                    m.d.sync += [counts.eq(1), self.receiving.eq(self.receiving + counts)]
                    m.next = "LAST"
            with m.State("LAST"), m.If(self.beat_done):
                m.next = "TRANSFER"
        return m
