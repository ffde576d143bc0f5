"""Whose turn it is when a captured block leaves."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.isa import SUM_PIECES_BITS
from arch.machine import Machine


class Drain(wiring.Component):
    """Counts the columns of a captured block while they leave.

    Latency 1 cycle: from the cycle after ``capture`` on, ``running`` is 1 and ``column`` 0, 1, ...,
    C - 1, each for ``pieces`` + 1 cycles, as ``pieces`` came with ``capture``. The next capture may
    come in the last of these cycles.

    Members
    -------
    capture : ``In(1)``
    pieces : ``In(SUM_PIECES_BITS)``
    running : ``Out(1)``
    column : ``Out(range(columns))``
    """

    def __init__(self, machine: Machine):
        self.machine = machine
        super().__init__({
            "capture": In(1),
            "pieces": In(SUM_PIECES_BITS),
            "running": Out(1),
            "column": Out(range(machine.columns)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        pieces = Signal(SUM_PIECES_BITS)
        left = Signal(SUM_PIECES_BITS)  # more cycles that the column stays
        with m.If(self.capture):
            m.d.sync += [
                self.running.eq(1),
                self.column.eq(0),
                pieces.eq(self.pieces),
                left.eq(self.pieces),
            ]
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        with m.Elif(self.running):
            m.d.sync += [
                self.column.eq(self.column + 1),
                self.running.eq(self.column != self.machine.columns - 1),
                left.eq(pieces),
            ]
        return m
