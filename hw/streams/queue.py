"""A stream that waits, in LUT RAM with a register behind it."""

from amaranth.hdl import Module, Mux, Shape, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.memories.lut_ram import WORDS, padded


class Queue(wiring.Component):
    """Passes payloads on in order, keeping up to ``depth`` of them.

    Latency: ``latency`` = 2 cycles from an empty queue's ``i`` to its ``o``; throughput one per
    cycle, or one in every other with ``depth`` 2. A payload taken in t is at ``o`` from t + 2, or
    from the cycle after the one before it is taken there. ``i`` is ready while fewer than
    ``depth - 1`` payloads wait after the one on ``o``.

    Members
    -------
    i : ``In(stream.Signature(shape))``
    o : ``Out(stream.Signature(shape))``
        Comes from a register.
    """

    latency = 2

    def __init__(self, shape, depth: int):
        self.width = Shape.cast(shape).width
        self.depth = depth
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        places = self.depth - 1
        m.submodules.words = words = memory.Memory(
            shape=self.width, depth=1 if places == 1 else max(WORDS, places), init=[]
        )
        write, read = words.write_port(), words.read_port(domain="comb")
        written, taken = Signal(range(places)), Signal(range(places))
        level = Signal(range(places + 1))
        head = Signal(self.width, reset_less=True)
        comes, moves = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(level != places),
            comes.eq(self.i.valid & self.i.ready),
            moves.eq((level != 0) & (~self.o.valid | self.o.ready)),
            write.addr.eq(padded(written)),
            write.data.eq(self.i.payload),
            write.en.eq(comes),
            read.addr.eq(padded(taken)),
            self.o.payload.eq(head),
        ]
        m.d.sync += level.eq(level + comes - moves)
        with m.If(comes):
            m.d.sync += written.eq(Mux(written == places - 1, 0, written + 1))
        with m.If(moves):
            m.d.sync += [
                head.eq(read.data),
                taken.eq(Mux(taken == places - 1, 0, taken + 1)),
                self.o.valid.eq(1),
            ]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m
