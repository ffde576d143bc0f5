"""What the memory needs besides reads and writes: its start, and a refresh for every row."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from boards.sdram.commands import Command
from boards.sdram.part import Cycles

AT_START = 8
"""Refreshes before the mode register is set."""
MOST_OWED = 8
"""A part lets so many be made up for later."""
URGENT = 4
"""From so many owed ones on, they do not wait for an idle memory any longer."""


class Refresh(wiring.Component):
    """Counts the refreshes that are owed, and makes them all when nothing else is under way.

    Throughput: with n owed, ``rp + n * rfc`` cycles and a few, and every bank is closed behind.

    Members
    -------
    busy : ``In(1)``
        A segment is under way, or about to be taken.
    allows : ``Out(1)``
        A segment may be taken; from a register.
    may_close : ``In(1)``
        All banks may be closed.
    ready : ``Out(1)``
    command, closes, sets_mode : ``Out``
        The command of this cycle; all banks are closed by it; it sets the mode register.
    """

    def __init__(self, times: Cycles):
        self.times = times
        super().__init__({
            "busy": In(1),
            "allows": Out(1),
            "may_close": In(1),
            "ready": Out(1),
            "command": Out(Command),
            "closes": Out(1),
            "sets_mode": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        times = self.times
        period = Signal(range(times.refi))
        owed = Signal(range(MOST_OWED + 1), init=AT_START)
        makes, due = Signal(), Signal()
        m.d.sync += period.eq(period + 1)
        m.d.comb += due.eq((period == times.refi - 1) & self.ready & (owed != MOST_OWED))
        with m.If(period == times.refi - 1):
            m.d.sync += period.eq(0)
        m.d.sync += owed.eq(owed + due - makes)

        wait = Signal(range(max(times.init, times.rfc, times.rp, times.mrd) + 1), init=times.init)
        over = Signal()
        m.d.comb += over.eq(wait == 0)
        with m.If(~over):
            m.d.sync += wait.eq(wait - 1)
        m.d.comb += self.command.eq(Command.NOTHING)
        with m.FSM():
            with m.State("POWER"), m.If(over):
                m.next = "CLOSE"
            with m.State("CLOSE"), m.If(self.may_close):
                m.d.comb += [self.command.eq(Command.PRECHARGE), self.closes.eq(1)]
                m.d.sync += wait.eq(times.rp - 1)
                m.next = "REFRESH"
            with m.State("REFRESH"):
                with m.If(over & (owed != 0)):
                    m.d.comb += [self.command.eq(Command.REFRESH), makes.eq(1)]
                    m.d.sync += wait.eq(times.rfc - 1)
                with m.Elif(over & ~self.ready):
                    m.d.comb += [self.command.eq(Command.MODE), self.sets_mode.eq(1)]
                    m.d.sync += [wait.eq(times.mrd - 1), self.ready.eq(1)]
                with m.Elif(over):
                    m.d.sync += self.allows.eq(1)
                    m.next = "SERVE"
            with m.State("SERVE"):
                # What `allows` had let in is seen as busy a cycle later.
                m.d.sync += self.allows.eq(owed < URGENT)
                with m.If((owed != 0) & ~self.busy):
                    m.d.sync += self.allows.eq(0)
                    m.next = "CLOSE"
        return m
