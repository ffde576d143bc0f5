"""Whose turn it is when a captured block leaves."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.machine import Machine


class Drain(wiring.Component):
    """Counts the columns of a captured block while they leave.

    Latency 1 cycle: from the cycle after ``capture`` on, ``running`` is 1 and ``column`` 0, 1, ...,
    C - 1, each for one cycle, or for ``raw_chunks`` if ``raw`` came with ``capture``. The next
    capture may come in the last of these cycles.

    Members
    -------
    capture, raw : ``In(1)``
    running : ``Out(1)``
    column : ``Out(range(columns))``
    """

    def __init__(self, machine: Machine):
        self.machine = machine
        super().__init__({
            "capture": In(1),
            "raw": In(1),
            "running": Out(1),
            "column": Out(range(machine.columns)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        chunks = self.machine.raw_chunks
        slow = Signal()
        left = Signal(range(chunks))  # cycles that the column stays
        with m.If(self.capture):
            m.d.sync += [
                self.running.eq(1),
                self.column.eq(0),
                slow.eq(self.raw),
                left.eq(Mux(self.raw, chunks - 1, 0)),
            ]
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        with m.Elif(self.running):
            m.d.sync += [
                self.column.eq(self.column + 1),
                self.running.eq(self.column != self.machine.columns - 1),
                left.eq(Mux(slow, chunks - 1, 0)),
            ]
        return m
