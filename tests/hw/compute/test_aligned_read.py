"""AlignedRead: column c gets position base + offset + c, and all of a pass arrives in one cycle."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.machine import ECP5_25F, ECP5_85F, TINY
from hw.array.pass_layouts import pass_layout
from hw.compute.aligned_read import AlignedRead
from hw.compute.sequencer import step_layout
from hw.memories.activation_memory import ActivationMemory
from hw.memories.weight_memory import WeightMemory
from tests.hw.compute_model import Chip, random_group
from tests.hw.cycles import play


class Fetch(wiring.Component):
    """AlignedRead with its memories."""

    def __init__(self, machine):
        self.read = AlignedRead(machine)
        self.activations = ActivationMemory(machine, "generic")
        self.weights = WeightMemory(machine, "generic")
        super().__init__({
            "step": In(step_layout(machine)),
            "activation_writes": In(self.activations.writes.shape()),
            "weight_write": In(self.weights.write.shape()),
            "passes": Out(pass_layout(machine)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.read = read = self.read
        m.submodules.activations, m.submodules.weights = self.activations, self.weights
        m.d.comb += [
            read.step.eq(self.step),
            self.activations.writes.eq(self.activation_writes),
            self.weights.write.eq(self.weight_write),
            self.activations.addresses.eq(read.addresses),
            read.words.eq(self.activations.words),
            self.weights.addresses.eq(read.weight_addresses),
            read.weights.eq(self.weights.rows),
            self.passes.eq(read.passes),
        ]
        return m


def filling(chip, fetch):
    """Cycles that write the chip's activations and weights."""
    machine, columns = chip.machine, chip.machine.columns
    for word in range(machine.activation_words):
        yield {
            "activation_writes": [
                {"address": word, "data": chip.activations[word * columns + column], "enables": 255}
                for column in range(columns)
            ]
        }
    at_once = len(fetch.weight_write.data)
    for word, rows in enumerate(chip.weights):
        for row in range(0, machine.rows, at_once):
            yield {
                "activation_writes": [{"enables": 0}] * columns,
                "weight_write": {
                    "valid": 1,
                    "word": word,
                    "row": row,
                    "data": rows[row : row + at_once],
                },
            }
    yield {"weight_write": {"valid": 0}}


def masked(word, group):
    return word & 0xFFFF << 16 * group


@pytest.mark.parametrize("machine", [TINY, ECP5_25F, ECP5_85F], ids=lambda machine: machine.name)
def test_passes(machine, seed):
    """A step in every cycle, from all positions, around the memories' ends."""
    chance = random.Random(seed)
    machine = machine.__class__(**{**vars(machine), "activation_words": 8, "weight_words": 8})
    chip = Chip.random(machine, chance, reach=1)
    fetch = Fetch(machine)
    fill = list(filling(chip, fetch))
    steps = []
    for _ in range(150):
        base = chance.randrange(machine.positions)
        steps.append(
            {
                "valid": chance.getrandbits(1),
                "base": base,
                "after": (base + machine.columns) % machine.positions,
                "weight_base": chance.randrange(machine.weight_words),
                "entry": {
                    "group": [random_group(machine, chance) for _ in range(4)],
                    **{name: chance.getrandbits(1) for name in ("clear", "double", "capture")},
                },
            }
        )
    seen = play(
        fetch,
        [*fill, *({"step": step} for step in steps), *({},) * fetch.read.latency],
        ("passes",),
    )
    for index, step in enumerate(steps, len(fill) + fetch.read.latency):
        found, entry = seen[index]["passes"], step["entry"]
        assert found.valid == step["valid"]
        assert [found[name] for name in ("clear", "double", "capture")] == [
            entry[name] for name in ("clear", "double", "capture")
        ]
        assert found.ones == sum(group["ones"] << g for g, group in enumerate(entry["group"]))
        for column in range(machine.columns):
            assert found.activations[column] == sum(
                masked(
                    chip.activations[(step["base"] + group["offset"] + column) % machine.positions],
                    g,
                )
                for g, group in enumerate(entry["group"])
                if group["enable"]
            )
        for row in range(machine.rows):
            assert found.weights[row] == sum(
                masked(
                    chip.weights[(step["weight_base"] + group["weight"]) % machine.weight_words][
                        row
                    ],
                    g,
                )
                for g, group in enumerate(entry["group"])
            )
