"""The pins of an SDRAM: a register in every pad."""

from amaranth.hdl import Module
from amaranth.lib import io, wiring
from amaranth.lib.wiring import In, Out

from boards.sdram.commands import Command
from boards.sdram.part import Part


class Pads(wiring.Component):
    """Latency: a cycle out and a cycle in. The memory's clock pin follows the domain ``memory``.

    Parameters
    ----------
    port
        The platform's ``sdram``, requested with ``dir="-"``.

    Members
    -------
    command, bank, address, mask, data_out, data_enable, data_in : those of the controller
    """

    def __init__(self, part: Part, port):
        self.port = port
        super().__init__({
            "command": In(Command),
            "bank": In(2),
            "address": In(part.row_bits),
            "mask": In(part.data_bits // 8),
            "data_out": In(part.data_bits),
            "data_enable": In(1),
            "data_in": Out(part.data_bits),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        port = self.port
        m.submodules.clk = clk = io.DDRBuffer("o", port.clk, o_domain="memory")
        m.d.comb += [clk.o[0].eq(1), clk.o[1].eq(0)]
        levels = self.command.as_value()
        # The platform's ras, cas, we and cs are 1 where the pin is 0.
        for name, value in {
            "ras": ~levels[2], "cas": ~levels[1], "we": ~levels[0], "cs": 1, "clk_en": 1,
            "ba": self.bank, "a": self.address, "dqm": self.mask,
        }.items():  # fmt: skip
            pad = io.FFBuffer("o", getattr(port, name))
            m.submodules[f"pad_{name}"] = pad
            m.d.comb += pad.o.eq(value)
        # A buffer for each bit, so that each has its own register for the direction.
        for bit in range(len(port.dq)):
            pad = io.FFBuffer("io", port.dq[bit])
            m.submodules[f"pad_dq{bit}"] = pad
            m.d.comb += [
                pad.o.eq(self.data_out[bit]),
                pad.oe.eq(self.data_enable),
                self.data_in[bit].eq(pad.i),
            ]
        return m
