"""The array for simulation and for any FPGA: elements without pipeline registers between them."""

from amaranth.hdl import Array as Choice
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.machine import Machine
from hw.array.pass_layouts import CONTROLS, pass_layout, replicate_ones, sums_layout
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
                    *(element.control[name].eq(passes[name]) for name in CONTROLS),
                    element.activations.eq(passes.activations[column]),
                    element.weights.eq(weights),
                    element.masks.eq(masks),
                ]
                results[row].append(element.result)

        # The columns of a captured block are read one per cycle.
        reading = Signal()
        column = Signal(range(machine.columns))
        with m.If(passes.valid & passes.capture):
            m.d.sync += [reading.eq(1), column.eq(0)]
        with m.Elif(reading):
            m.d.sync += [column.eq(column + 1), reading.eq(column != machine.columns - 1)]
        stage = Signal(sums_layout(machine))
        m.d.sync += [stage.valid.eq(reading), stage.first.eq(reading & (column == 0))]
        with m.If(reading):
            for row in range(machine.rows):
                m.d.sync += stage.sums[row].eq(Choice(results[row])[column])
            m.d.sync += stage.ones_sum.eq(Choice(results[-1])[column])

        for _ in range(self.latency - ProcessingElement.latency - 1):
            later = Signal(sums_layout(machine))
            m.d.sync += later.eq(stage)
            stage = later
        m.d.comb += self.sums.eq(stage)
        return m
