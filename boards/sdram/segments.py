"""Chooses the burst that is served next, and cuts it where a row of the memory ends."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from boards.sdram.part import BANKS, Part
from hw.streams.axi import Burst

BANK_BITS = (BANKS - 1).bit_length()
GROUP = 8
"""Bursts of one kind in a row while the other kind waits: turning the bus round costs cycles."""


def segment_layout(part: Part, beat_bits: int) -> data.StructLayout:
    """Beats of one row: ``last`` of its burst, or not; ``count`` is their number less one.

    ``column`` is that of the first beat, in beats.
    """
    spare = (beat_bits // part.data_bits - 1).bit_length()
    return data.StructLayout({
        "column": part.column_bits - spare,
        "bank": BANK_BITS,
        "row": part.row_bits,
        "count": 8,
        "write": 1,
        "last": 1,
    })  # fmt: skip


class Segments(wiring.Component):
    """Bursts of both kinds to segments, each in one row of one bank.

    Consecutive rows are in consecutive banks, so that the next one can be opened while one is
    streamed. Bursts of one kind follow each other while there are any, but at most ``GROUP`` when
    the other kind waits. ``ar.ready`` and ``aw.ready`` come from registers.

    Latency: 1 cycle from a burst to its first segment; one burst every two cycles.

    Members
    -------
    ar, aw : ``In(stream.Signature(Burst))``
        Address bits that the memory does not have are left out.
    segment : ``Out(segment_layout)``
        What comes next as things are: it may change as long as it is not taken.
    valid : ``Out(1)``
    take : ``In(1)``
        Only while ``valid``.
    """

    latency = 1

    def __init__(self, part: Part, beat_bits: int):
        self.layout = segment_layout(part, beat_bits)
        self.unused = (beat_bits // 8 - 1).bit_length()
        super().__init__({
            "ar": In(stream.Signature(Burst)),
            "aw": In(stream.Signature(Burst)),
            "segment": Out(self.layout),
            "valid": Out(1),
            "take": In(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        fields = self.layout
        column_bits = fields["column"].width
        place_bits = column_bits + fields["bank"].width + fields["row"].width

        # A burst of each kind: its next beat's place, and its beats less one.
        valid = {kind: Signal(name=f"{kind}_valid") for kind in ("ar", "aw")}
        place = {kind: Signal(place_bits, name=f"{kind}_place") for kind in valid}
        left = {kind: Signal(8, name=f"{kind}_left") for kind in valid}
        for kind in valid:
            port = getattr(self, kind)
            m.d.comb += port.ready.eq(~valid[kind])
            with m.If(port.valid & ~valid[kind]):
                m.d.sync += [
                    valid[kind].eq(1),
                    place[kind].eq(port.payload.address >> self.unused),
                    left[kind].eq(port.payload.length),
                ]

        # The kind that goes on. A cut burst is finished before all others.
        write, begun = Signal(), Signal()
        run = Signal(range(GROUP))
        same, other = Mux(write, valid["aw"], valid["ar"]), Mux(write, valid["ar"], valid["aw"])
        turn = Signal()
        m.d.comb += turn.eq(~begun & other & (~same | (run == GROUP - 1)))
        chosen = Signal()
        m.d.comb += chosen.eq(write ^ turn)

        here, count = Signal(place_bits), Signal(8)
        m.d.comb += [
            here.eq(Mux(chosen, place["aw"], place["ar"])),
            count.eq(Mux(chosen, left["aw"], left["ar"])),
        ]
        to_end = Signal(column_bits)  # beats of this row behind the first one
        beyond = Signal(range(-(1 << column_bits), 256))
        cut = Signal()
        m.d.comb += [
            to_end.eq(~here[:column_bits]),
            beyond.eq(count - to_end - 1),
            cut.eq(beyond >= 0),
            Cat(self.segment.column, self.segment.bank, self.segment.row).eq(here),
            self.segment.count.eq(Mux(cut, to_end, count)),
            self.segment.write.eq(chosen),
            self.segment.last.eq(~cut),
            self.valid.eq(same | other),
        ]
        with m.If(self.take):
            m.d.sync += [write.eq(chosen), begun.eq(cut)]
            with m.If(turn):
                m.d.sync += run.eq(0)
            with m.Elif(run != GROUP - 1):
                m.d.sync += run.eq(run + ~cut)
            for kind in valid:
                with m.If(chosen == (kind == "aw")):
                    m.d.sync += [
                        valid[kind].eq(cut),
                        left[kind].eq(beyond),
                        place[kind].eq((here[column_bits:] + 1) << column_bits),
                    ]
        return m
