"""Whose turn it is when a captured block leaves."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.isa import SUM_PIECES_BITS
from arch.machine import Machine


class Drain(wiring.Component):
    """Counts the columns of a captured block while they leave.

    Latency 1 cycle: from the cycle after ``capture`` on, ``running`` is 1 and ``column`` 0, 1, ...,
    C - 1, each for ``pieces`` + 1 cycles, as ``pieces`` came with ``capture``. The next capture may
    come in the last of these cycles. With ``signs`` there are ``sign_turns`` of these columns: each
    stands for as many columns as make a transfer.

    Parameters
    ----------
    reset_less : bool
        A reset changes nothing: what is under way goes on, until the next capture.

    Members
    -------
    capture : ``In(1)``
    pieces : ``In(SUM_PIECES_BITS)``
    signs : ``In(1)``, on machines with signs
        As it came with ``capture``.
    signing : ``Out(1)``, likewise
        ``running``, and signs leave.
    running : ``Out(1)``
    column : ``Out(range(columns))``
    """

    def __init__(self, machine: Machine, *, reset_less: bool = False):
        self.machine = machine
        self.reset_less = reset_less
        super().__init__({
            "capture": In(1),
            "pieces": In(SUM_PIECES_BITS),
            **({"signs": In(1), "signing": Out(1)} if machine.signs else {}),
            "running": Out(1),
            "column": Out(range(machine.columns)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        pieces = Signal(SUM_PIECES_BITS, reset_less=self.reset_less)
        left = Signal(SUM_PIECES_BITS, reset_less=self.reset_less)  # cycles that the column stays
        running = Signal(reset_less=self.reset_less)
        column = Signal.like(self.column, reset_less=self.reset_less)
        last = self.machine.columns - 1
        if self.machine.signs:
            signs = Signal(reset_less=self.reset_less)
            last = Mux(signs, self.machine.sign_turns - 1, last)
            m.d.comb += self.signing.eq(running & signs)
            with m.If(self.capture):
                m.d.sync += signs.eq(self.signs)
        m.d.comb += [self.running.eq(running), self.column.eq(column)]
        with m.If(self.capture):
            m.d.sync += [
                running.eq(1),
                column.eq(0),
                pieces.eq(self.pieces),
                left.eq(self.pieces),
            ]
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        with m.Elif(running):
            m.d.sync += [
                column.eq(column + 1),
                running.eq(column != last),
                left.eq(pieces),
            ]
        return m
