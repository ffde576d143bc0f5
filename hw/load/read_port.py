"""Cuts rows of beats into AXI4 read bursts and keeps several of them under way."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import ADDRESS_BITS, PAGE_BYTES
from arch.isa import Load, subset, width
from arch.machine import Machine
from hw.streams import axi

ReadRequest = subset(Load, "address", "rows", "beats", "row_bytes")
"""``rows`` rows of ``beats`` beats, row r from byte ``address + r * row_bytes``."""


class ReadPort(wiring.Component):
    """Reads rows of beats: a burst ends at its row's end, after ``max_burst`` beats or at 4096
    bytes.

        length = min(beats left in the row, max_burst, beats left in the page)

    Timing: let a request be taken in cycle q, and let ARVALID of its bursts rise in a(0), a(1), ...
    Then

        a(0) = q + 3;  a(n) = max(a(n - 1) + 2, cycle in which AR n - 1 was taken + 1)

    and, counting the bursts of all requests, a(n) is at least 2 cycles after the last beat of burst
    n - ``outstanding_reads`` was taken. The next request is taken in the cycle in which the last
    ARVALID of this one rises, at the earliest. Beats pass from R to ``beats`` in the same cycle.

    Members
    -------
    requests : ``In(stream.Signature(ReadRequest))``
        No field may be 0 except ``address`` and ``row_bytes``; addresses are multiples of a beat.
    beats : ``Out(stream.Signature(data_bits))``
        Beats of all requests in order.
    axi : ``Out(axi.read_signature(data_bits))``
    stop : ``In(1)``
        No burst starts any more, and the beats of those under way are thrown away.
    idle : ``Out(1)``
        No burst is under way.
    error : ``Out(1)``
        The beat taken in this cycle came with an error response.
    beat : ``Out(1)``
        A beat is taken in this cycle.
    """

    REQUEST_TO_ADDRESS = 3
    """Cycles from taking a request to its first ARVALID."""
    ADDRESS_INTERVAL = 2
    """Cycles from one burst's ARVALID to the next one's of the same request, at least."""

    def __init__(self, machine: Machine):
        self.machine = machine
        self.burst_beats = min(machine.max_burst, PAGE_BYTES // machine.beat_bytes, 256)
        super().__init__({
            "requests": In(stream.Signature(ReadRequest)),
            "beats": Out(stream.Signature(machine.axi_data_bits)),
            "axi": Out(axi.read_signature(machine.axi_data_bits)),
            "stop": In(1),
            "idle": Out(1),
            "error": Out(1),
            "beat": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        ar, r = self.axi.ar, self.axi.r
        beat_shift = (self.machine.beat_bytes - 1).bit_length()
        burst_shift = beat_shift + (self.burst_beats - 1).bit_length()

        request = Signal(ReadRequest, reset_less=True)
        address = Signal(ADDRESS_BITS, reset_less=True)
        beats_left = Signal(width(Load, "beats"), reset_less=True)
        length = Signal(range(self.burst_beats + 1), reset_less=True)
        row_ends = Signal(reset_less=True)
        shown = Signal(ar.payload.shape(), reset_less=True)
        m.d.comb += ar.payload.eq(shown)

        # Most beats from here: burst_beats, or up to the page's end in the page's last burst_beats.
        limit = Signal.like(length)
        within = address[beat_shift:burst_shift]
        m.d.comb += limit.eq(self.burst_beats)
        with m.If(address[burst_shift : (PAGE_BYTES - 1).bit_length()].all()):
            m.d.comb += limit.eq(self.burst_beats - within)

        # Bursts under way, and whether one more may start.
        under_way = Signal(range(self.machine.outstanding_reads + 1))
        room = Signal()
        starts = Signal()
        ends = r.valid & r.ready & r.payload.last
        m.d.comb += room.eq(under_way != self.machine.outstanding_reads)
        m.d.sync += under_way.eq(under_way + starts - ends)
        m.d.comb += self.idle.eq(under_way == 0)

        with m.If(ar.ready):
            m.d.sync += ar.valid.eq(0)

        next_row = Signal(ADDRESS_BITS)
        m.d.comb += next_row.eq(request.address + request.row_bytes)
        with m.FSM():
            with m.State("REQUEST"):
                m.d.comb += self.requests.ready.eq(~self.stop)
                m.d.sync += [
                    request.eq(self.requests.payload),
                    address.eq(self.requests.payload.address),
                    beats_left.eq(self.requests.payload.beats),
                ]
                with m.If(self.requests.valid & ~self.stop):
                    m.next = "LENGTH"
            with m.State("LENGTH"):
                m.d.sync += [
                    row_ends.eq(beats_left <= limit),
                    length.eq(Mux(beats_left <= limit, beats_left, limit)),
                ]
                m.next = "BURST"
            with m.State("BURST"), m.If((~ar.valid | ar.ready) & room & ~self.stop):
                m.d.comb += starts.eq(1)
                m.d.sync += [
                    ar.valid.eq(1),
                    shown.address.eq(address),
                    shown.length.eq(length - 1),
                    address.eq(address + Cat(Const(0, beat_shift), length)),
                    beats_left.eq(beats_left - length),
                ]
                m.next = "LENGTH"
                with m.If(row_ends):
                    m.d.sync += [
                        request.address.eq(next_row),
                        request.rows.eq(request.rows - 1),
                        address.eq(next_row),
                        beats_left.eq(request.beats),
                    ]
                    with m.If(request.rows == 1):
                        m.next = "REQUEST"

        m.d.comb += [
            self.beats.payload.eq(r.payload.data),
            self.beats.valid.eq(r.valid & ~self.stop),
            r.ready.eq(self.beats.ready | self.stop),
            self.beat.eq(r.valid & r.ready),
            self.error.eq(self.beat & r.payload.response.as_value()[1]),
        ]
        return m
