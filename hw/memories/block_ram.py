"""On-chip memories that answer after two cycles."""

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.fabric import checked_fabric
from hw.memories.ecp5 import dual_port_ram
from hw.memories.gowin import semi_dual_port_ram
from hw.written_once import as_instance

LATENCY = 2
"""Cycles from a read address to its data: the memory's own register, then its output register."""


class BlockRam(wiring.Component):
    """A memory with one write port and one read port.

    Word ``read_address`` at cycle t is in ``read_data`` at t + 2, every cycle another one. A write
    in cycle t is seen by reads from t + 1 on. **Writing and reading one address in one cycle is not
    defined**; whoever shares a memory sees to it that it never happens. Contents start undefined.

    The output register is the block RAM's own: without it the data leave 5.8 ns after the clock
    edge on ECP5. In the generic fabric it is an ordinary register.

    Parameters
    ----------
    granularity : int, optional
        Bits per write enable; by default one enable for the word.
    fabric : "generic", "ecp5" or "gowin"

    Members
    -------
    write_address, read_address : In(ceil(log2(depth)))
    write_data : In(width)
    write_enable : In(width / granularity)
    read_data : Out(width)
    """

    latency = LATENCY

    def __init__(self, depth: int, width: int, fabric: str, granularity: int | None = None):
        self.depth = depth
        self.width = width
        self.fabric = checked_fabric(fabric)
        self.granularity = width if granularity is None else granularity
        address_bits = (depth - 1).bit_length()
        super().__init__({
            "write_address": In(address_bits),
            "write_data": In(width),
            "write_enable": In(width // self.granularity),
            "read_address": In(address_bits),
            "read_data": Out(width),
        })  # fmt: skip

    def elaborate(self, platform):
        if self.fabric == "ecp5":
            return dual_port_ram(self)
        if self.fabric == "gowin":
            return semi_dual_port_ram(self)
        name = f"block_ram_{self.depth}x{self.width}_by_{self.granularity}"
        if instance := as_instance(platform, self, name):
            return instance
        m = Module()
        data = Signal(self.width, reset_less=True)
        m.submodules.words = words = memory.Memory(shape=self.width, depth=self.depth, init=[])
        writer = words.write_port(granularity=self.granularity)
        reader = words.read_port()
        m.d.comb += [
            writer.addr.eq(self.write_address),
            writer.data.eq(self.write_data),
            writer.en.eq(self.write_enable),
            reader.addr.eq(self.read_address),
        ]
        m.d.sync += data.eq(reader.data)
        m.d.comb += self.read_data.eq(data)
        return m
