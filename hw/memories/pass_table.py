"""The pass table: what each pass reads and does."""

from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.isa import GROUP_FIELDS, PASS_FLAGS, SIGN_FLAGS, Entry, EntryGroup, shapes
from arch.machine import Machine
from hw.load.unit_writer import table_write
from hw.memories.block_ram import LATENCY, BlockRam


def entry_group(machine: Machine) -> data.StructLayout:
    """Return :class:`arch.isa.EntryGroup` at the widths of this machine."""
    return data.StructLayout({
        "offset": machine.position_bits,
        "weight": machine.weight_bits,
        **shapes(EntryGroup, "enable", "ones"),
    })  # fmt: skip


def pass_flags(machine: Machine) -> tuple[str, ...]:
    """Return those of ``PASS_FLAGS`` that mean something to this machine."""
    return tuple(name for name in PASS_FLAGS if machine.signs or name not in SIGN_FLAGS)


def entry_layout(machine: Machine) -> data.StructLayout:
    """Return :class:`arch.isa.Entry` at the widths of this machine."""
    return data.StructLayout({
        "group": data.ArrayLayout(entry_group(machine), machine.lane_groups),
        **shapes(Entry, *pass_flags(machine)),
    })  # fmt: skip


class PassTable(wiring.Component):
    """Holds ``table_entries`` entries, without the bits that this machine's sizes do not need.

    Latency: ``latency`` = 2 cycles from ``address`` to ``entry``, one per cycle. Reading and
    writing one entry in one cycle is not defined.

    Members
    -------
    write : ``In(table_write)``
    address : ``In(table_bits)``
    entry : ``Out(entry_layout)``
    """

    latency = LATENCY

    def __init__(self, machine: Machine, fabric: str):
        self.machine = machine
        self.fabric = fabric
        super().__init__({
            "write": In(table_write(machine)),
            "address": In(machine.table_bits),
            "entry": Out(entry_layout(machine)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        layout = entry_layout(self.machine)
        m.submodules.entries = entries = BlockRam(
            self.machine.table_entries, layout.size, self.fabric
        )
        given = data.View(Entry, self.write.data[: Shape.cast(Entry).width])
        kept = Signal(layout)
        for group, wide in zip(kept.group, given.group, strict=True):
            m.d.comb += [group[name].eq(wide[name]) for name in GROUP_FIELDS]
        m.d.comb += [kept[name].eq(given[name]) for name in pass_flags(self.machine)]
        m.d.comb += [
            entries.write_address.eq(self.write.address),
            entries.write_data.eq(kept),
            entries.write_enable.eq(self.write.valid),
            entries.read_address.eq(self.address),
            self.entry.eq(entries.read_data),
        ]
        return m
