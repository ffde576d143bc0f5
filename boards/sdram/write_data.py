"""From beats of the port to words on the memory's wires."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.streams.axi import write_beat


class WriteData(wiring.Component):
    """Keeps one beat, and sends the words of another.

    Latency: 1 cycle from ``take`` to the first word; the others follow in the next cycles.
    Throughput: a beat in as many cycles as it has words, two at least.

    Members
    -------
    w : ``In(stream.Signature(write_beat))``
        ``ready`` comes from a register; ``last`` is not looked at.
    some : ``Out(1)``
        There is a beat; from a register.
    take : ``In(1)``
        Send it; only while ``some``, and not before the words of the beat before are sent.
    word, mask, enable : ``Out``
        A bit of ``mask`` is 1 where a byte is not written, and 0 while nothing is sent.
    """

    def __init__(self, data_bits: int, beat_bits: int):
        self.data_bits, self.beat_bits = data_bits, beat_bits
        super().__init__({
            "w": In(stream.Signature(write_beat(beat_bits))),
            "some": Out(1),
            "take": In(1),
            "word": Out(data_bits),
            "mask": Out(data_bits // 8),
            "enable": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        words = self.beat_bits // self.data_bits
        kept = Signal(self.beat_bits, reset_less=True)
        kept_mask = Signal(self.beat_bits // 8, reset_less=True)
        m.d.comb += self.w.ready.eq(~self.some)
        with m.If(~self.some):
            m.d.sync += [
                kept.eq(self.w.payload.data),
                kept_mask.eq(~self.w.payload.strobe),
                self.some.eq(self.w.valid),
            ]
        with m.Elif(self.take):
            m.d.sync += self.some.eq(0)

        sent, sent_mask = Signal(self.beat_bits, reset_less=True), Signal(self.beat_bits // 8)
        left = Signal(range(words))
        m.d.comb += [self.word.eq(sent[: self.data_bits]), self.mask.eq(sent_mask)]
        m.d.sync += [sent.eq(sent >> self.data_bits), sent_mask.eq(sent_mask >> len(self.mask))]
        with m.If(self.take):
            m.d.sync += [sent.eq(kept), sent_mask.eq(kept_mask), left.eq(words - 1)]
            m.d.sync += self.enable.eq(1)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        with m.Else():
            m.d.sync += self.enable.eq(0)
        return m
