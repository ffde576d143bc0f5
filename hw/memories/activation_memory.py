"""The activation banks."""

from amaranth.hdl import Module, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.machine import Machine
from hw.memories.block_ram import LATENCY, BlockRam


def activation_write(machine: Machine) -> data.StructLayout:
    """A write to one bank: lane l is bit l of ``data``; ``enables`` bit i is for lanes 8i..8i+7."""
    return data.StructLayout({
        "address": (machine.activation_words - 1).bit_length(),
        "data": machine.lanes,
        "enables": machine.lanes // 8,
    })  # fmt: skip


class ActivationMemory(wiring.Component):
    """``columns`` banks of ``lane_groups`` memories, ``activation_words`` words of 16 lanes each.

    Every memory has its own read address; a bank's memories share the write address. Reads answer
    after ``latency`` = 2 cycles, one per cycle. Reading and writing one word in one cycle is not
    defined.

    Members
    -------
    writes : In(activation_write) [columns]
    addresses : In(address bits) [columns][lane_groups]
    words : Out(group_lanes) [columns][lane_groups]
    """

    latency = LATENCY

    def __init__(self, machine: Machine, fabric: str):
        self.machine = machine
        self.fabric = fabric

        def per_group(bits):
            groups = data.ArrayLayout(unsigned(bits), machine.lane_groups)
            return data.ArrayLayout(groups, machine.columns)

        super().__init__({
            "writes": In(data.ArrayLayout(activation_write(machine), machine.columns)),
            "addresses": In(per_group((machine.activation_words - 1).bit_length())),
            "words": Out(per_group(machine.group_lanes)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        machine = self.machine
        for column in range(machine.columns):
            write = self.writes[column]
            enables = machine.group_lanes // 8
            for group in range(machine.lane_groups):
                ram = BlockRam(machine.activation_words, machine.group_lanes, self.fabric, 8)
                m.submodules[f"bank{column}_group{group}"] = ram
                m.d.comb += [
                    ram.write_address.eq(write.address),
                    ram.write_data.eq(write.data.word_select(group, machine.group_lanes)),
                    ram.write_enable.eq(write.enables.word_select(group, enables)),
                    ram.read_address.eq(self.addresses[column][group]),
                    self.words[column][group].eq(ram.read_data),
                ]
        return m
