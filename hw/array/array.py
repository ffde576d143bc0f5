"""The array: rows x columns of processing elements and the ones row."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.machine import Machine
from hw.array.cluster_grid import ClusterGrid
from hw.array.pass_layouts import pass_layout, sums_layout
from hw.array.plain_grid import PlainGrid
from hw.fabric import checked_fabric


class Array(wiring.Component):
    """Computes ``rows`` output channels, and the activation sum, at ``columns`` positions.

    Element (r, c) is a :class:`hw.array.processing_element.ProcessingElement` fed with
    ``weights[r]`` and ``activations[c]``. One more row, the ones row, has the constant ``ones[g]``
    on all weight lanes of group g: with 0 it counts the activations' ones, with 1 their zeros.

    After a valid pass with ``capture`` the block leaves: for ``columns`` consecutive cycles
    ``sums.valid`` is 1, column 0 first (``sums.first`` is 1 there), all rows of a column in the
    same cycle. A pass with ``pieces`` p makes every column stay for p cycles more, since that is
    how long its raw sums take to be written (``first`` is 1 in the block's first cycle). The next
    capture comes when the last column has had its time, at the earliest (the sequencer sees to
    that); any number of passes, idle cycles included, may lie between them, and the pass after a
    capture may clear. While ``sums.valid`` is 0 the other members mean nothing.

    Latency: a capture at cycle t at ``passes`` shows column 0 in ``sums`` at t + :attr:`latency`,
    in every fabric. Throughput: one pass per cycle, rows * columns * lanes binary products each.

    Parameters
    ----------
    fabric : "generic" (plain operators), "ecp5" (carry cells, pipelined between clusters) or
        "gowin" (that pipeline in plain operators)

    Members
    -------
    passes : In(pass_layout(machine)): one pass, everything of it in one cycle
    sums : Out(sums_layout(machine)): the sums of one column
    """

    def __init__(self, machine: Machine, fabric: str):
        self.machine = machine
        self.fabric = checked_fabric(fabric)
        super().__init__({"passes": In(pass_layout(machine)), "sums": Out(sums_layout(machine))})

    @property
    def latency(self) -> int:
        """Cycles from a capture at ``passes`` to its column 0 in ``sums``."""
        return ClusterGrid.latency_of(self.machine)

    def elaborate(self, platform):
        m = Module()
        if self.fabric == "generic":
            m.submodules.grid = grid = PlainGrid(self.machine, self.latency)
        else:
            m.submodules.grid = grid = ClusterGrid(self.machine, self.fabric)
        m.d.comb += [grid.passes.eq(self.passes), self.sums.eq(grid.sums)]
        return m
