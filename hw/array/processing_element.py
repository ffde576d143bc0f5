"""One output channel at one position: popcount and accumulate."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.machine import Machine
from hw.array.pass_layouts import PassControl
from hw.array.popcount import field_masks, popcount


class ProcessingElement(wiring.Component):
    """Sums XOR-popcounts of bit-planes, Horner fashion.

    In a valid pass::

        pop  = popcount(activations ^ weights)
        sum' = pop + (0 if clear else 2 * sum if double else sum)     modulo 2**accumulator_bits
        if capture: result' = sum'

    In any other cycle nothing changes. Blocks follow each other without a gap: capture in the last
    pass of one, clear in the first pass of the next.

    Latency: a pass that captures at cycle t shows in ``result`` at t + :attr:`latency`.
    Throughput: one pass per cycle.

    This is the definition, and the form for simulation and for any FPGA;
    :class:`hw.array.carry_element.CarryElement` is the ECP5 form of it.

    Parameters
    ----------
    masks : list of Signal, optional
        From :func:`hw.array.popcount.field_masks`, where many elements share them.

    Members
    -------
    control : In(PassControl)
    activations : In(lanes)
    weights : In(lanes)
    result : Out(accumulator_bits)
    """

    latency = 1

    def __init__(self, machine: Machine, masks: list[Signal] | None = None):
        self.machine = machine
        self._masks = masks
        #: This pass's popcount, and the sum of the block so far: what a proof talks about.
        self.count = Signal(range(machine.lanes + 1))
        self.total = Signal(machine.accumulator_bits)
        super().__init__({
            "control": In(PassControl),
            "activations": In(machine.lanes),
            "weights": In(machine.lanes),
            "result": Out(machine.accumulator_bits),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        masks = self._masks if self._masks is not None else field_masks(m, self.machine.lanes)
        control = self.control
        total = self.total
        following = Signal.like(total)
        product = Signal(self.machine.lanes)
        carried = Mux(control.clear, 0, Mux(control.double, total << 1, total))
        m.d.comb += [
            product.eq(self.activations ^ self.weights),
            self.count.eq(popcount(m, product, masks)),
            following.eq(self.count + carried),
        ]
        with m.If(control.valid):
            m.d.sync += total.eq(following)
            with m.If(control.capture):
                m.d.sync += self.result.eq(following)
        return m
