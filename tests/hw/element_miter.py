"""A mapped and a plain processing element side by side."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.machine import Machine
from hw.array.carry_element import CarryElement
from hw.array.carry_tree import UNCOUNTED, lateness
from hw.array.pass_layouts import pass_control
from hw.array.popcount import field_masks
from hw.array.processing_element import ProcessingElement

DELAY = CarryElement.latency - ProcessingElement.latency


class ElementMiter(wiring.Component):
    """Both elements see the same passes, the mapped one as a cluster presents them.

    Members
    -------
    control : In(pass_control)
    activations, weights : In(lanes)
    counts_agree : Out(1)
        The pass whose sums are formed in this cycle has the same count in both.
    sums_agree : Out(1)
        Results are the same, and so are accumulators, unless a clearing pass is about to be added:
        then the mapped one is 0.
    """

    def __init__(self, machine: Machine, fabric: str = "ecp5"):
        self.machine = machine
        self.fabric = fabric
        super().__init__({
            "control": In(pass_control(machine)),
            "activations": In(machine.lanes),
            "weights": In(machine.lanes),
            "counts_agree": Out(1),
            "sums_agree": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.mapped = mapped = CarryElement(self.machine, self.fabric)
        m.submodules.plain = plain = ProcessingElement(self.machine)

        def history(value, name):
            values = [value]
            for age in range(1, 1 + DELAY):
                values.append(Signal.like(value, name=f"{name}_{age}"))
                m.d.sync += values[age].eq(values[age - 1])
            return values

        control = history(self.control, "control")
        activations = history(self.activations, "activations")
        weights = history(self.weights, "weights")
        due = [lateness(lane) for lane in range(self.machine.lanes)]
        m.d.comb += [
            mapped.activations.eq(Cat(activations[due[lane]][lane] for lane in range(len(due)))),
            mapped.weights.eq(Cat(weights[due[lane]][lane] for lane in range(len(due)))),
            mapped.control.eq(
                Cat(
                    control[4].valid,
                    control[3].valid & control[3].clear,
                    control[4].double,
                    control[4].valid & control[4].capture,
                    *([control[4].less] if self.machine.signs else []),
                )
            ),
            plain.control.eq(control[DELAY]),
            plain.activations.eq(activations[DELAY]),
            plain.weights.eq(weights[DELAY]),
            plain.masks.eq(field_masks(m, self.machine.lanes)),
        ]

        last = mapped.activations[UNCOUNTED] ^ mapped.weights[UNCOUNTED]
        clearing = control[DELAY].valid & control[DELAY].clear
        total = Mux(clearing, 0, plain.total)
        m.d.comb += [
            self.counts_agree.eq(mapped.tree.count + last == plain.count),
            self.sums_agree.eq(
                (mapped.result == plain.result) & (mapped.accumulator.total == total)
            ),
        ]
        return m
