"""Narrow write bursts as bursts of whole beats, for a memory that knows no others."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.streams.axi import WriteBurst, write_signature
from hw.streams.short_queue import ShortQueue

OUTSTANDING = 16
"""Bursts whose address has passed and whose beats have not: one LUT RAM."""


class WholeBeats(wiring.Component):
    """Joins the beats of half a width, as a machine of 8 rows writes them, two by two.

    A burst of n halves that begins in half h becomes one of (n + h + 1) / 2 beats, rounded down,
    whose ends may have a half that is not written. Bursts of whole beats pass as they are.

    Latency: none, but for the half that is kept until the other one comes. A half or a beat per
    cycle. Addresses and answers pass in the same cycle.

    Members
    -------
    i : ``In(write_signature of WriteBurst)``
        Bursts of beats of all or half of the bytes.
    o : ``Out(write_signature)``
        The same bytes, in bursts of whole beats.
    """

    def __init__(self, data_bits: int):
        self.data_bits = data_bits
        super().__init__({
            "i": In(write_signature(data_bits, WriteBurst)),
            "o": Out(write_signature(data_bits)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o
        size = (self.data_bits // 8 - 1).bit_length()
        begun = data.StructLayout({"narrow": 1, "upper": 1})
        m.submodules.bursts = bursts = ShortQueue(begun, OUTSTANDING)

        # Addresses and answers.
        asked = i.aw.payload
        narrow, upper = asked.size != size, asked.address[size - 1]
        m.d.comb += [
            o.aw.valid.eq(i.aw.valid & bursts.i.ready),
            i.aw.ready.eq(o.aw.ready & bursts.i.ready),
            o.aw.payload.address.eq(Cat(Const(0, size), asked.address[size:])),
            o.aw.payload.length.eq(Mux(narrow, (asked.length + upper) >> 1, asked.length)),
            bursts.i.valid.eq(i.aw.valid & o.aw.ready),
            bursts.i.payload.narrow.eq(narrow),
            bursts.i.payload.upper.eq(upper),
            i.b.valid.eq(o.b.valid),
            i.b.payload.eq(o.b.payload),
            o.b.ready.eq(i.b.ready),
        ]

        # Data: a lower half waits for the upper one, if there is one.
        burst, came = bursts.o.payload, i.w.payload
        first, at_upper = Signal(init=1), Signal()
        is_upper = Mux(first, burst.upper, at_upper)
        waits = burst.narrow & ~is_upper & ~came.last
        half, strobes = len(came.data) // 2, len(came.strobe) // 2
        kept = Signal(half, reset_less=True)
        kept_strobe = Signal(strobes)  # 0 where nothing is kept
        joins = burst.narrow & is_upper
        m.d.comb += [
            o.w.valid.eq(i.w.valid & bursts.o.valid & ~waits),
            i.w.ready.eq(bursts.o.valid & (waits | o.w.ready)),
            o.w.payload.data.eq(Cat(Mux(joins, kept, came.data[:half]), came.data[half:])),
            o.w.payload.strobe.eq(
                Cat(Mux(joins, kept_strobe, came.strobe[:strobes]), came.strobe[strobes:])
            ),
            o.w.payload.last.eq(came.last),
            bursts.o.ready.eq(i.w.valid & i.w.ready & came.last),
        ]
        with m.If(i.w.valid & i.w.ready):
            m.d.sync += [
                first.eq(came.last),
                at_upper.eq(~is_upper),
                kept.eq(came.data[:half]),
                kept_strobe.eq(Mux(waits, came.strobe[:strobes], 0)),
            ]
        return m
