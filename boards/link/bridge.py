"""The board's end of the link: packets become reads and writes of memory and registers."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from boards.link.answers import Answers
from boards.link.commands import Commands
from hw.streams import axi
from hw.streams.axi_pins import channels


class Bridge(wiring.Component):
    """Follows :mod:`arch.link`; listens while it answers, so that both ways of the line are busy.

    Latency and throughput: those of :class:`Commands` and :class:`Answers`.

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
    ar, r, aw, w, b : AXI4 as a manager
        Single beats are read; bursts are written, see :class:`Commands`.
    lite : ``Out(lite_signature())``
        The accelerator's registers.
    read_address, read_data, write_address, write, write_data : those of the board, see
        BoardRegisters
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
            "read_address": Out(16),
            "read_data": In(32),
            "write_address": Out(16),
            "write": Out(1),
            "write_data": Out(32),
            "bad_packet": Out(1),
            "broken_packet": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.commands = commands = Commands(self.beat_bits, self.silence)
        m.submodules.answers = answers = Answers(self.beat_bits)
        wiring.connect(m, commands.answer, answers.answer)
        wiring.connect(m, commands.reading, answers.reading)
        wiring.connect(m, answers.send, wiring.flipped(self.send))
        halves = (
            (answers, axi.read_signature(self.beat_bits), "ar r"),
            (commands, axi.write_signature(self.beat_bits), "aw w b"),
        )
        for half, signature, lite in halves:
            for channel, _, _ in channels(signature):
                wiring.connect(m, getattr(half, channel), wiring.flipped(getattr(self, channel)))
            for channel in lite.split():
                port = getattr(self.lite, channel)
                wiring.connect(m, getattr(half, f"lite_{channel}"), wiring.flipped(port))
        m.d.comb += [
            commands.received.eq(self.received),
            commands.received_valid.eq(self.received_valid),
            self.read_address.eq(answers.address),
            answers.read_data.eq(self.read_data),
            self.write_address.eq(commands.address),
            self.write.eq(commands.write),
            self.write_data.eq(commands.write_data),
            self.bad_packet.eq(commands.bad_packet),
            self.broken_packet.eq(commands.broken_packet),
        ]
        return m
