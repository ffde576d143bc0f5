"""From words on the memory's wires to beats of the port."""

from amaranth.hdl import Array, Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from arch.link import READ_TIMINGS
from hw.streams.axi import read_beat
from hw.streams.short_queue import ShortQueue

DEPTH = 16
"""Beats that wait for the manager, or are under way: one LUT RAM deep."""
LATE = READ_TIMINGS
"""Choices of ``late``."""


class ReadData(wiring.Component):
    """Collects the words of each READ and keeps the beats until they are taken.

    ``latency`` is that of the way from ``read`` to the first word at ``words``, with ``late`` 0.

    Members
    -------
    read : ``In(1)``
        A READ is issued; ``last``: it is its burst's last one. Only while ``room``.
    room : ``Out(1)``
        Whether there is a place for the beat of another READ; from a register.
    late : ``In(range(LATE))``
        Cycles by which the words come later than at the earliest; constant while anything is read.
    words : ``In(data_bits)``
        A word every cycle, as the pads' registers have it.
    r : ``Out(stream.Signature(read_beat))``
    """

    def __init__(self, data_bits: int, beat_bits: int, latency: int):
        self.data_bits, self.beat_bits, self.latency = data_bits, beat_bits, latency
        super().__init__({
            "read": In(1),
            "last": In(1),
            "room": Out(1),
            "late": In(range(LATE)),
            "words": In(data_bits),
            "r": Out(stream.Signature(read_beat(beat_bits))),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        kept = data.StructLayout({"data": self.beat_bits, "last": 1})
        m.submodules.queue = queue = ShortQueue(kept, DEPTH)
        m.d.comb += [
            self.r.payload.data.eq(queue.o.payload.data),
            self.r.payload.last.eq(queue.o.payload.last),
            self.r.valid.eq(queue.o.valid),
            queue.o.ready.eq(self.r.ready),
        ]

        # Reads under way: bit i of `coming` was issued i + 1 cycles ago.
        ratio = self.beat_bits // self.data_bits
        ways = [self.latency + ratio - 1 + late for late in range(LATE)]
        coming, lasts = Signal(ways[-1]), Signal(ways[-1])
        here, here_last = Signal(), Signal()
        m.d.sync += [
            coming.eq(Cat(self.read, coming)),
            lasts.eq(Cat(self.last, lasts)),
            here.eq(Array(coming[way - 1] for way in ways)[self.late]),
            here_last.eq(Array(lasts[way - 1] for way in ways)[self.late]),
        ]
        beat = Signal(self.beat_bits, reset_less=True)
        m.d.sync += beat.eq(Cat(beat[self.data_bits :], self.words))
        m.d.comb += [
            queue.i.payload.data.eq(beat),
            queue.i.payload.last.eq(here_last),
            queue.i.valid.eq(here),
        ]

        used = Signal(range(DEPTH + 1))
        goes = Signal()
        m.d.comb += goes.eq(self.r.valid & self.r.ready)
        with m.If(self.read & ~goes):
            m.d.sync += [used.eq(used + 1), self.room.eq(used < DEPTH - 1)]
        with m.Elif(goes & ~self.read):
            m.d.sync += [used.eq(used - 1), self.room.eq(1)]
        with m.Else():
            m.d.sync += self.room.eq(used != DEPTH)
        return m
