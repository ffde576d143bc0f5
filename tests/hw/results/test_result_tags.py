"""ResultTags: every column has its capture's tag."""

import random

import pytest

from arch.machine import ECP5_25F, TINY
from hw.results.result_tags import ResultTags
from tests.hw.cycles import play


@pytest.mark.parametrize("machine", [TINY, ECP5_25F], ids=lambda machine: machine.name)
@pytest.mark.parametrize("idle", [0, 9])
@pytest.mark.parametrize("lead", [3, 20])
def test_tags(machine, idle, lead, seed):
    """Captures back to back or apart; tags `lead` cycles before their first column."""
    chance = random.Random(seed)
    unit = ResultTags(machine)
    inputs = [{"valid": 0, "tags.valid": 0} for _ in range(600)]
    expected, cycle = {}, lead
    for _ in range(30):
        tag = {
            "pool_first": chance.getrandbits(1),
            "pool_last": chance.getrandbits(1),
            "last": chance.getrandbits(1),
            "code_bits": chance.getrandbits(3),
        }
        inputs[cycle - lead] |= {"tags.valid": 1, "tags.payload": tag}
        for column in range(machine.columns):
            inputs[cycle + column]["valid"] = 1
            expected[cycle + column] = tag, column
        cycle += machine.columns + chance.randint(0, idle)
    seen = play(unit, inputs, ("tag", "column", "ends"))
    for cycle, (tag, column) in expected.items():
        assert {name: seen[cycle]["tag"][name] for name in tag} == tag
        assert seen[cycle]["column"] == column
    assert [cycle for cycle, now in enumerate(seen) if now["ends"]] == [
        cycle for cycle, (_, column) in expected.items() if column == machine.columns - 1
    ]
