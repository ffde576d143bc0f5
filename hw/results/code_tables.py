"""The tables that wide codes are looked up in."""

from amaranth.hdl import Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.wide import CODE_ENTRIES, CODE_ENTRY_BITS
from hw.memories.block_ram import LATENCY, BlockRam

ENTRY_ADDRESS_BITS = (CODE_ENTRIES - 1).bit_length()


def code_write() -> data.StructLayout:
    """Return a write of one entry."""
    return data.StructLayout({"valid": 1, "entry": ENTRY_ADDRESS_BITS, "data": CODE_ENTRY_BITS})


class CodeTables(wiring.Component):
    """Both code tables, for one row at a time.

    Latency: ``latency`` = 2 cycles; one entry per cycle. Reading and writing an entry in one cycle
    is not defined.

    Members
    -------
    write : ``In(code_write)``
    entry : ``In(10)``
        Table, half and code, from the highest bit down.
    data : ``Out(32)``
    """

    latency = LATENCY

    def __init__(self, fabric: str):
        self.fabric = fabric
        super().__init__({
            "write": In(code_write()),
            "entry": In(ENTRY_ADDRESS_BITS),
            "data": Out(CODE_ENTRY_BITS),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.entries = ram = BlockRam(CODE_ENTRIES, CODE_ENTRY_BITS, self.fabric)
        m.d.comb += [
            ram.write_address.eq(self.write.entry),
            ram.write_data.eq(self.write.data),
            ram.write_enable.eq(self.write.valid),
            ram.read_address.eq(self.entry),
            self.data.eq(ram.read_data),
        ]
        return m
