"""Writes transfers to memory in bursts."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import PAGE_BYTES
from arch.machine import Machine
from hw.results.write_combiner import combined_layout, transfer_layout
from hw.streams.axi import Response, WriteBurst, write_signature
from hw.streams.block_queue import BlockQueue
from hw.streams.short_queue import ShortQueue

OUTSTANDING = 16
"""Bursts whose address has been sent and that memory has not acknowledged: one LUT RAM."""


class AxiWrite(wiring.Component):
    """Forms bursts of transfers that follow each other, and sends them in order, a transfer a beat.

    Where a beat of the port has two transfers, those of a burst either follow each other, and its
    beats are as wide as they are (AxSIZE); or they ``skip`` every second one, and its beats are
    whole, each with one half written. The second transfer of a burst decides.

    A burst ends at ``write_burst`` transfers, at a multiple of 4096 bytes and at its compute's last
    one. It is announced when it is complete, and its beats follow its address.

    Timing, with memory always ready: a burst is complete in t + 1 if it ends at ``write_burst``,
    behind the last transfer of a page or at its compute's end, and its last transfer came in t,
    else in the cycle in which the next one comes; its address
    is on ``aw`` ``latency`` = 4 cycles later, its first beat on ``w`` one cycle after that or right
    behind the burst before: one beat per cycle, across bursts too, since addresses run ahead by up
    to ``OUTSTANDING`` bursts. ``stored`` has counted a compute one cycle after its last answer.

    Members
    -------
    combined : ``In(combined_layout)``
        Must not come when ``buffered`` is ``output_beats``.
    stop : ``In(1)``
        No new burst is begun; those begun are finished.
    axi : ``Out(write_signature of WriteBurst)``
    buffered : ``Out(range(output_beats + 1))``
        Transfers in the buffer.
    stored : ``Out(16)``
        Computes whose last burst has been acknowledged, modulo 2^16.
    outstanding : ``Out(range(OUTSTANDING + 1))``
        Bursts on ``aw`` and not acknowledged.
    idle : ``Out(1)``
        No burst is begun or under way.
    sent : ``Out(1)``
        A beat has been taken by memory.
    error : ``Out(1)``
        For one cycle: memory answered a burst with an error.
    """

    latency = BlockQueue.latency

    def __init__(self, machine: Machine, fabric: str):
        self.machine = machine
        self.fabric = fabric
        super().__init__({
            "combined": In(combined_layout(machine)),
            "stop": In(1),
            "axi": Out(write_signature(machine.axi_data_bits, WriteBurst)),
            "buffered": Out(range(machine.output_beats + 1)),
            "stored": Out(16),
            "outstanding": Out(range(OUTSTANDING + 1)),
            "idle": Out(1),
            "sent": Out(1),
            "error": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        machine, came = self.machine, self.combined
        length_bits = max(1, (machine.write_burst - 1).bit_length())
        low_bits, beat_bits = (
            (size - 1).bit_length() for size in (machine.transfer_bytes, machine.beat_bytes)
        )
        halved = beat_bits - low_bits  # whether a beat has two transfers
        page_bits = (PAGE_BYTES - 1).bit_length() - low_bits
        burst_layout = data.StructLayout(
            {"number": len(came.number), "length": length_bits, "whole": halved, "last": 1}
        )
        sent_layout = data.StructLayout({"length": length_bits, "whole": halved, "half": halved})
        m.submodules.beats = beats = BlockQueue(
            transfer_layout(machine), machine.output_beats, self.fabric
        )
        m.submodules.bursts = bursts = BlockQueue(burst_layout, machine.output_beats, self.fabric)
        m.submodules.sending = sending = ShortQueue(sent_layout, OUTSTANDING)
        m.submodules.lasts = lasts = ShortQueue(1, OUTSTANDING)

        # Bursts: the one that grows is written down when it is closed.
        burst = Signal(burst_layout, reset_less=True)
        opened, closing = Signal(), Signal()
        single = Signal()  # its second transfer decides
        at_page_end = Signal(reset_less=True)  # it has come to its page's last beat
        joins, skips = Signal(), Signal()
        m.d.comb += [
            skips.eq(came.skips & ~at_page_end & (single | burst.whole)),
            joins.eq(opened & ~closing & (skips | (came.follows & ~burst.whole.any()))),
            beats.write.eq(came.valid),
            beats.payload.eq(came.transfer),
            bursts.write.eq(closing | (opened & came.valid & ~joins)),
            bursts.payload.eq(burst),
            self.buffered.eq(beats.level),
        ]
        m.d.sync += closing.eq(0)
        with m.If(came.valid):
            length = Mux(joins, burst.length + 1, 0)
            m.d.sync += [
                opened.eq(1),
                single.eq(~joins),
                burst.length.eq(length),
                burst.last.eq(came.last),
                burst.whole.eq(joins & skips),
                at_page_end.eq(came.number[halved:page_bits].all()),
                closing.eq(
                    came.last | came.number[:page_bits].all() | (length == machine.write_burst - 1)
                ),
            ]
            with m.If(~joins):
                m.d.sync += burst.number.eq(came.number)
        with m.Elif(closing):
            m.d.sync += opened.eq(0)

        # AW. What is shown stays until it is taken: only that fills the queues.
        aw, w, b = self.axi.aw, self.axi.w, self.axi.b
        shown = Signal()
        may_send = sending.i.ready & lasts.i.ready & (shown | ~self.stop)
        begins = aw.valid & aw.ready
        next_burst = bursts.o.payload
        half = next_burst.number[:halved]
        m.d.sync += shown.eq(aw.valid & ~aw.ready)
        m.d.comb += [
            aw.valid.eq(bursts.o.valid & may_send),
            aw.payload.address.eq(
                Cat(
                    Const(0, low_bits),
                    half & ~next_burst.whole,
                    next_burst.number[halved:],
                )
            ),
            aw.payload.length.eq(next_burst.length),
            aw.payload.size.eq(Mux(next_burst.whole.any(), beat_bits, low_bits)),
            bursts.o.ready.eq(aw.ready & may_send),
            sending.i.payload.length.eq(next_burst.length),
            sending.i.payload.whole.eq(next_burst.whole),
            sending.i.payload.half.eq(half),
            sending.i.valid.eq(begins),
            lasts.i.payload.eq(next_burst.last),
            lasts.i.valid.eq(begins),
        ]

        # W: the transfers of the burst at the head of the queue, each in its half of a beat.
        now = sending.o.payload
        position = Signal(length_bits)
        ends = position == now.length
        place = now.half ^ (position[:halved] & ~now.whole)
        words, written = beats.o.payload.words, beats.o.payload.written
        strobes = Cat(written[i].replicate(machine.plane_bytes) for i in range(machine.slots))
        m.d.comb += [
            w.valid.eq(beats.o.valid & sending.o.valid),
            w.payload.data.eq(Cat(words).replicate(1 << halved)),
            w.payload.strobe.eq(Cat(Mux(place == part, strobes, 0) for part in range(1 << halved))),
            w.payload.last.eq(ends),
            self.sent.eq(w.valid & w.ready),
            beats.o.ready.eq(w.ready & sending.o.valid),
            sending.o.ready.eq(self.sent & ends),
        ]
        with m.If(self.sent):
            m.d.sync += position.eq(Mux(ends, 0, position + 1))

        # B.
        m.d.comb += [
            b.ready.eq(1),
            lasts.o.ready.eq(b.valid),
            self.outstanding.eq(lasts.level),
            self.idle.eq(~aw.valid & ~lasts.o.valid),
        ]
        m.d.sync += self.error.eq(
            b.valid
            & ((b.payload == Response.SUBORDINATE_ERROR) | (b.payload == Response.DECODE_ERROR))
        )
        with m.If(b.valid & lasts.o.payload):
            m.d.sync += self.stored.eq(self.stored + 1)
        return m
