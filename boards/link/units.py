"""What a packet carries: units of memory, from the line's bytes and kept until the packet is known
to be right."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from arch.link import PACKET_UNITS, PIXEL_BYTES, UNIT

INDEX_BITS = (PACKET_UNITS - 1).bit_length()


class PacketUnits(wiring.Component):
    """``PACKET_UNITS`` units, written byte by byte in order and read anywhere.

    Latency: a unit can be read in the cycle after its last byte; a byte every cycle.

    Members
    -------
    start : ``In(1)``
        The next byte is the first one.
    pixels : ``In(1)``
        A 0 follows every third byte; constant from ``start`` on.
    byte, take : ``In``
    full : ``Out(1)``
        Of ``take``'s byte: it completes a unit.
    index : ``In(INDEX_BITS)``, unit : ``Out(8 * UNIT)``
        Combinational.
    """

    def __init__(self):
        super().__init__({
            "start": In(1),
            "pixels": In(1),
            "byte": In(8),
            "take": In(1),
            "full": Out(1),
            "index": In(INDEX_BITS),
            "unit": Out(8 * UNIT),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.words = words = memory.Memory(shape=8 * UNIT, depth=PACKET_UNITS, init=[])
        write, read = words.write_port(), words.read_port(domain="comb")
        place, at = Signal(INDEX_BITS), Signal(range(UNIT))
        shift = Signal(8 * UNIT)
        skips = Signal()  # this byte is the last one of a pixel
        m.d.comb += [
            skips.eq(self.pixels & (at[:2] == PIXEL_BYTES - 1)),
            self.full.eq(Mux(skips, at[-1], at == UNIT - 1)),
            read.addr.eq(self.index),
            self.unit.eq(read.data),
            write.addr.eq(place),
            write.data.eq(
                Mux(skips, Cat(shift[16:], self.byte, Const(0, 8)), Cat(shift[8:], self.byte))
            ),
            write.en.eq(self.take & self.full),
        ]
        with m.If(self.start):
            m.d.sync += [place.eq(0), at.eq(0)]
        with m.Elif(self.take):
            m.d.sync += [shift.eq(write.data), at.eq(at + 1 + skips), place.eq(place + self.full)]
        return m
