"""Clusters without cells of a device: everything around the elements moves as a wave, and what
leaves is what the sums are. (The elements themselves are proved in ``test_equivalence``.)"""

import re

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.machine import ECP5_25F, ECP5_85F_4BIT, TINY
from hw.array import cluster
from hw.array.carry_accumulator import accumulator_control
from hw.array.carry_element import CarryElement
from hw.array.carry_tree import lateness
from tests.hw.array.test_array import expected_sums, random_passes, simulate
from tests.long_runs import slow
from tests.samples.machines import TWO_TURNS


class PlainElement(wiring.Component):
    """Ports and timing of :class:`hw.array.carry_element.CarryElement`."""

    latency = CarryElement.latency

    def __init__(self, machine, _fabric):
        self.machine = machine
        super().__init__({
            "control": In(accumulator_control(machine)),
            "activations": In(machine.lanes),
            "weights": In(machine.lanes),
            "result": Out(machine.accumulator_bits),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        products = self.activations ^ self.weights
        due = []
        for lane in range(self.machine.lanes):
            bit = products[lane]
            for _ in range(self.latency - 1 - lateness(lane)):
                later = Signal()
                m.d.sync += later.eq(bit)
                bit = later
            due.append(bit)
        control = Signal.like(self.control)
        total = Signal(self.machine.accumulator_bits)
        m.d.sync += control.eq(self.control)
        counts = due
        while len(counts) > 1:
            counts = [a + b for a, b in zip(counts[::2], counts[1::2], strict=True)]
        kept = Mux(control.double, total << 1, total)
        following = Signal(self.machine.accumulator_bits)
        m.d.comb += following.eq(counts[0] + kept - Mux(control.less, self.machine.lanes, 0))
        with m.If(control.clear):
            m.d.sync += total.eq(0)
        with m.Elif(control.enable):
            m.d.sync += total.eq(following)
        with m.If(control.capture):
            m.d.sync += self.result.eq(following)
        return m


def plain_register(m: Module, value: Value, name: str, _fabric: str) -> Signal:
    """In the place of flip-flop cells."""
    register = Signal(len(value), name=name, reset_less=True)
    m.d.sync += register.eq(value)
    return register


@pytest.mark.parametrize("machine", [TWO_TURNS, *slow(TINY)], ids=lambda machine: machine.name)
def test_sums(rng, machine, monkeypatch):
    monkeypatch.setattr(cluster, "CarryElement", PlainElement)
    monkeypatch.setattr(cluster, "distinct_register", plain_register)
    passes = random_passes(rng, machine, blocks=5, idle=0.2)
    assert simulate(machine, "ecp5", passes) == expected_sums(machine, passes)


@pytest.mark.parametrize(("machine", "own"), [(ECP5_85F_4BIT, True), (ECP5_25F, False)],
                         ids=lambda value: getattr(value, "name", None))  # fmt: skip
def test_registers_of_rows_that_are_far_apart(machine, own):
    """Synthesis does not merge what is instantiated."""
    made = rtlil.convert(cluster.Cluster(machine, wait=0, ones=True), emit_src=False)
    names = set(re.findall(r"cell \\TRELLIS_FF \\(\w+)", made))
    registers = {f"leaving{row}_{column}" for row in range(9) for column in range(8)}
    if machine.signs:
        registers |= {f"signing{row}_{turn}_0" for row in range(8) for turn in range(1)}
    assert names & registers == (registers if own else set())
