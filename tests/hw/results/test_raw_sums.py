"""RawSums: codes in one piece, sums in raw_chunks pieces, in order and without gaps."""

import random

import pytest

from arch.machine import ECP5_25F, ECP5_45F, ECP5_85F, TINY
from hw.results.raw_sums import RawSums
from tests.hw.cycles import play


@pytest.mark.parametrize("machine", [TINY, ECP5_25F, ECP5_45F, ECP5_85F], ids=lambda m: m.name)
@pytest.mark.parametrize("idle", [0, 7])
def test_pieces(machine, idle, seed):
    """Random captures, raw or not, as close as they may be or up to `idle` cycles further apart."""
    chance = random.Random(seed)
    unit = RawSums(machine)
    chunks = machine.raw_chunks
    captures = [
        (chance.random() < 0.5, chance.getrandbits(1), chance.getrandbits(1)) for _ in range(12)
    ]
    length = sum(machine.block_beats + idle for _ in captures) + 20
    inputs = [{"keep": 0, "columns": {"valid": 0}} for _ in range(length)]
    expected = {}
    cycle = unit.TOTAL_LEAD
    for raw, leaves, last in captures:
        for column in range(machine.columns):
            ends = column == machine.columns - 1
            common = {"valid": 1, "leaves": leaves, "raw": raw, "ends": ends, "last": last}
            if raw:
                totals = [chance.getrandbits(machine.sum_bits) for _ in range(machine.rows)]
                inputs[cycle - unit.TOTAL_LEAD + column] |= {"keep": 1, "totals": totals}
                inputs[cycle + column]["columns"] = common
                for k in range(chunks):
                    at = cycle + column * chunks + k + unit.latency
                    expected[at] = (
                        k == 0,
                        leaves,
                        raw,
                        ends and k == chunks - 1,
                        ends and k == chunks - 1 and last,
                        [total >> 4 * k & 15 for total in totals],
                    )
            else:
                codes = [chance.randrange(16) for _ in range(machine.rows)]
                inputs[cycle + column]["columns"] = common | {"codes": codes}
                expected[cycle + column + unit.latency] = (1, leaves, 0, ends, ends and last, codes)
        cycle += (machine.block_beats if raw else machine.columns) + chance.randint(0, idle)
    pieces = [seen["pieces"] for seen in play(unit, inputs, ("pieces",))]
    found = {
        at: (p.starts, p.leaves, p.raw, p.ends, p.last, list(p.codes))
        for at, p in enumerate(pieces)
        if p.valid
    }
    assert found == expected
