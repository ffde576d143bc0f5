"""PassTable keeps the bits that the machine needs."""

import random

import pytest

from arch.isa import Entry, encode
from arch.machine import ECP5_85F, TINY
from hw.memories.pass_table import PassTable
from tests.hw.compute_model import random_span
from tests.hw.cycles import play


@pytest.mark.parametrize("machine", [TINY, ECP5_85F], ids=lambda machine: machine.name)
def test_entries(machine, seed):
    chance = random.Random(seed)
    span = random_span(machine, chance, window=4, most=8)
    places = chance.sample(range(machine.table_entries), len(span))
    table = PassTable(machine, "generic")
    inputs = [
        {"write": {"valid": 1, "address": place, "data": encode(Entry, entry)}}
        for place, entry in zip(places, span, strict=True)
    ]
    inputs += [{"write": {"valid": 0}, "address": place} for place in places]
    inputs += [{}] * table.latency
    seen = play(table, inputs, ("entry",))[len(span) + table.latency :]
    for entry, wanted in zip((cycle["entry"] for cycle in seen), span, strict=True):
        for name in ("clear", "double", "capture", "pool_first", "pool_last"):
            assert entry[name] == wanted[name]
        for g, group in enumerate(wanted["group"]):
            assert {name: entry.group[g][name] for name in group} == group
