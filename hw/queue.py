"""A stream that waits: Amaranth's FIFO with the payload's own shape."""

from amaranth.hdl import Module, Shape
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out


class Queue(wiring.Component):
    """Passes payloads on in order, keeping up to ``depth`` of them.

    Latency 2 cycles from an empty queue's ``i`` to its ``o``; throughput one per cycle. ``i`` is
    ready while fewer than ``depth - 1`` payloads wait behind the one on ``o``.

    Members
    -------
    i : ``In(stream.Signature(shape))``
    o : ``Out(stream.Signature(shape))``
        Comes from a register.
    """

    LATENCY = 2

    def __init__(self, shape, depth: int):
        self.width = Shape.cast(shape).width
        self.depth = depth
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.fifo = queue = fifo.SyncFIFOBuffered(width=self.width, depth=self.depth)
        m.d.comb += [
            queue.w_data.eq(self.i.payload),
            queue.w_en.eq(self.i.valid),
            self.i.ready.eq(queue.w_rdy),
            self.o.payload.eq(queue.r_data),
            self.o.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.o.ready),
        ]
        return m
