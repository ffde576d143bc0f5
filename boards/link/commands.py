"""The receiving half of the bridge: packets become writes, and answers to be sent."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import PAGE_BYTES
from arch.link import (
    BOARD_REGISTERS,
    CRC_BYTES,
    HEADER_BYTES,
    PACKET_UNITS,
    UNIT,
    WAITING_BYTES,
    Operation,
)
from boards.link.answers import ADDRESS, ANSWER, Reading
from boards.link.crc import Crc32
from boards.link.units import PacketUnits
from hw.streams import axi
from hw.streams.axi_pins import channels
from hw.streams.short_queue import ShortQueue
from hw.streams.whole_beats import WholeBeats

UNIT_BITS = (UNIT - 1).bit_length()
PAGE_BITS = (PAGE_BYTES - 1).bit_length()


def six_times(value: Signal) -> Signal:
    """Bytes of so many units of pixels; without a multiplier, of which the accelerator has need."""
    return (value << 2) + (value << 1)


class Commands(wiring.Component):
    """Follows :mod:`arch.link`.

    Nothing of a packet is done before its CRC is right. What it writes to memory is one burst, or
    two where a page of 4096 bytes ends in between: if each unit had to wait for bursts of others,
    a packet could take longer than its bytes. What is to be read is handed over as a whole, when
    what was to be read before has been sent; bytes that come in the meantime wait,
    ``WAITING_BYTES`` of them; a byte too many is lost, and its packet with it.

    Latency: a packet is done from the third cycle after its last byte on. Throughput: that of the
    line, while memory takes a packet's bursts in the time of its bytes.

    Parameters
    ----------
    beat_bits : int
        Of the memory port, 64 or 128.
    silence : int
        Cycles without a byte that end a packet.

    Members
    -------
    received, received_valid : ``In``
    aw, w, b : AXI4 as a manager; bursts of whole beats
        One is under way, and its beats are offered from the cycle on after its address was taken.
    lite_aw, lite_w, lite_b : AXI4-Lite as a manager
        The accelerator's registers.
    address, write, write_data : those of the board, see BoardRegisters
    answer : ``Out(stream.Signature(ANSWER))``
        A packet that is done, or whose data can be read now.
    reading : ``Out(stream.Signature(Reading))``
        Comes in the same cycle as its ``answer``, or before.
    bad_packet, broken_packet : ``Out(1)``
        For one cycle: a wrong CRC or operation; bytes that stopped coming.
    """

    def __init__(self, beat_bits: int, silence: int):
        self.beat_bits, self.silence = beat_bits, silence
        lite = axi.lite_signature().members
        super().__init__({
            "received": In(8),
            "received_valid": In(1),
            **axi.write_signature(beat_bits).members,
            **{f"lite_{channel}": lite[channel] for channel in ("aw", "w", "b")},
            "address": Out(16),
            "write": Out(1),
            "write_data": Out(32),
            "answer": Out(stream.Signature(ANSWER)),
            "reading": Out(stream.Signature(Reading)),
            "bad_packet": Out(1),
            "broken_packet": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.waiting = waiting = ShortQueue(8, WAITING_BYTES)
        m.submodules.crc = crc = Crc32()
        m.submodules.units = units = PacketUnits()
        m.d.comb += [
            waiting.i.payload.eq(self.received),
            waiting.i.valid.eq(self.received_valid),
        ]
        byte, comes = waiting.o.payload, waiting.o.valid

        header = Signal(8 * HEADER_BYTES)
        operation, sequence = header[:8], header[8:16]
        count, address = header[16:32], header[32 : 32 + ADDRESS]
        place = address[UNIT_BITS:]
        left = Signal(
            range(PACKET_UNITS * UNIT), init=HEADER_BYTES - 1
        )  # bytes of a part of the packet, less one
        m.d.comb += [
            units.byte.eq(byte),
            units.pixels.eq(operation == Operation.PIXELS),
            crc.byte.eq(byte),
            self.address.eq(address),
            self.write_data.eq(units.unit),
            self.answer.payload.eq(Cat(operation, sequence)),
        ]

        # Silence.
        quiet = Signal(range(self.silence + 1))
        expired = Signal()
        m.d.comb += expired.eq(quiet == self.silence)
        with m.If(self.received_valid | comes):
            m.d.sync += quiet.eq(0)
        with m.Elif(~expired):
            m.d.sync += quiet.eq(quiet + 1)

        # Memory.
        index = Signal(range(PACKET_UNITS + 1))
        port, upper = self, 0
        if self.beat_bits == 128:
            m.submodules.whole = whole = WholeBeats(self.beat_bits)
            for channel, _, _ in channels(whole.o.signature):
                wiring.connect(m, getattr(whole.o, channel), wiring.flipped(getattr(self, channel)))
            port, upper = whole.i, place[0]
            m.d.comb += port.aw.payload.size.eq(UNIT_BITS)
        burst = Signal(range(PACKET_UNITS))  # units of it to be written, less one
        to_come, to_end = Signal.like(burst), (~address)[UNIT_BITS:PAGE_BITS]  # less one, too
        m.d.comb += [
            units.index.eq(index),
            to_come.eq(count - 1 - index),
            port.aw.payload.address.eq(place << UNIT_BITS),
            port.aw.payload.length.eq(burst),
            port.w.payload.data.eq(units.unit.replicate(self.beat_bits // (8 * UNIT))),
            port.w.payload.strobe.eq(Mux(upper, 0xFF00, 0x00FF)),
            port.w.payload.last.eq(burst == 0),
            port.b.ready.eq(1),
        ]
        addressed, written = Signal(), Signal()

        # Registers.
        own = Signal()
        m.d.comb += [
            own.eq((address & BOARD_REGISTERS) != 0),
            self.lite_aw.payload.eq(address),
            self.lite_w.payload.data.eq(units.unit),
            self.lite_w.payload.strobe.eq(0xF),
        ]
        # A register must not be written twice because an answer was lost.
        last_sequence, last_write = Signal(8), Signal()
        again = Signal()
        m.d.comb += again.eq(last_write & (last_sequence == sequence))

        # What is to be read.
        read, strided = self.reading.payload, Signal()
        m.d.comb += [
            strided.eq(operation == Operation.READ_STRIDED),
            read.address.eq(address),
            read.count.eq(count),
            read.skip.eq(units.unit[UNIT_BITS:32]),
            read.repeats.eq(Mux(strided, units.unit[32:48], 1)),
            read.register.eq(operation == Operation.READ_REGISTER),
        ]

        with m.FSM():
            with m.State("HEADER"):
                m.d.comb += waiting.o.ready.eq(1)
                with m.If(comes):
                    m.d.comb += crc.take.eq(1)
                    m.d.sync += [header.eq(Cat(header[8:], byte)), left.eq(left - 1)]
                    with m.If(left == 0):
                        m.next = "OPERATION"
                with m.Elif(expired):
                    m.d.comb += [self.broken_packet.eq(left != HEADER_BYTES - 1), crc.start.eq(1)]
                    m.d.sync += left.eq(HEADER_BYTES - 1)
            with m.State("OPERATION"):
                m.d.comb += units.start.eq(1)
                m.d.sync += left.eq(UNIT - 1)
                m.next = "DEAF"
                fits = (count != 0) & (count <= PACKET_UNITS)
                with m.Switch(operation):
                    with m.Case(Operation.READ, Operation.READ_REGISTER):
                        m.d.sync += left.eq(CRC_BYTES - 1)
                        m.next = "CRC"
                    with m.Case(Operation.WRITE):
                        m.d.sync += left.eq((count[: left.shape().width - 2] << 3) - 1)
                        with m.If(fits):
                            m.next = "PAYLOAD"
                    with m.Case(Operation.PIXELS):
                        m.d.sync += left.eq(six_times(count[:5]) - 1)
                        with m.If(fits):
                            m.next = "PAYLOAD"
                    with m.Case(Operation.READ_STRIDED, Operation.WRITE_REGISTER):
                        m.next = "PAYLOAD"
            with m.State("PAYLOAD"):
                m.d.comb += waiting.o.ready.eq(1)
                with m.If(comes):
                    m.d.comb += [crc.take.eq(1), units.take.eq(1)]
                    m.d.sync += left.eq(left - 1)
                    with m.If(left == 0):
                        m.d.sync += left.eq(CRC_BYTES - 1)
                        m.next = "CRC"
                with m.Elif(expired):
                    m.d.comb += self.broken_packet.eq(1)
                    m.next = "BEGIN"
            with m.State("CRC"):
                m.d.comb += waiting.o.ready.eq(1)
                with m.If(comes):
                    m.d.comb += crc.take.eq(1)
                    m.d.sync += left.eq(left - 1)
                    with m.If(left == 0):
                        m.next = "CHECK"
                with m.Elif(expired):
                    m.d.comb += self.broken_packet.eq(1)
                    m.next = "BEGIN"
            with m.State("CHECK"):
                m.d.comb += crc.start.eq(1)
                m.d.sync += [index.eq(0), addressed.eq(0), written.eq(0)]
                with m.If(~crc.good):
                    m.next = "DEAF"
                with m.Else():
                    m.d.sync += [
                        last_sequence.eq(sequence),
                        last_write.eq(operation == Operation.WRITE_REGISTER),
                    ]
                    with m.Switch(operation):
                        with m.Case(Operation.WRITE, Operation.PIXELS):
                            m.next = "LENGTH"
                        with m.Case(Operation.WRITE_REGISTER):
                            m.next = "DONE"
                            with m.If(~again):
                                m.next = "SET"
                        with m.Default():
                            m.next = "ASK"
            with m.State("DEAF"):
                # Once only, as the first cycle here is never a silent one.
                m.d.comb += waiting.o.ready.eq(1)
                with m.If(expired & ~comes):
                    m.d.comb += self.bad_packet.eq(1)
                    m.next = "BEGIN"
            with m.State("BEGIN"):
                m.d.comb += crc.start.eq(1)
                m.d.sync += left.eq(HEADER_BYTES - 1)
                m.next = "HEADER"

            # ---- Done to memory and registers.
            with m.State("LENGTH"):
                m.d.sync += burst.eq(Mux(to_end < to_come, to_end, to_come))
                m.next = "BURST"
            with m.State("BURST"):
                m.d.comb += port.aw.valid.eq(1)
                with m.If(port.aw.ready):
                    m.next = "UNITS"
            with m.State("UNITS"):
                m.d.comb += port.w.valid.eq(1)
                with m.If(port.w.ready):
                    m.d.sync += [burst.eq(burst - 1), place.eq(place + 1), index.eq(index + 1)]
                    with m.If(burst == 0):
                        m.next = "WRITTEN"
            with m.State("WRITTEN"), m.If(port.b.valid):
                m.next = "LENGTH"
                with m.If(index == count[: len(index)]):
                    m.next = "DONE"
            with m.State("SET"):
                m.d.comb += [
                    self.write.eq(own),
                    self.lite_aw.valid.eq(~own & ~addressed),
                    self.lite_w.valid.eq(~own & ~written),
                    self.lite_b.ready.eq(1),
                ]
                m.d.sync += [
                    addressed.eq(addressed | self.lite_aw.ready),
                    written.eq(written | self.lite_w.ready),
                ]
                with m.If(own | self.lite_b.valid):
                    m.next = "DONE"
            with m.State("ASK"):
                m.d.comb += self.reading.valid.eq(1)
                with m.If(self.reading.ready):
                    m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.answer.valid.eq(1)
                with m.If(self.answer.ready):
                    m.next = "BEGIN"
        return m
