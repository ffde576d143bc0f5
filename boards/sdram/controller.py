"""The controller of an SDR SDRAM: bursts of an AXI4 port become commands at its pads."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from boards.sdram.banks import Banks
from boards.sdram.commands import Command
from boards.sdram.part import CLOSE_ALL, Part, cycles
from boards.sdram.read_data import LATE, ReadData
from boards.sdram.refresh import Refresh
from boards.sdram.segments import Segments
from boards.sdram.write_data import WriteData
from hw.streams.axi import Burst, Response, read_beat, write_beat

MOST_RESPONSES = 15
LEAST_APART = 5
PAD_CYCLES = 2
"""From a command in its register to the first word in the pads' input registers, besides the
column latency and with ``late`` 0: a register in the pads each way, and no delay between."""


class Controller(wiring.Component):
    """Serves bursts of whole beats; one column command a beat, so most cycles are free for others.

    While a segment (the part of a burst in one row) is streamed, the row of the next one is closed
    and opened if need be. A bank stays open until another of its rows is wanted, or a refresh.
    Refreshes wait for idle times, but four at most. Responses are always OKAY; a write is answered
    when its last command is issued, behind which no read can overtake it. A manager must take what
    it reads without waiting for a write: 16 beats that are not taken hold up everything.

    Latency from ``ar`` to the first beat, of an idle memory at 100 MHz, 16 bits wide and ``late``
    1: 15 cycles if the row is open, 16 if its bank is closed, 18 if another row is open there.
    Throughput: a beat in as many cycles as it has words.

    Parameters
    ----------
    beat_bits : int
        Width of the port: 2, 4 or 8 words of the memory.
    clock_mhz : float
        Of the domain ``sync``, and of the memory.

    Members
    -------
    ar, r, aw, w, b : AXI4 as a subordinate, without identifiers
        ``ready`` of ``ar``, ``aw`` and ``w`` comes from registers.
    late : ``In(range(LATE))``
        See :class:`boards.sdram.read_data.ReadData`.
    ready : ``Out(1)``
        The memory has been initialised.
    command, bank, address, mask, data_out, data_enable : ``Out``
        To the pads, all from registers; ``mask`` is DQM.
    data_in : ``In``
        From the pads.
    """

    def __init__(self, part: Part, beat_bits: int, clock_mhz: float):
        self.part, self.beat_bits = part, beat_bits
        self.times = cycles(part, clock_mhz)
        self.burst = beat_bits // part.data_bits
        # From one ACTIVATE to the next, `prepare` takes so long in any case.
        assert self.times.rrd <= LEAST_APART
        super().__init__({
            "ar": In(stream.Signature(Burst)),
            "r": Out(stream.Signature(read_beat(beat_bits))),
            "aw": In(stream.Signature(Burst)),
            "w": In(stream.Signature(write_beat(beat_bits))),
            "b": Out(stream.Signature(Response)),
            "late": In(range(LATE)),
            "ready": Out(1),
            "command": Out(Command, init=Command.NOTHING),
            "bank": Out(2),
            "address": Out(part.row_bits),
            "mask": Out(part.data_bits // 8),
            "data_out": Out(part.data_bits),
            "data_enable": Out(1),
            "data_in": In(part.data_bits),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        times, burst = self.times, self.burst
        m.submodules.segments = segments = Segments(self.part, self.beat_bits)
        m.submodules.banks = banks = Banks(self.part, times, burst)
        m.submodules.refresh = refresh = Refresh(times)
        m.submodules.reading = reading = ReadData(
            self.part.data_bits, self.beat_bits, times.cas + PAD_CYCLES
        )
        m.submodules.writing = writing = WriteData(self.part.data_bits, self.beat_bits)
        wiring.connect(m, wiring.flipped(self.ar), segments.ar)
        wiring.connect(m, wiring.flipped(self.aw), segments.aw)
        wiring.connect(m, wiring.flipped(self.w), writing.w)
        wiring.connect(m, reading.r, wiring.flipped(self.r))
        m.d.comb += [
            reading.late.eq(self.late),
            reading.words.eq(self.data_in),
            self.data_out.eq(writing.word),
            self.mask.eq(writing.mask),
            self.data_enable.eq(writing.enable),
            self.ready.eq(refresh.ready),
        ]

        # The segment that is streamed, and the one whose row is being prepared.
        now, following = Signal(segments.layout), Signal(segments.layout)
        streams, waits, begins = Signal(), Signal(), Signal()

        # ---- A column command for `now`.
        column, spacing = Signal(), Signal(range(burst))
        turning = Signal(range(times.cas + burst + 2))  # until data read have left the bus
        responses = Signal(range(MOST_RESPONSES + 1))
        may_respond = Signal(init=1)
        may_read, may_write = Signal(), Signal()
        m.d.comb += [
            may_read.eq(~now.write & reading.room),
            may_write.eq(now.write & writing.some & (turning == 0) & may_respond),
            column.eq(streams & (spacing == 0) & (may_read | may_write)),
        ]
        ends, done = Signal(), Signal()
        m.d.comb += [
            ends.eq(column & (now.count == 0)),
            done.eq(ends & now.write & now.last),
            reading.read.eq(column & ~now.write),
            reading.last.eq(ends & now.last),
            writing.take.eq(column & now.write),
            banks.read.eq(column & ~now.write),
            banks.write.eq(column & now.write),
            banks.column_bank.eq(now.bank),
        ]
        with m.If(turning != 0):
            m.d.sync += turning.eq(turning - 1)
        with m.If(column):
            m.d.sync += [
                now.count.eq(now.count - 1),
                now.column.eq(now.column + 1),
                spacing.eq(burst - 1),
            ]
            with m.If(~now.write):
                m.d.sync += turning.eq(times.cas + burst)
        with m.Elif(spacing != 0):
            m.d.sync += spacing.eq(spacing - 1)
        m.d.comb += self.b.valid.eq(responses != 0)
        m.d.sync += [
            responses.eq(responses + done - (self.b.valid & self.b.ready)),
            may_respond.eq(responses < MOST_RESPONSES - 1),
        ]

        # ---- The row of `following`: looked up, its bank closed, the row opened.
        closing, opening = Signal(), Signal()
        wait = Signal(range(max(times.rcd, times.rp)))
        m.d.comb += [banks.bank.eq(following.bank), banks.row.eq(following.row)]
        with m.If(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        with m.FSM(name="prepare"):
            with m.State("NONE"):
                m.d.comb += segments.take.eq(segments.valid & refresh.allows)
                with m.If(segments.take):
                    m.d.sync += [following.eq(segments.segment), waits.eq(1)]
                    m.next = "ASK"
            with m.State("ASK"):
                m.next = "ANSWER"
            with m.State("ANSWER"):
                with m.If(~banks.open):
                    m.next = "OPEN"
                with m.Elif(banks.hit):
                    m.next = "PREPARED"
                with m.Else():
                    m.next = "CLOSE"
            with m.State("CLOSE"):
                used = Signal()  # by the segment that is streamed
                m.d.comb += used.eq(streams & (now.bank == following.bank))
                m.d.comb += closing.eq(banks.may_close & ~used & ~column)
                with m.If(closing):
                    m.d.sync += wait.eq(times.rp - 1)
                    m.next = "OPEN"
            with m.State("OPEN"):
                m.d.comb += opening.eq((wait == 0) & ~column)
                with m.If(opening):
                    m.d.sync += wait.eq(times.rcd - 1)
                    m.next = "PREPARED"
            with m.State("PREPARED"):
                # The row is open when `wait` is 0: in the next cycle, in which a command may come.
                m.d.comb += begins.eq((~streams | ends) & (wait <= 1))
                with m.If(begins):
                    m.next = "NONE"
        with m.If(begins):
            m.d.sync += [now.eq(following), streams.eq(1), waits.eq(0)]
        with m.Elif(ends):
            m.d.sync += streams.eq(0)
        m.d.comb += [
            banks.activate.eq(opening),
            banks.precharge.eq(closing),
            banks.precharge_all.eq(refresh.closes),
            refresh.busy.eq(streams | waits | segments.valid & refresh.allows),
            refresh.may_close.eq(banks.all_may_close),
        ]

        # ---- One command a cycle.
        m.d.sync += [self.bank.eq(Mux(column, now.bank, following.bank)), self.address.eq(0)]
        m.d.sync += self.command.eq(refresh.command)
        with m.If(column):
            spare = (burst - 1).bit_length()
            m.d.sync += [
                self.command.eq(Mux(now.write, Command.WRITE, Command.READ)),
                self.address.eq(now.column << spare),
            ]
        with m.Elif(opening):
            m.d.sync += [self.command.eq(Command.ACTIVATE), self.address.eq(following.row)]
        with m.Elif(closing):
            m.d.sync += self.command.eq(Command.PRECHARGE)
        with m.Elif(refresh.closes):
            m.d.sync += self.address.eq(1 << CLOSE_ALL)
        with m.Elif(refresh.sets_mode):
            mode = times.cas << 4 | (burst - 1).bit_length()
            m.d.sync += [self.address.eq(mode), self.bank.eq(0)]
        return m
