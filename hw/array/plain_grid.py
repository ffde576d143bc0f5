"""The array for simulation and for any FPGA: elements without pipeline registers between them."""

from amaranth.hdl import Array as Choice
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.machine import Machine
from hw.array.drain import Drain
from hw.array.pass_layouts import controls, pass_layout, replicate_ones, sums_layout
from hw.array.popcount import field_masks
from hw.array.processing_element import ProcessingElement


class PlainGrid(wiring.Component):
    """Function and timing of :class:`hw.array.cluster_grid.ClusterGrid`; see
    :class:`hw.array.array.Array`.

    All elements work in the cycle in which a pass is presented; the results wait in front of the
    output, where they are narrowest, until ``latency`` is reached. That costs a simulator a few
    words per cycle instead of a few per element.

    Members
    -------
    passes : In(pass_layout(machine))
    sums : Out(sums_layout(machine))
    """

    def __init__(self, machine: Machine, latency: int):
        self.machine = machine
        self.latency = latency
        super().__init__({"passes": In(pass_layout(machine)), "sums": Out(sums_layout(machine))})

    def elaborate(self, platform):
        m = Module()
        machine, passes = self.machine, self.passes
        masks = field_masks(m, machine.lanes)

        operands = [passes.weights[row] for row in range(machine.rows)]
        operands.append(replicate_ones(machine, passes.ones))
        results = []
        for row, weights in enumerate(operands):
            results.append([])
            for column in range(machine.columns):
                element = ProcessingElement(machine)
                m.submodules[f"element_{row}_{column}"] = element
                m.d.comb += [
                    *(element.control[name].eq(passes[name]) for name in controls(machine)),
                    element.activations.eq(passes.activations[column]),
                    element.weights.eq(weights),
                    element.masks.eq(masks),
                ]
                results[row].append(element.result)

        # The columns of a captured block are read in turn.
        m.submodules.drain = drain = Drain(machine)
        captures = passes.valid & passes.capture
        begins = Signal()
        m.d.comb += [drain.capture.eq(captures), drain.pieces.eq(passes.pieces)]
        m.d.sync += begins.eq(captures)
        stage = Signal(sums_layout(machine))
        m.d.sync += [stage.valid.eq(drain.running), stage.first.eq(begins)]
        with m.If(drain.running):
            for row in range(machine.rows):
                m.d.sync += stage.sums[row].eq(Choice(results[row])[drain.column])
            m.d.sync += stage.ones_sum.eq(Choice(results[-1])[drain.column])
        if machine.signs:
            m.d.comb += drain.signs.eq(passes.signs)
            with m.If(drain.signing):
                for row in range(machine.rows):
                    signs = Cat(result[-1] for result in results[row])
                    turn = signs.word_select(drain.column[: machine.column_bits], machine.slots)
                    m.d.sync += stage.sums[row].eq(turn)
                m.d.sync += stage.ones_sum.eq(0)

        for _ in range(self.latency - ProcessingElement.latency - 1):
            later = Signal(sums_layout(machine))
            m.d.sync += later.eq(stage)
            stage = later
        m.d.comb += self.sums.eq(stage)
        return m
