"""Which row each bank has open, and from when on it may be closed."""

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from boards.sdram.part import BANKS, Cycles, Part
from hw.memories.lut_ram import WORDS, padded


class Banks(wiring.Component):
    """Follows the commands that are issued; all of them act at the end of their cycle.

    Members
    -------
    bank, row : ``In``
        Asked for, and what ``activate`` and ``precharge`` mean.
    open, hit : ``Out(1)``
        Whether that bank is open, and whether with that row; in the cycle after the question.
    may_close : ``Out(1)``
        Of ``bank``, in the same cycle.
    all_may_close : ``Out(1)``
    activate, precharge, precharge_all : ``In(1)``
    read, write : ``In(1)``
        A column command, of ``column_bank``.
    column_bank : ``In``
    """

    def __init__(self, part: Part, cycles: Cycles, burst: int):
        self.part, self.cycles, self.burst = part, cycles, burst
        bank_bits = (BANKS - 1).bit_length()
        super().__init__({
            "bank": In(bank_bits),
            "row": In(part.row_bits),
            "open": Out(1),
            "hit": Out(1),
            "may_close": Out(1),
            "all_may_close": Out(1),
            "activate": In(1),
            "precharge": In(1),
            "precharge_all": In(1),
            "read": In(1),
            "write": In(1),
            "column_bank": In(bank_bits),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.rows = rows = memory.Memory(
            shape=self.part.row_bits, depth=max(WORDS, BANKS), init=[]
        )
        write, read = rows.write_port(), rows.read_port(domain="comb")
        opened = Signal(BANKS)
        m.d.comb += [
            write.addr.eq(padded(self.bank)),
            write.data.eq(self.row),
            write.en.eq(self.activate),
            read.addr.eq(padded(self.bank)),
        ]
        m.d.sync += [
            self.open.eq(opened.bit_select(self.bank, 1)),
            self.hit.eq(read.data == self.row),
        ]
        with m.If(self.activate):
            m.d.sync += opened.bit_select(self.bank, 1).eq(1)
        with m.If(self.precharge):
            m.d.sync += opened.bit_select(self.bank, 1).eq(0)
        with m.If(self.precharge_all):
            m.d.sync += opened.eq(0)

        # Cycles until each bank may be closed. What is left of tRAS when a column command comes is
        # at most `rest`, so the later command's wait can take the place of the earlier one's.
        times = self.cycles
        rest = max(0, times.ras - times.rcd)
        after_read = max(self.burst, rest)
        after_write = max(self.burst - 1 + times.wr, rest)
        free = Signal(BANKS, init=(1 << BANKS) - 1)
        for bank in range(BANKS):
            wait = Signal(range(max(times.ras, after_write, after_read)), name=f"wait{bank}")
            m.d.comb += free[bank].eq(wait == 0)
            with m.If(self.activate & (self.bank == bank)):
                m.d.sync += wait.eq(times.ras - 1)
            with m.Elif(self.read & (self.column_bank == bank)):
                m.d.sync += wait.eq(after_read - 1)
            with m.Elif(self.write & (self.column_bank == bank)):
                m.d.sync += wait.eq(after_write - 1)
            with m.Elif(~free[bank]):
                m.d.sync += wait.eq(wait - 1)
        m.d.comb += [
            self.may_close.eq(free.bit_select(self.bank, 1)),
            self.all_may_close.eq(free.all()),
        ]
        return m
