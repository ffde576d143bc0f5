"""The array in the generic fabric and in another one side by side."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.machine import Machine
from hw.array.array import Array
from hw.array.pass_layouts import pass_layout


class ArrayMiter(wiring.Component):
    """Both arrays see the same passes.

    Members
    -------
    passes : In(pass_layout(machine))
    valid : Out(1), a column leaves
    differ : Out(1), it does so in one array only, or with other sums
    """

    def __init__(self, machine: Machine, fabric: str):
        self.machine = machine
        self.fabric = fabric
        super().__init__({
            "passes": In(pass_layout(machine)),
            "valid": Out(1),
            "differ": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.plain = plain = Array(self.machine, "generic")
        m.submodules.mapped = mapped = Array(self.machine, self.fabric)
        left, right = plain.sums, mapped.sums
        m.d.comb += [
            plain.passes.eq(self.passes),
            mapped.passes.eq(self.passes),
            self.valid.eq(left.valid),
            self.differ.eq(
                (left.valid != right.valid) | (left.valid & (left.as_value() != right.as_value()))
            ),
        ]
        return m
