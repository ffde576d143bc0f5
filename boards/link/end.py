"""The board's end of the link as a whole: serial line, bridge and the board's registers."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from boards.link.bridge import Bridge
from boards.link.registers import BoardRegisters
from boards.link.uart import Uart
from boards.sdram.read_data import LATE
from hw.streams import axi
from hw.streams.axi_pins import channels


class LinkEnd(wiring.Component):
    """From pins to ports; for latency and throughput see its parts.

    Parameters
    ----------
    beat_bits, silence : of :class:`Bridge`
    baud, clock_hz : of :class:`Uart`
    number : the board's

    Members
    -------
    rx : ``In(1)``, tx : ``Out(1)``
    ar, r, aw, w, b : AXI4 as a manager
    lite : AXI4-Lite as a manager
    memory_ready : ``In(1)``, late, half : ``Out``
        See :class:`BoardRegisters`.
    """

    def __init__(self, *, beat_bits: int, silence: int, baud: float, clock_hz: float, number: int):
        self.uart = Uart(baud, clock_hz)
        self.bridge = Bridge(beat_bits, silence)
        self.registers = BoardRegisters(number)
        self.memory = wiring.Signature({
            **axi.read_signature(beat_bits).members, **axi.write_signature(beat_bits).members,
        })  # fmt: skip
        super().__init__({
            "rx": In(1),
            "tx": Out(1, init=1),
            **self.memory.members,
            "lite": Out(axi.lite_signature()),
            "memory_ready": In(1),
            "late": Out(range(LATE)),
            "half": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.uart = uart = self.uart
        m.submodules.bridge = bridge = self.bridge
        m.submodules.registers = registers = self.registers
        wiring.connect(m, bridge.send, uart.send)
        wiring.connect(m, bridge.lite, wiring.flipped(self.lite))
        for channel, _, _ in channels(self.memory):
            wiring.connect(m, getattr(bridge, channel), wiring.flipped(getattr(self, channel)))
        m.d.comb += [
            uart.rx.eq(self.rx),
            self.tx.eq(uart.tx),
            bridge.received.eq(uart.received),
            bridge.received_valid.eq(uart.received_valid),
            registers.read_address.eq(bridge.read_address),
            registers.write_address.eq(bridge.write_address),
            registers.write.eq(bridge.write),
            registers.write_data.eq(bridge.write_data),
            registers.bad_packet.eq(bridge.bad_packet),
            registers.broken_packet.eq(bridge.broken_packet),
            registers.memory_ready.eq(self.memory_ready),
            bridge.read_data.eq(registers.read_data),
            self.late.eq(registers.late),
            self.half.eq(registers.half),
        ]
        return m
