"""A short queue behind a memory whose answers cannot be held back."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.streams.delay import delayed
from hw.streams.short_queue import ShortQueue


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
        self.shape = shape
        self.delay = delay
        self.depth = depth
        self.latency = delay + 1
        super().__init__({
            "ask": In(1),
            "ready": Out(1, init=1),
            "payload": In(shape),
            "o": Out(stream.Signature(shape)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.caught = caught = ShortQueue(self.shape, self.depth)
        connect(m, caught.o, flipped(self.o))
        m.d.comb += [
            caught.i.payload.eq(self.payload),
            caught.i.valid.eq(delayed(m, self.ask, self.delay, "asked")),
        ]
        ahead = Signal(range(self.depth + 1))
        taken = self.o.valid & self.o.ready
        with m.If(self.ask & ~taken):
            m.d.sync += [ahead.eq(ahead + 1), self.ready.eq(ahead != self.depth - 1)]
        with m.Elif(taken & ~self.ask):
            m.d.sync += [ahead.eq(ahead - 1), self.ready.eq(1)]
        return m
