"""Writes beats to memory in bursts."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import PAGE_BYTES
from arch.machine import Machine
from hw.results.write_combiner import beat_layout, combined_layout
from hw.streams.axi import Response, write_signature
from hw.streams.block_queue import BlockQueue
from hw.streams.short_queue import ShortQueue

OUTSTANDING = 16
"""Bursts whose address has been sent and that memory has not acknowledged: one LUT RAM."""


class AxiWrite(wiring.Component):
    """Forms bursts of beats that follow each other, and sends them in order.

    A burst ends at ``max_burst`` beats, at a multiple of 4096 bytes and at its compute's last beat.
    It is announced when it is complete, and its beats follow its address.

    Timing, with memory always ready: a burst is complete in t + 1 if it ends for one of the reasons
    above and its last beat came in t, else in the cycle in which the next beat comes; its address
    is on ``aw`` ``latency`` = 4 cycles later, its first beat on ``w`` one cycle after that or right
    behind the burst before: one beat per cycle, across bursts too, since addresses run ahead by up
    to ``OUTSTANDING`` bursts. ``stored`` has counted a compute one cycle after its last answer.

    Members
    -------
    combined : ``In(combined_layout)``
        Must not come when ``buffered`` is ``output_beats``.
    stop : ``In(1)``
        No new burst is begun; those begun are finished.
    axi : ``Out(write_signature)``
    buffered : ``Out(range(output_beats + 1))``
        Beats in the buffer.
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
            "axi": Out(write_signature(machine.axi_data_bits)),
            "buffered": Out(range(machine.output_beats + 1)),
            "stored": Out(16),
            "outstanding": Out(range(OUTSTANDING + 1)),
            "idle": Out(1),
            "sent": Out(1),
            "error": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        machine, beat = self.machine, self.combined
        length_bits = max(1, (machine.max_burst - 1).bit_length())
        low_bits = (machine.beat_bytes - 1).bit_length()
        page_bits = (PAGE_BYTES - 1).bit_length() - low_bits
        burst_layout = data.StructLayout(
            {"number": len(beat.number), "length": length_bits, "upper_half": 1, "last": 1}
        )
        sent_layout = data.StructLayout({"length": length_bits, "upper_half": 1})
        m.submodules.beats = beats = BlockQueue(
            beat_layout(machine), machine.output_beats, self.fabric
        )
        m.submodules.bursts = bursts = BlockQueue(burst_layout, machine.output_beats, self.fabric)
        m.submodules.sending = sending = ShortQueue(sent_layout, OUTSTANDING)
        m.submodules.lasts = lasts = ShortQueue(1, OUTSTANDING)

        # Bursts: the one that grows is written down when it is closed.
        burst = Signal(burst_layout, reset_less=True)
        opened, closing = Signal(), Signal()
        joins = Signal()
        m.d.comb += [
            joins.eq(opened & ~closing & beat.follows),
            beats.write.eq(beat.valid),
            beats.payload.eq(beat.beat),
            bursts.write.eq(closing | (opened & beat.valid & ~joins)),
            bursts.payload.eq(burst),
            self.buffered.eq(beats.level),
        ]
        m.d.sync += closing.eq(0)
        with m.If(beat.valid):
            length = Mux(joins, burst.length + 1, 0)
            m.d.sync += [
                opened.eq(1),
                burst.length.eq(length),
                burst.last.eq(beat.last),
                closing.eq(
                    beat.last | beat.number[:page_bits].all() | (length == machine.max_burst - 1)
                ),
            ]
            with m.If(~joins):
                m.d.sync += [burst.number.eq(beat.number), burst.upper_half.eq(beat.upper_half)]
        with m.Elif(closing):
            m.d.sync += opened.eq(0)

        # AW. What is shown stays until it is taken: only that fills the queues.
        aw, w, b = self.axi.aw, self.axi.w, self.axi.b
        shown = Signal()
        may_send = sending.i.ready & lasts.i.ready & (shown | ~self.stop)
        begins = aw.valid & aw.ready
        m.d.sync += shown.eq(aw.valid & ~aw.ready)
        m.d.comb += [
            aw.valid.eq(bursts.o.valid & may_send),
            aw.payload.address.eq(Cat(Const(0, low_bits), bursts.o.payload.number)),
            aw.payload.length.eq(bursts.o.payload.length),
            bursts.o.ready.eq(aw.ready & may_send),
            sending.i.payload.length.eq(bursts.o.payload.length),
            sending.i.payload.upper_half.eq(bursts.o.payload.upper_half),
            sending.i.valid.eq(begins),
            lasts.i.payload.eq(bursts.o.payload.last),
            lasts.i.valid.eq(begins),
        ]

        # W: the beats of the burst at the head of the queue.
        position = Signal(length_bits)
        ends = position == sending.o.payload.length
        m.d.comb += [
            w.valid.eq(beats.o.valid & sending.o.valid),
            w.payload.data.eq(
                Cat(
                    beats.o.payload.words[i].replicate(machine.group_lanes // machine.rows)
                    for i in range(machine.slots)
                )
            ),
            w.payload.last.eq(ends),
            self.sent.eq(w.valid & w.ready),
            beats.o.ready.eq(w.ready & sending.o.valid),
            sending.o.ready.eq(self.sent & ends),
        ]
        for i in range(machine.slots):
            written = beats.o.payload.written[i]
            if machine.rows < machine.group_lanes:
                upper = sending.o.payload.upper_half
                m.d.comb += w.payload.strobe[2 * i : 2 * i + 2].eq(
                    Cat(written & ~upper, written & upper)
                )
            else:
                m.d.comb += w.payload.strobe[2 * i : 2 * i + 2].eq(written.replicate(2))
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
