"""The weight memory."""

from amaranth.hdl import Cat, Module, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.machine import Machine
from hw.memories.block_ram import LATENCY, BlockRam

PAIR = 2
"""Rows per block RAM: two 16-bit words share one of 36 bits."""


def weight_write(machine: Machine) -> data.StructLayout:
    """A write of ``word`` for rows ``row``, ``row + 1``, ...: one per 64 bits of a memory beat.

    With two rows per beat ``row`` is even. Lane l of a row is bit l of its ``data``.
    """
    return data.StructLayout({
        "valid": 1,
        "word": machine.weight_bits,
        "row": range(machine.rows),
        "data": data.ArrayLayout(unsigned(machine.lanes), machine.axi_data_bits // machine.lanes),
    })  # fmt: skip


class WeightMemory(wiring.Component):
    """``weight_words`` words of ``rows`` x ``lanes`` bits, read group by group.

    Lane group g of all rows is read at ``addresses[g]``; reads answer after ``latency`` = 2 cycles,
    one per cycle. Reading and writing one word in one cycle is not defined.

    Members
    -------
    write : In(weight_write)
    addresses : In(weight_bits) [lane_groups]
    rows : Out(lanes) [rows]
    """

    latency = LATENCY

    def __init__(self, machine: Machine, fabric: str):
        self.machine = machine
        self.fabric = fabric
        addresses = data.ArrayLayout(unsigned(machine.weight_bits), machine.lane_groups)
        super().__init__({
            "write": In(weight_write(machine)),
            "addresses": In(addresses),
            "rows": Out(data.ArrayLayout(unsigned(machine.lanes), machine.rows)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        machine, write = self.machine, self.write
        lanes = machine.group_lanes
        at_once = len(write.data)
        for pair in range(machine.rows // PAIR):
            rows = range(PAIR * pair, PAIR * (pair + 1))
            enables = Cat(write.valid & (write.row == row - (row % at_once)) for row in rows)
            for group in range(machine.lane_groups):
                ram = BlockRam(machine.weight_words, PAIR * lanes, self.fabric, lanes)
                m.submodules[f"rows{rows[0]}_group{group}"] = ram
                m.d.comb += [
                    ram.write_address.eq(write.word),
                    ram.write_data.eq(Cat(
                        write.data[row % at_once].word_select(group, lanes) for row in rows
                    )),
                    ram.write_enable.eq(enables),
                    ram.read_address.eq(self.addresses[group]),
                ]  # fmt: skip
                for index, row in enumerate(rows):
                    word = ram.read_data.word_select(index, lanes)
                    m.d.comb += self.rows[row].word_select(group, lanes).eq(word)
        return m
