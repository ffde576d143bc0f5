"""ResultTags: every column has its capture's tag."""

import random

import pytest

from arch.formats import LEAST_SIGN_CYCLES
from arch.machine import ECP5_25F, TINY
from hw.results.result_tags import ResultTags
from tests.hw.cycles import play
from tests.samples.machines import TWO_TURNS


@pytest.mark.parametrize("machine", [TINY, TWO_TURNS, ECP5_25F], ids=lambda machine: machine.name)
@pytest.mark.parametrize("idle", [0, 9])
@pytest.mark.parametrize("lead", [3, 20])
def test_tags(machine, idle, lead, seed):
    """Captures back to back or apart; tags `lead` cycles before their first column."""
    chance = random.Random(seed)
    unit = ResultTags(machine)
    inputs = [{"valid": 0, "tags.valid": 0} for _ in range(3000)]
    expected, ends, cycle = {}, [], lead
    for _ in range(30):
        tag = {
            "pool_first": chance.getrandbits(1),
            "pool_last": chance.getrandbits(1),
            "last": chance.getrandbits(1),
            "raw": chance.getrandbits(1),
            "sum_pieces": chance.choice((0, chance.randrange(machine.raw_chunks))),
            "code_bits": chance.getrandbits(3),
        }
        columns, chunks = machine.columns, tag["sum_pieces"] + 1
        if machine.signs:
            tag["signs"] = chance.getrandbits(1)
            columns = machine.sign_turns if tag["signs"] else columns
        chunks = max(chunks, -(-LEAST_SIGN_CYCLES // columns))
        tag["sum_pieces"] = chunks - 1
        inputs[cycle - lead] |= {"tags.valid": 1, "tags.payload": tag}
        for index in range(columns * chunks):
            inputs[cycle + index]["valid"] = 1
            expected[cycle + index] = tag, *divmod(index, chunks)
        cycle += columns * chunks
        ends.append(cycle - 1)
        cycle += chance.randint(0, idle)
    seen = play(unit, inputs, ("tag", "column", "chunk", "ends"))
    for cycle, (tag, column, chunk) in expected.items():
        assert {name: seen[cycle]["tag"][name] for name in tag} == tag
        assert (seen[cycle]["column"], seen[cycle]["chunk"]) == (column, chunk)
    assert [cycle for cycle, now in enumerate(seen) if now["ends"]] == ends
