"""RunningMaximum over windows of captures."""

import random

import pytest

from arch.machine import ECP5_25F, TINY
from hw.results.running_maximum import RunningMaximum
from tests.hw.cycles import play


@pytest.mark.parametrize("machine", [TINY, ECP5_25F], ids=lambda machine: machine.name)
@pytest.mark.parametrize("idle", [0.0, 0.5])
def test_windows(machine, idle, seed):
    """Windows of 1 to 4 captures; captures as close as they can be, or with gaps."""
    chance = random.Random(seed)
    maximum = RunningMaximum(machine)
    captures = []  # (window's captures so far, codes[column])
    for _ in range(12):
        window = chance.randint(1, 4)
        captures += [
            (
                index,
                index == window - 1,
                [
                    [chance.randrange(16) for _ in range(machine.rows)]
                    for _ in range(machine.columns)
                ],
            )
            for index in range(window)
        ]
    inputs, expected, before = [], {}, [None] * machine.columns
    for index, leaves, block in captures:
        while chance.random() < idle:
            inputs.append(
                {
                    "i": {
                        "valid": 0,
                        "column": chance.randrange(machine.columns),
                        "codes": [chance.randrange(16)] * machine.rows,
                    }
                }
            )
        for column, codes in enumerate(block):
            before[column] = (
                [max(pair) for pair in zip(codes, before[column], strict=True)] if index else codes
            )
            expected[len(inputs)] = (leaves, column, before[column])
            inputs.append(
                {
                    "i": {
                        "valid": 1,
                        "column": column,
                        "pools": index != 0,
                        "leaves": leaves,
                        "codes": codes,
                    }
                }
            )
    inputs += [{"i": {"valid": 0}}] * maximum.latency
    seen = [cycle["o"] for cycle in play(maximum, inputs, ("o",))]
    assert sum(o.valid for o in seen) == len(expected)
    for cycle, (leaves, column, codes) in expected.items():
        o = seen[cycle + maximum.latency]
        assert (o.valid, o.leaves, o.column, list(o.codes)) == (1, leaves, column, codes)
