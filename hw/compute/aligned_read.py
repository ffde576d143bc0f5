"""Fetches C consecutive positions per lane group out of C banks."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.machine import Machine
from hw.array.pass_layouts import pass_layout
from hw.compute.rotator import Rotator
from hw.compute.sequencer import step_layout
from hw.fabric import checked_fabric
from hw.memories.block_ram import LATENCY
from hw.streams.delay import delayed


class AlignedRead(wiring.Component):
    """Makes a pass out of a step: for column c, row r and lane group g,

        activation[c].group[g] = chip[(base + offset_g + c) mod positions].group[g], 0 if not enable
        weight[r].group[g]     = weights[(weight_base + weight_g) mod weight_words][r].group[g]

    Position p lies in bank p mod C at word p / C. With b0 = (base + offset_g) mod C, bank b is read
    at the word of p + (C if b < b0 else 0), and column c takes the data of bank (b0 + c) mod C.

    Timing: step in t; sums p and p + C in registers in t + 1; bank addresses in t + 2; the
    memories' data in t + 2 + LATENCY; rotated by :class:`hw.compute.rotator.Rotator`; pass in t +
    ``latency``, latency = 2 + LATENCY + ceil(log2(C) / 2). One pass per cycle.

    Parameters
    ----------
    fabric : "ecp5" (``machine.multipliers`` of its multipliers), or others (plain operators)

    Members
    -------
    step : ``In(step_layout)``
    addresses : ``Out(word) [columns][lane_groups]``
    words : ``In(group_lanes) [columns][lane_groups]``
        To and from :class:`hw.memories.activation_memory.ActivationMemory`.
    weight_addresses : ``Out(weight_bits) [lane_groups]``
    weights : ``In(lanes) [rows]``
        To and from :class:`hw.memories.weight_memory.WeightMemory`.
    passes : ``Out(pass_layout)``
        Control from registers, activations from a LUT behind registers (generic: from these),
        weights straight from the memory.
    """

    def __init__(self, machine: Machine, fabric: str = "generic"):
        self.machine = machine
        multipliers = machine.multipliers if checked_fabric(fabric) == "ecp5" else 0
        groups = machine.lane_groups
        self._rotators = [
            Rotator(machine, (multipliers + index) // groups) for index in range(groups)
        ]
        self.latency = 2 + LATENCY + self._rotators[0].latency
        word = machine.position_bits - machine.column_bits

        def per_group(bits):
            return data.ArrayLayout(data.ArrayLayout(unsigned(bits), groups), machine.columns)

        super().__init__({
            "step": In(step_layout(machine)),
            "addresses": Out(per_group(word)),
            "words": In(per_group(machine.group_lanes)),
            "weight_addresses": Out(data.ArrayLayout(unsigned(machine.weight_bits), groups)),
            "weights": In(data.ArrayLayout(unsigned(machine.lanes), machine.rows)),
            "passes": Out(pass_layout(machine)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        machine, step, entry = self.machine, self.step, self.step.entry
        columns = machine.columns
        position, shift = machine.position_bits, machine.column_bits

        def data_delayed(value, cycles, name):
            return delayed(m, value, cycles, name, reset_less=True)

        rotated = []
        for index in range(machine.lane_groups):
            group = entry.group[index]
            # The addresses.
            first = Signal(position, name=f"first{index}", reset_less=True)
            beyond = Signal(position, name=f"beyond{index}", reset_less=True)
            enable = Signal(name=f"enable{index}", reset_less=True)
            m.d.sync += [
                first.eq(step.base + group.offset),
                beyond.eq(step.after + group.offset),
                enable.eq(group.enable),
            ]
            for bank in range(columns):
                address = Signal(position - shift, name=f"address{bank}_{index}", reset_less=True)
                m.d.sync += address.eq(Mux(first[:shift] > bank, beyond[shift:], first[shift:]))
                m.d.comb += self.addresses[bank][index].eq(address)
            weight_word = Signal(machine.weight_bits, name=f"weight_word{index}", reset_less=True)
            m.d.sync += weight_word.eq(step.weight_base + group.weight)
            m.d.comb += self.weight_addresses[index].eq(
                data_delayed(weight_word, self.latency - 1 - LATENCY, f"weight_word{index}")
            )

            # The rotation.
            m.submodules[f"rotator{index}"] = rotator = self._rotators[index]
            lead = 1 + LATENCY - rotator.LEAD
            m.d.comb += [
                rotator.turn.eq(data_delayed(first[:shift], lead, f"turn{index}")),
                rotator.enable.eq(data_delayed(enable, lead, f"enable{index}")),
                *(rotator.words[bank].eq(self.words[bank][index]) for bank in range(columns)),
            ]
            rotated.append(rotator.rotated)

        m.d.comb += [
            self.passes.activations[column].eq(Cat(words[column] for words in rotated))
            for column in range(columns)
        ]
        m.d.comb += self.passes.weights.eq(self.weights)
        control = Cat(
            entry.clear,
            entry.double,
            entry.capture,
            step.pieces,
            *(group.ones for group in entry.group),
            *([entry.less, step.signs] if machine.signs else []),
        )
        m.d.comb += [
            self.passes.valid.eq(delayed(m, step.valid, self.latency, "valid")),
            Cat(
                self.passes.clear,
                self.passes.double,
                self.passes.capture,
                self.passes.pieces,
                self.passes.ones,
                *([self.passes.less, self.passes.signs] if machine.signs else []),
            ).eq(data_delayed(control, self.latency, "control")),
        ]
        return m
