"""A queue of a few payloads in LUT RAM."""

from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.memories.lut_ram import WORDS, padded


class ShortQueue(wiring.Component):
    """Passes payloads on in order, keeping up to ``depth`` of them, a power of two.

    Latency: ``latency`` = 1 cycle from ``i`` to ``o``; one payload per cycle. ``i.ready`` and
    ``o.valid`` come from registers, ``o.payload`` from the LUT RAM: where Amaranth's FIFO compares
    its level, this one knows the answer already.

    Members
    -------
    i : ``In(stream.Signature(shape))``
    o : ``Out(stream.Signature(shape))``
    level : ``Out(range(depth + 1))``
    """

    latency = 1

    def __init__(self, shape, depth: int):
        self.width = Shape.cast(shape).width
        self.depth = depth
        super().__init__({
            "i": In(stream.Signature(shape)),
            "o": Out(stream.Signature(shape)),
            "level": Out(range(depth + 1)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.words = words = memory.Memory(
            shape=self.width, depth=max(WORDS, self.depth), init=[]
        )
        write, read = words.write_port(), words.read_port(domain="comb")
        written, taken = Signal(range(self.depth)), Signal(range(self.depth))
        full, some = Signal(), Signal()
        comes, goes = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(~full),
            self.o.valid.eq(some),
            comes.eq(self.i.valid & ~full),
            goes.eq(self.o.ready & some),
            write.addr.eq(padded(written)),
            write.data.eq(self.i.payload),
            write.en.eq(comes),
            read.addr.eq(padded(taken)),
            self.o.payload.eq(read.data),
        ]
        with m.If(comes):
            m.d.sync += written.eq(written + 1)
        with m.If(goes):
            m.d.sync += taken.eq(taken + 1)
        with m.If(comes & ~goes):
            m.d.sync += [
                self.level.eq(self.level + 1),
                some.eq(1),
                full.eq(self.level == self.depth - 1),
            ]
        with m.Elif(goes & ~comes):
            m.d.sync += [
                self.level.eq(self.level - 1),
                some.eq(self.level != 1),
                full.eq(0),
            ]
        return m
