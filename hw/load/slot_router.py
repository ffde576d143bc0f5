"""Sends the S words of a memory beat to S of the activation banks."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import HALVES
from arch.machine import Machine
from hw.fabric import checked_fabric
from hw.load.wide_multiplexer import multiplexer
from hw.memories.activation_memory import activation_write


class SlotRouter(wiring.Component):
    """Word w goes to bank ``position[w] mod columns``, address ``position[w] / columns``.

    The words of a step that are written must have different banks. Latency 2 cycles; a step in
    every cycle.

    Parameters
    ----------
    fabric : "ecp5" (multiplexers of several slots), or others (plain operators)

    Members
    -------
    positions : ``In(ArrayLayout(position_bits, slots))``
    words : ``In(ArrayLayout(16, slots))``
    groups : ``In(4)``
        The lane groups that receive the words; 0: nothing is written.
    halves : ``In(2)``
        Halves of their lanes that do; a machine of 16 rows always writes both.
    written : ``In(slots)``
        The words that are written at all.
    banks : ``Out(ArrayLayout(activation_write, columns))``
    """

    latency = 2

    def __init__(self, machine: Machine, fabric: str = "generic"):
        self.machine = machine
        self.fabric = checked_fabric(fabric)
        super().__init__({
            "positions": In(data.ArrayLayout(machine.position_bits, machine.slots)),
            "words": In(data.ArrayLayout(machine.group_lanes, machine.slots)),
            "groups": In(machine.lane_groups),
            "halves": In(HALVES),
            "written": In(machine.slots),
            "banks": Out(data.ArrayLayout(activation_write(machine), machine.columns)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        slots, columns = self.machine.slots, self.machine.columns
        column_bits = self.machine.column_bits

        # First cycle: which word each bank takes, as a number of log2 S bits.
        addresses = [
            Signal(len(self.banks[0].address), name=f"address{w}", reset_less=True)
            for w in range(slots)
        ]
        words = [
            Signal(self.machine.group_lanes, name=f"word{w}", reset_less=True) for w in range(slots)
        ]
        # What a bank writes that takes a word: lane groups, or halves of them.
        lanes = [self.groups]
        if self.machine.map_steps > 1:
            lanes = [self.groups & half.replicate(len(self.groups)) for half in self.halves]
        written = Signal(len(Cat(lanes)), reset_less=True)
        m.d.sync += written.eq(Cat(lanes))
        for w in range(slots):
            m.d.sync += [
                addresses[w].eq(self.positions[w][column_bits:]),
                words[w].eq(self.words[w]),
            ]
        for b in range(columns):
            hits = [(self.positions[w][:column_bits] == b) & self.written[w] for w in range(slots)]
            taken = Signal(range(slots), name=f"taken{b}", reset_less=True)
            taking = Signal(name=f"taking{b}", reset_less=True)
            m.d.sync += [
                taken.eq(
                    Cat(
                        Cat(hits[w] for w in range(slots) if w >> i & 1).any()
                        for i in range(len(taken))
                    )
                ),
                taking.eq(Cat(hits).any()),
            ]

            # Second cycle: take it.
            bank = self.banks[b]
            word = Signal(self.machine.group_lanes, name=f"data{b}", reset_less=True)
            address = Signal.like(bank.address, name=f"to{b}", reset_less=True)
            enables = Signal.like(written, name=f"enables{b}", reset_less=True)
            places = [Cat(*pair) for pair in zip(addresses, words, strict=True)]
            if self.fabric == "ecp5":
                place = multiplexer(m, f"bank{b}", places, taken)
            else:
                place = Array(places)[taken]
            m.d.sync += [Cat(address, word).eq(place), enables.eq(Mux(taking, written, 0))]
            m.d.comb += [
                bank.address.eq(address),
                bank.data.eq(word.replicate(self.machine.lane_groups)),
                bank.enables.eq(
                    Cat(
                        enables[half % len(lanes) * len(self.groups) + group]
                        for group in range(len(self.groups))
                        for half in range(HALVES)
                    )
                ),
            ]
        return m
