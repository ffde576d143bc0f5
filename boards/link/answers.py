"""The sending half of the bridge: answers, with what is read for them."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from arch.link import (
    ANSWER as ANSWER_BIT,
)
from arch.link import (
    ANSWERS_WAITING,
    BOARD_REGISTERS,
    CRC_BYTES,
    MEMORY_BITS,
    UNIT,
    Operation,
)
from boards.link.crc import Crc32
from hw.streams import axi
from hw.streams.short_queue import ShortQueue

ADDRESS = MEMORY_BITS
UNIT_BITS = (UNIT - 1).bit_length()
ANSWER = 16
"""Bits of an answer to be sent: operation and sequence."""
READS = (Operation.READ, Operation.READ_STRIDED, Operation.READ_REGISTER)


class Reading(data.Struct):
    """What is to be read: ``count`` units from ``address`` on, and as many again ``skip`` units
    behind them, ``repeats`` times in all; or a register."""

    address: ADDRESS
    count: 16
    skip: ADDRESS - UNIT_BITS
    repeats: 16
    register: 1


class Answers(wiring.Component):
    """Sends answers in the order in which they are asked for; ``ANSWERS_WAITING`` can wait.

    Latency: the first byte of an answer is offered in the third cycle after ``answer``. Throughput:
    that of the line, while a unit of memory comes in the time of its bytes.

    Parameters
    ----------
    beat_bits : int
        Of the memory port, 64 or 128.

    Members
    -------
    answer : ``In(stream.Signature(ANSWER))``
    reading : ``In(stream.Signature(Reading))``
        Of the next answer that reads; taken when the last one's has been sent.
    send : ``Out(stream.Signature(8))``
    ar, r : AXI4 as a manager; single beats
    lite_ar, lite_r : AXI4-Lite as a manager
    address, read_data : those of the board's registers, see BoardRegisters
    """

    def __init__(self, beat_bits: int):
        self.beat_bits = beat_bits
        lite = axi.lite_signature().members
        super().__init__({
            "answer": In(stream.Signature(ANSWER)),
            "reading": In(stream.Signature(Reading)),
            "send": Out(stream.Signature(8)),
            **axi.read_signature(beat_bits).members,
            **{f"lite_{channel}": lite[channel] for channel in ("ar", "r")},
            "address": Out(16),
            "read_data": In(32),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.waiting = waiting = ShortQueue(ANSWER, ANSWERS_WAITING)
        m.submodules.crc = crc = Crc32()
        wiring.connect(m, wiring.flipped(self.answer), waiting.i)
        operation = waiting.o.payload[:8]

        now, busy = Signal(Reading), Signal()
        place = now.address[UNIT_BITS:]
        unit_left, repeats = Signal(16), Signal(16)
        m.d.comb += self.reading.ready.eq(~busy)
        with m.If(self.reading.valid & ~busy):
            m.d.sync += [
                now.eq(self.reading.payload), busy.eq(1),
                unit_left.eq(self.reading.payload.count),
                repeats.eq(self.reading.payload.repeats),
            ]  # fmt: skip

        upper = now.address[3] if self.beat_bits == 128 else 0
        low = 3 if self.beat_bits == 64 else 4  # of a whole beat's address
        unit, left = Signal(8 * UNIT), Signal(range(UNIT))  # what is sent
        own, addressed, reads = Signal(), Signal(), Signal()
        m.d.comb += [
            self.ar.payload.address.eq(now.address[low:] << low),
            own.eq((now.address & BOARD_REGISTERS) != 0),
            self.lite_ar.payload.eq(now.address),
            self.address.eq(now.address),
            self.send.payload.eq(unit[:8]),
        ]

        with m.FSM():
            with m.State("ANSWER"):
                m.d.comb += crc.start.eq(1)
                m.d.sync += [
                    unit[:16].eq(Cat(operation | ANSWER_BIT, waiting.o.payload[8:])),
                    left.eq(1), addressed.eq(0), reads.eq(0),
                ]  # fmt: skip
                with m.Switch(operation), m.Case(*READS):
                    m.d.sync += reads.eq(1)
                with m.If(waiting.o.valid):
                    m.d.comb += waiting.o.ready.eq(1)
                    m.next = "SEND"
            with m.State("SEND"):  # bytes of `unit`
                m.d.comb += self.send.valid.eq(1)
                with m.If(self.send.ready):
                    m.d.comb += [crc.take.eq(1), crc.byte.eq(unit[:8])]
                    m.d.sync += [unit.eq(unit >> 8), left.eq(left - 1)]
                    with m.If(left == 0):
                        m.next = "NEXT"
            with m.State("NEXT"):
                m.d.sync += left.eq(UNIT - 1)
                with m.If(reads & (unit_left != 0)):
                    m.next = "READ"
                    with m.If(now.register):
                        m.d.sync += unit_left.eq(0)
                        m.next = "GET"
                with m.Elif(reads & (repeats != 1)):
                    m.d.sync += [
                        repeats.eq(repeats - 1), unit_left.eq(now.count),
                        place.eq(place + now.skip),
                    ]  # fmt: skip
                with m.Else():
                    m.d.sync += [unit[:32].eq(crc.value), left.eq(CRC_BYTES - 1)]
                    with m.If(reads):
                        m.d.sync += busy.eq(0)
                    m.next = "END"
            with m.State("READ"):
                m.d.comb += self.ar.valid.eq(1)
                with m.If(self.ar.ready):
                    m.next = "TAKE"
            with m.State("TAKE"):
                m.d.comb += self.r.ready.eq(1)
                m.d.sync += unit.eq(self.r.payload.data.word_select(upper, 8 * UNIT))
                with m.If(self.r.valid):
                    m.d.sync += [place.eq(place + 1), unit_left.eq(unit_left - 1)]
                    m.next = "SEND"
            with m.State("GET"):
                m.d.comb += [
                    self.lite_ar.valid.eq(~own & ~addressed),
                    self.lite_r.ready.eq(1),
                ]
                m.d.sync += [
                    addressed.eq(addressed | self.lite_ar.ready),
                    unit.eq(Mux(own, self.read_data, self.lite_r.payload.data)),
                ]
                with m.If(own | self.lite_r.valid):
                    m.next = "SEND"
            with m.State("END"):
                m.d.comb += self.send.valid.eq(1)
                with m.If(self.send.ready):
                    m.d.sync += [unit.eq(unit >> 8), left.eq(left - 1)]
                    with m.If(left == 0):
                        m.next = "ANSWER"
        return m
