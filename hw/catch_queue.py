"""A short queue behind a memory whose answers cannot be held back."""

from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.delay import delayed


class CatchQueue(wiring.Component):
    """Catches what was asked for ``delay`` cycles before, and keeps it until it is taken.

    Latency: ``latency`` = delay + 1 cycles from ``ask`` to ``o.valid``. One payload per cycle:
    ``depth`` must be more than ``delay`` + 1.

    Members
    -------
    ask : ``In(1)``
        Only while ``ready``.
    ready : ``Out(1)``
        Fewer than ``depth`` payloads have been asked for and not been taken. From a register.
    payload : ``In(shape)``
        The answer to what was asked for ``delay`` cycles before.
    o : ``Out(stream.Signature(shape))``
        The payload comes from a LUT RAM.
    """

    def __init__(self, shape, delay: int, depth: int):
        self.width = Shape.cast(shape).width
        self.delay = delay
        self.depth = depth
        self.latency = delay + 1
        super().__init__({
            "ask": In(1),
            "ready": Out(1, init=1),
            "payload": In(shape),
            "o": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.caught = caught = fifo.SyncFIFO(width=self.width, depth=self.depth)
        ahead = Signal(range(self.depth + 1))
        ahead_next = Signal.like(ahead)
        taken = self.o.valid & self.o.ready
        m.d.comb += [
            caught.w_data.eq(self.payload),
            caught.w_en.eq(delayed(m, self.ask, self.delay, "asked")),
            self.o.payload.eq(caught.r_data),
            self.o.valid.eq(caught.r_rdy),
            caught.r_en.eq(self.o.ready),
            ahead_next.eq(ahead + self.ask - taken),
        ]
        m.d.sync += [ahead.eq(ahead_next), self.ready.eq(ahead_next != self.depth)]
        return m
