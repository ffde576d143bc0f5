"""Accumulator and result register, on ECP5 in its carry cells."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.machine import Machine
from hw.array.carry_chain import HIGH, A, B, C, CarryChain, D
from hw.fabric import checked_fabric

# Adds x = a (a bit of the count) and y = d if b else c (the accumulator's own bits, b to double).
# The lowest bit has nothing below it; above the count x is 0.
DOUBLED = (B & D) | (~B & C)
ACCUMULATE = A ^ DOUBLED
ACCUMULATE_LOWEST = A ^ (C & ~B)
ACCUMULATE_UPPER = DOUBLED


class AccumulatorControl(data.Struct):
    """Control of a :class:`CarryAccumulator`.

    ``enable``, ``double`` and ``capture`` come in the cycle before their pass's count: ``enable``
    if the pass is valid, ``capture`` if it also captures. ``clear`` comes one cycle earlier still:
    1 if that pass is valid and clears.
    """

    enable: unsigned(1)
    clear: unsigned(1)
    double: unsigned(1)
    capture: unsigned(1)


class SignAccumulatorControl(data.Struct):
    """That of a machine with signs; ``less`` comes with ``double``."""

    enable: unsigned(1)
    clear: unsigned(1)
    double: unsigned(1)
    capture: unsigned(1)
    less: unsigned(1)


def accumulator_control(machine: Machine) -> type[data.Struct]:
    """Return how an accumulator is controlled on this machine."""
    return SignAccumulatorControl if machine.signs else AccumulatorControl


class CarryAccumulator(wiring.Component):
    """Adds ``count`` and the product of one lane to the sum of a block.

    One carry position per bit, and one to bring in the lane. Clearing costs nothing: the
    accumulator is reset in the cycle before the clearing pass is added, just when the last block's
    sum leaves it, and ``result`` takes that sum from the adder. ``less`` is what the bits above the
    count add: ones in all of them are minus the lowest one's weight, the number of lanes.

    Latency: 1 cycle from ``count`` to ``result``. Throughput: one pass per cycle.

    Members
    -------
    control : In(accumulator_control)
    count : In(6)
    activation, weight : In(1), the lane that ``count`` leaves out
    result : Out(accumulator_bits)
    """

    latency = 1

    def __init__(self, machine: Machine, count_bits: int, fabric: str = "ecp5"):
        self.fabric = checked_fabric(fabric)
        #: The accumulator: 0 in the cycle that adds a clearing pass.
        self.total = Signal(machine.accumulator_bits, reset_less=True)
        self.machine = machine
        super().__init__({
            "control": In(accumulator_control(machine)),
            "count": In(count_bits),
            "activation": In(1),
            "weight": In(1),
            "result": Out(machine.accumulator_bits),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        # yosys makes one such register of those of a cluster: its elements stand close together.
        shape = accumulator_control(self.machine)
        control = Signal(shape, reset_less=True, attrs={"keep": 1})
        m.d.sync += control.eq(self.control)

        total = self.total
        if self.fabric == "ecp5":
            following = self._following_in_cells(m, control)
        else:
            # The lane comes in as the carry of a bit below the lowest one.
            carry = self.activation ^ self.weight
            doubled = Mux(control.double, total << 1, total)[: len(total)]
            count = self.count
            if self.machine.signs:
                count = Cat(count, control.less.replicate(len(total) - len(count)))
            following = (Cat(carry, doubled) + Cat(carry, count))[1 : 1 + len(total)]

        with m.If(control.clear):
            m.d.sync += total.eq(0)
        with m.Elif(control.enable):
            m.d.sync += total.eq(following)
        result = Signal.like(total)
        with m.If(control.capture):
            m.d.sync += result.eq(following)
        m.d.comb += self.result.eq(result)
        return m

    def _following_in_cells(self, m: Module, control: AccumulatorControl) -> Value:
        """Return the next total, from a chain of carry cells."""
        total = self.total
        positions = [(ACCUMULATE_LOWEST, self.count[0], control.double, total[0], HIGH)]
        for index in range(1, len(total)):
            if index < len(self.count):
                init, bit = ACCUMULATE, self.count[index]
            elif self.machine.signs:
                init, bit = ACCUMULATE, control.less
            else:
                init, bit = ACCUMULATE_UPPER, HIGH
            positions.append((init, bit, control.double, total[index], total[index - 1]))
        chain = CarryChain()
        following = chain.adder((self.activation, self.weight), positions)
        chain.close(m, "accumulator", wraps=True)
        return Cat(following)
