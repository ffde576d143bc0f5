"""The board's end of the link: packets become reads and writes of memory and registers."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from arch.link import (
    ANSWER,
    BOARD_REGISTERS,
    CRC_BYTES,
    HEADER_BYTES,
    MEMORY_BITS,
    PACKET_UNITS,
    UNIT,
    WAITING_BYTES,
    Operation,
)
from boards.link.crc import Crc32
from boards.link.units import PacketUnits
from hw.streams import axi
from hw.streams.short_queue import ShortQueue

UNIT_BITS = (UNIT - 1).bit_length()


def six_times(value: Signal) -> Signal:
    """Bytes of so many units of pixels; without a multiplier, of which the accelerator has need."""
    return (value << 2) + (value << 1)


class Bridge(wiring.Component):
    """Follows :mod:`arch.link`.

    Nothing of a packet is done before its CRC is right. Memory is used a unit at a time. Bytes that
    come while a packet is done wait, ``WAITING_BYTES`` of them; a byte too many is lost, and its
    packet with it.

    Latency: a packet is done from the third cycle after its last byte on. Throughput: that of the
    line, while a unit takes no longer than its bytes do.

    Parameters
    ----------
    beat_bits : int
        Of the memory port, 64 or 128.
    silence : int
        Cycles without a byte that end a packet.

    Members
    -------
    received, received_valid : ``In``
    send : ``Out(stream.Signature(8))``
    ar, r, aw, w, b : AXI4 as a manager; single beats
    lite : ``Out(lite_signature())``
        The accelerator's registers.
    address, read_data, write, write_data : those of the board, see BoardRegisters
    bad_packet, broken_packet : ``Out(1)``
        For one cycle: a wrong CRC or operation; bytes that stopped coming.
    """

    def __init__(self, beat_bits: int, silence: int):
        self.beat_bits, self.silence = beat_bits, silence
        super().__init__({
            "received": In(8),
            "received_valid": In(1),
            "send": Out(stream.Signature(8)),
            **axi.read_signature(beat_bits).members,
            **axi.write_signature(beat_bits).members,
            "lite": Out(axi.lite_signature()),
            "address": Out(16),
            "read_data": In(32),
            "write": Out(1),
            "write_data": Out(32),
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
        count, address = header[16:32], header[32 : 32 + MEMORY_BITS]
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
        upper = address[3] if self.beat_bits == 128 else 0
        unit = Signal(8 * UNIT)  # what is sent
        copies = self.beat_bits // (8 * UNIT)
        # That of a whole beat.
        low = 3 if self.beat_bits == 64 else 4
        beat = address[low:] << low
        m.d.comb += [
            units.index.eq(index),
            self.ar.payload.address.eq(beat),
            self.aw.payload.address.eq(beat),
            self.w.payload.data.eq(units.unit.replicate(copies)),
            self.w.payload.strobe.eq(Mux(upper, 0xFF00, 0x00FF)),
            self.w.payload.last.eq(1),
            self.b.ready.eq(1),
        ]
        addressed, written = Signal(), Signal()
        answers = Signal(range(PACKET_UNITS + 1))  # write responses to come
        issued = Signal()
        m.d.sync += answers.eq(answers + issued - self.b.valid)

        # Registers.
        own = Signal()
        m.d.comb += [
            own.eq((address & BOARD_REGISTERS) != 0),
            self.lite.ar.payload.eq(address),
            self.lite.aw.payload.eq(address),
            self.lite.w.payload.data.eq(units.unit),
            self.lite.w.payload.strobe.eq(0xF),
        ]
        # A register must not be written twice because an answer was lost.
        last_sequence, last_write = Signal(8), Signal()
        again = Signal()
        m.d.comb += again.eq(last_write & (last_sequence == sequence))

        # What is read: `count` units, `repeats` times.
        skip, repeats, unit_left = Signal(len(place)), Signal(16), Signal(16)

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
                m.d.sync += [
                    index.eq(0), repeats.eq(1), unit_left.eq(count),
                    addressed.eq(0), written.eq(0),
                ]  # fmt: skip
                with m.If(~crc.good):
                    m.next = "DEAF"
                with m.Else():
                    m.d.sync += [
                        last_sequence.eq(sequence),
                        last_write.eq(operation == Operation.WRITE_REGISTER),
                    ]
                    with m.Switch(operation):
                        with m.Case(Operation.WRITE, Operation.PIXELS):
                            m.next = "WRITE"
                        with m.Case(Operation.READ_STRIDED):
                            m.next = "STRIDE"
                        with m.Case(Operation.WRITE_REGISTER):
                            m.next = "ANSWER"
                            with m.If(~again):
                                m.next = "SET"
                        with m.Default():
                            m.next = "ANSWER"
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
            with m.State("WRITE"):
                m.d.comb += [self.aw.valid.eq(~addressed), self.w.valid.eq(~written)]
                aw_done, w_done = addressed | self.aw.ready, written | self.w.ready
                m.d.sync += [addressed.eq(aw_done), written.eq(w_done)]
                with m.If(aw_done & w_done):
                    m.d.comb += issued.eq(1)
                    m.d.sync += [
                        addressed.eq(0), written.eq(0), place.eq(place + 1),
                        index.eq(index + 1),
                    ]  # fmt: skip
                    with m.If(index == count - 1):
                        m.next = "ACKNOWLEDGED"
            with m.State("ACKNOWLEDGED"), m.If(answers == 0):
                m.next = "ANSWER"
            with m.State("STRIDE"):
                m.d.sync += [skip.eq(units.unit[UNIT_BITS:32]), repeats.eq(units.unit[32:48])]
                m.next = "ANSWER"
            with m.State("SET"):
                m.d.comb += [
                    self.write.eq(own),
                    self.lite.aw.valid.eq(~own & ~addressed),
                    self.lite.w.valid.eq(~own & ~written),
                    self.lite.b.ready.eq(1),
                ]
                m.d.sync += [
                    addressed.eq(addressed | self.lite.aw.ready),
                    written.eq(written | self.lite.w.ready),
                ]
                with m.If(own | self.lite.b.valid):
                    m.next = "ANSWER"

            # ---- The answer.
            with m.State("ANSWER"):
                m.d.comb += crc.start.eq(1)
                m.d.sync += [unit[:16].eq(Cat(operation | ANSWER, sequence)), left.eq(1)]
                m.next = "SEND"
            with m.State("SEND"):  # bytes of `unit`
                m.d.comb += [self.send.valid.eq(1), self.send.payload.eq(unit[:8])]
                with m.If(self.send.ready):
                    m.d.comb += [crc.take.eq(1), crc.byte.eq(unit[:8])]
                    m.d.sync += [unit.eq(unit >> 8), left.eq(left - 1)]
                    with m.If(left == 0):
                        m.next = "NEXT"
            with m.State("NEXT"):
                m.d.sync += left.eq(UNIT - 1)
                reads = (operation == Operation.READ) | (operation == Operation.READ_STRIDED)
                with m.If((operation == Operation.READ_REGISTER) & (unit_left != 0)):
                    m.d.sync += unit_left.eq(0)
                    m.next = "GET"
                with m.Elif(reads & (unit_left != 0)):
                    m.next = "READ"
                with m.Elif(reads & (repeats != 1)):
                    m.d.sync += [
                        repeats.eq(repeats - 1), unit_left.eq(count),
                        place.eq(place + skip),
                    ]  # fmt: skip
                with m.Else():
                    m.d.sync += [unit[:32].eq(crc.value), left.eq(CRC_BYTES - 1)]
                    m.next = "END"
            with m.State("READ"):
                m.d.comb += self.ar.valid.eq(1)
                with m.If(self.ar.ready):
                    m.next = "TAKE"
            with m.State("TAKE"):
                m.d.comb += self.r.ready.eq(1)
                half = self.r.payload.data.word_select(upper, 8 * UNIT)
                m.d.sync += unit.eq(half)
                with m.If(self.r.valid):
                    m.d.sync += [place.eq(place + 1), unit_left.eq(unit_left - 1)]
                    m.next = "SEND"
            with m.State("GET"):
                m.d.comb += [
                    self.lite.ar.valid.eq(~own & ~addressed),
                    self.lite.r.ready.eq(1),
                ]
                m.d.sync += [
                    addressed.eq(addressed | self.lite.ar.ready),
                    unit.eq(Mux(own, self.read_data, self.lite.r.payload.data)),
                ]
                with m.If(own | self.lite.r.valid):
                    m.next = "SEND"
            with m.State("END"):
                m.d.comb += [self.send.valid.eq(1), self.send.payload.eq(unit[:8])]
                with m.If(self.send.ready):
                    m.d.sync += [unit.eq(unit >> 8), left.eq(left - 1)]
                    with m.If(left == 0):
                        m.next = "BEGIN"
        return m
