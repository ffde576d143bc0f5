"""Holds a LOAD back until the computes it depends on are done."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from arch.isa import Load, subset
from hw.load.read_port import ReadRequest

Transfer = subset(
    Load,
    "opcode", "rows", "beats", "destination", "row_step", "plane_stride", "odd_offset", "planes",
    "window", "groups", "code_bits", "halves", "shares",
)  # fmt: skip
"""What is left of a LOAD when its read has been asked for: where its beats go."""


class LoadGate(wiring.Component):
    """Passes a LOAD on as a read request and a transfer, in the same cycle, once

        (computed - after_compute) mod 2^16 < 2^15 and (stored - after_stored) mod 2^16 < 2^15.

    Latency 1 cycle from the latest of the LOAD's arrival and the counters'; throughput one LOAD
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
        The number of computes that it waits for: computed, or if these are, stored.
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
        computed, stored = Signal(16), Signal(16)  # how far ahead the counters are
        ready = Signal()
        here = self.loads.valid & ~self.loads.ready
        waits = computed[15] | stored[15]
        m.d.comb += [
            computed.eq(self.computed - load.after_compute),
            stored.eq(self.stored - load.after_stored),
        ]
        m.d.sync += [ready.eq(here & ~waits), self.waiting.eq(here & waits)]
        m.d.comb += self.awaited.eq(Mux(computed[15], load.after_compute, load.after_stored))

        # Both streams move together.
        m.d.comb += [
            self.requests.valid.eq(ready & self.transfers.ready),
            self.transfers.valid.eq(ready & self.requests.ready),
            self.loads.ready.eq(ready & self.requests.ready & self.transfers.ready),
        ]
        for port, layout in ((self.requests, ReadRequest), (self.transfers, Transfer)):
            m.d.comb += [port.payload[name].eq(load[name]) for name, _ in layout]
        return m
