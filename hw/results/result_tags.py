"""Gives each column of sums the tag of its capture."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from arch.machine import Machine
from hw.results.capture import TAG_DEPTH, CaptureTag
from hw.streams.short_queue import ShortQueue


class ResultTags(wiring.Component):
    """Counts columns, C per capture; keeps the tags of up to ``TAG_DEPTH`` captures on their way.

    ``tag``, ``column`` and ``ends`` belong to the column of the same cycle (latency 0). A tag must
    come at least 3 cycles before its first column. One column per cycle.

    Members
    -------
    tags : ``In(stream.Signature(CaptureTag))``
        Must always be ready when one comes: captures under way <= TAG_DEPTH.
    valid : ``In(1)``
        A column is here.
    tag : ``Out(CaptureTag)``
    column : ``Out(range(columns))``
    ends : ``Out(1)``
        This column is its capture's last.
    """

    def __init__(self, machine: Machine):
        self.machine = machine
        super().__init__({
            "tags": In(stream.Signature(CaptureTag)),
            "valid": In(1),
            "tag": Out(CaptureTag),
            "column": Out(range(machine.columns)),
            "ends": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.waiting = waiting = ShortQueue(CaptureTag, TAG_DEPTH)
        connect(m, flipped(self.tags), waiting.i)
        tagged = Signal()
        m.d.comb += [
            self.ends.eq(self.valid & (self.column == self.machine.columns - 1)),
            waiting.o.ready.eq(~tagged | self.ends),
        ]
        with m.If(self.valid):
            m.d.sync += self.column.eq(self.column + 1)
        with m.If(waiting.o.ready):
            m.d.sync += [self.tag.eq(waiting.o.payload), tagged.eq(waiting.o.valid)]
        return m
