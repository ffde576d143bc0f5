"""The board's own registers: see :class:`arch.link.BoardRegister`."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.link import BOARD_IDENTIFIER, LINK_VERSION, BoardRegister
from boards.sdram.part import USUAL_LATE
from boards.sdram.read_data import LATE

COUNT_BITS, FIELD = 8, 16


class BoardRegisters(wiring.Component):
    """Reads are combinational, writes act in the next cycle.

    Members
    -------
    read_address, read_data : In, Out
    write_address, write, write_data : ``In``
        A register, and whether ``write_data`` is written to it.
    bad_packet, broken_packet : ``In(1)``
        Counted, up to the largest number.
    memory_ready : ``In(1)``
    late : ``Out(range(LATE))``, half : ``Out(1)``
    """

    def __init__(self, number: int):
        self.number = number
        super().__init__({
            "read_address": In(16),
            "read_data": Out(32),
            "write_address": In(16),
            "write": In(1),
            "write_data": In(32),
            "bad_packet": In(1),
            "broken_packet": In(1),
            "memory_ready": In(1),
            "late": Out(range(LATE), init=USUAL_LATE),
            "half": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        session = Signal(32)
        counts = []
        for event in (self.bad_packet, self.broken_packet):
            count = Signal(COUNT_BITS, name=f"{event.name}s")
            counts.append(count)
            with m.If(event & ~count.all()):
                m.d.sync += count.eq(count + 1)
        with m.Switch(self.read_address):
            for register, value in (
                (BoardRegister.IDENTIFIER, BOARD_IDENTIFIER),
                (BoardRegister.VERSION, LINK_VERSION | self.number << 8),
                (BoardRegister.SESSION, session),
                (BoardRegister.FAULTS, counts[0] | counts[1] << FIELD),
                (BoardRegister.MEMORY, self.memory_ready),
                (BoardRegister.READ_LATE, self.late),
                (BoardRegister.HALF, self.half),
            ):
                with m.Case(register):
                    m.d.comb += self.read_data.eq(value)
        with m.If(self.write), m.Switch(self.write_address):
            for register, target in (
                (BoardRegister.SESSION, session),
                (BoardRegister.READ_LATE, self.late),
                (BoardRegister.HALF, self.half),
            ):
                with m.Case(register):
                    m.d.sync += target.eq(self.write_data)
        return m
