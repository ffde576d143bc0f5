"""A processing element for FPGAs, in the carry cells of ECP5 or in LUTs."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.machine import Machine
from hw.array.carry_accumulator import CarryAccumulator, accumulator_control
from hw.array.carry_tree import UNCOUNTED, CarryTree


class CarryElement(wiring.Component):
    """Computes what :class:`hw.array.processing_element.ProcessingElement` defines, in 118
    positions.

    That is 1.84 LUT4 slots per binary product; nothing else in it takes one.

    In the fabric "gowin" it is the same pipeline without those cells.

    Latency: ``latency`` = 6 cycles from a pass's punctual lanes to ``result``. Throughput: one pass
    per cycle.

    Members
    -------
    control : In(accumulator_control): ``clear`` 3, the others 4 cycles after the punctual lanes
    activations, weights : In(lanes), lane l late by hw.array.carry_tree.lateness(l)
    result : Out(accumulator_bits)
    """

    latency = CarryTree.latency + CarryAccumulator.latency

    def __init__(self, machine: Machine, fabric: str = "ecp5"):
        self.tree = CarryTree(fabric)
        self.accumulator = CarryAccumulator(machine, len(self.tree.count), fabric)
        super().__init__({
            "control": In(accumulator_control(machine)),
            "activations": In(machine.lanes),
            "weights": In(machine.lanes),
            "result": Out(machine.accumulator_bits),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.tree = tree = self.tree
        m.submodules.accumulator = accumulator = self.accumulator
        m.d.comb += [
            tree.activations.eq(self.activations),
            tree.weights.eq(self.weights),
            accumulator.control.eq(self.control),
            accumulator.count.eq(tree.count),
            accumulator.activation.eq(self.activations[UNCOUNTED]),
            accumulator.weight.eq(self.weights[UNCOUNTED]),
            self.result.eq(accumulator.result),
        ]
        return m
