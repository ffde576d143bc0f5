"""Holds a LOAD back until the computes it depends on are done."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from arch.isa import Load, subset
from hw.load.read_port import ReadRequest

Transfer = subset(
    Load,
    "opcode", "rows", "beats", "destination", "row_step", "plane_stride", "odd_offset", "planes",
    "window", "groups", "code_bits", "halves",
)  # fmt: skip
"""What is left of a LOAD when its read has been asked for: where its beats go."""


class LoadGate(wiring.Component):
    """Passes a LOAD on as a read request and a transfer, in the same cycle, once

        ((stored if await_stored else computed) - after_compute) mod 2^16 < 2^15.

    Latency 1 cycle from the later of the LOAD's arrival and the counter's; throughput one LOAD
    every 2 cycles.

    Members
    -------
    loads : ``In(stream.Signature(Load))``
    computed : ``In(16)``
    stored : ``In(16)``
    requests : ``Out(stream.Signature(ReadRequest))``
    transfers : ``Out(stream.Signature(Transfer))``
    waiting : ``Out(1)``
        A LOAD waits for a compute (1 cycle late).
    awaited : ``Out(16)``
        The number of computes that it waits for.
    """

    latency = 1

    def __init__(self):
        super().__init__({
            "loads": In(stream.Signature(Load)),
            "computed": In(16),
            "stored": In(16),
            "requests": Out(stream.Signature(ReadRequest)),
            "transfers": Out(stream.Signature(Transfer)),
            "waiting": Out(1),
            "awaited": Out(16),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        load = self.loads.payload

        # Whether the LOAD at hand may start, one cycle late.
        counter = Mux(load.await_stored, self.stored, self.computed)
        ahead = Signal(16)
        ready = Signal()
        passes = self.loads.valid & self.loads.ready
        m.d.comb += ahead.eq(counter - load.after_compute)
        m.d.sync += [
            ready.eq(self.loads.valid & ~passes & ~ahead[15]),
            self.waiting.eq(self.loads.valid & ~passes & ahead[15]),
        ]
        m.d.comb += self.awaited.eq(load.after_compute)

        # Both streams move together.
        m.d.comb += [
            self.requests.valid.eq(ready & self.transfers.ready),
            self.transfers.valid.eq(ready & self.requests.ready),
            self.loads.ready.eq(ready & self.requests.ready & self.transfers.ready),
        ]
        for port, layout in ((self.requests, ReadRequest), (self.transfers, Transfer)):
            m.d.comb += [port.payload[name].eq(load[name]) for name, _ in layout]
        return m
