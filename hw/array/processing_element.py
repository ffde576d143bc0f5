"""One output channel at one position: popcount and accumulate."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.machine import Machine
from hw.array.pass_layouts import pass_control
from hw.array.popcount import masks_layout, popcount
from hw.written_once import as_instance


class ProcessingElement(wiring.Component):
    """Sums XOR-popcounts of bit-planes, Horner fashion.

    In a valid pass::

        pop  = popcount(activations ^ weights) - (lanes if less)
        sum' = pop + (0 if clear else 2 * sum if double else sum)     modulo 2**accumulator_bits
        if capture: result' = sum'

    In any other cycle nothing changes. Blocks follow each other without a gap: capture in the last
    pass of one, clear in the first pass of the next.

    Latency: a pass that captures at cycle t shows in ``result`` at t + :attr:`latency`.
    Throughput: one pass per cycle.

    This is the definition, and the form for simulation and for any FPGA;
    :class:`hw.array.carry_element.CarryElement` is the ECP5 form of it.

    Members
    -------
    control : In(pass_control)
    activations : In(lanes)
    weights : In(lanes)
    masks : In(masks_layout(lanes))
        From :func:`hw.array.popcount.field_masks`; many elements share them.
    result : Out(accumulator_bits)
    """

    latency = 1

    def __init__(self, machine: Machine):
        self.machine = machine
        #: This pass's popcount, and the sum of the block so far: what a proof talks about.
        self.count = Signal(range(machine.lanes + 1))
        self.total = Signal(machine.accumulator_bits, reset_less=True)
        super().__init__({
            "control": In(pass_control(self.machine)),
            "activations": In(machine.lanes),
            "weights": In(machine.lanes),
            "masks": In(masks_layout(machine.lanes)),
            "result": Out(machine.accumulator_bits),
        })  # fmt: skip

    def elaborate(self, platform):
        name = f"processing_element_{self.machine.lanes}_lanes_{self.machine.accumulator_bits}_bits"
        if instance := as_instance(platform, self, name):
            return instance
        m = Module()
        control = self.control
        total = self.total
        following = Signal.like(total)
        product = Signal(self.machine.lanes)
        captured = Signal.like(total)
        carried = Mux(control.clear, 0, Mux(control.double, total << 1, total))
        less = Mux(control.less, self.machine.lanes, 0) if self.machine.signs else None
        m.d.comb += [
            product.eq(self.activations ^ self.weights),
            self.count.eq(popcount(m, product, self.masks)),
            following.eq(self.count + carried if less is None else self.count + carried - less),
            self.result.eq(captured),
        ]
        with m.If(control.valid):
            m.d.sync += total.eq(following)
            with m.If(control.capture):
                m.d.sync += captured.eq(following)
        return m
