"""Gives each column of sums the tag of its capture."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from arch.machine import Machine
from hw.results.capture import TAG_DEPTH, capture_tag
from hw.streams.short_queue import ShortQueue


class ResultTags(wiring.Component):
    """Counts columns, C per capture (of signs turns, ``sign_turns``), and the cycles of each
    column, sum_pieces + 1; keeps the tags of up to ``TAG_DEPTH`` captures on their way.

    The outputs belong to the column of the same cycle (latency 0). A tag must come at least 3
    cycles before its first column. One column, or chunk of one, per cycle.

    Members
    -------
    tags : ``In(stream.Signature(capture_tag))``
        Must always be ready when one comes: captures under way <= TAG_DEPTH.
    valid : ``In(1)``
        A column is here.
    tag : ``Out(capture_tag)``
    column : ``Out(range(columns))``
    chunk : ``Out(range(raw_chunks))``
        0 unless columns stay for several cycles.
    ends : ``Out(1)``
        This is its capture's last cycle.
    """

    def __init__(self, machine: Machine):
        self.machine = machine
        super().__init__({
            "tags": In(stream.Signature(capture_tag(machine))),
            "valid": In(1),
            "tag": Out(capture_tag(machine)),
            "column": Out(range(machine.columns)),
            "chunk": Out(range(machine.raw_chunks)),
            "ends": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.waiting = waiting = ShortQueue(capture_tag(self.machine), TAG_DEPTH)
        connect(m, flipped(self.tags), waiting.i)
        tagged = Signal()
        goes = Signal()  # the column's last cycle
        last = self.machine.columns - 1
        if self.machine.signs:
            last = Mux(self.tag.signs, self.machine.sign_turns - 1, last)
        m.d.comb += [
            goes.eq(self.chunk == self.tag.sum_pieces),
            self.ends.eq(self.valid & goes & (self.column == last)),
            waiting.o.ready.eq(~tagged | self.ends),
        ]
        with m.If(self.valid):
            m.d.sync += self.chunk.eq(self.chunk + 1)
            with m.If(goes):
                m.d.sync += [self.chunk.eq(0), self.column.eq(self.column + 1)]
                if self.machine.signs:
                    with m.If(self.tag.signs & (self.column == last)):
                        m.d.sync += self.column.eq(0)
        with m.If(waiting.o.ready):
            m.d.sync += [self.tag.eq(waiting.o.payload), tagged.eq(waiting.o.valid)]
        return m
