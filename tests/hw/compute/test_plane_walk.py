"""The walk over pairs of planes: every pair in its place, in the cycles documented."""

import random

import pytest

from arch.isa import Compute, encode
from arch.machine import TINY
from hw.compute.plane_walk import PlaneWalk
from tests.hw.compute_model import Chip
from tests.hw.cycles import play

OUTPUTS = ("last", "turns", "repeats", "highest", "positions", "words")


def pairs_of(fields: dict) -> list[dict]:
    """What the walk should say of each pair, from the model of the chip."""
    group = {"offset": 0, "weight": 0, "enable": 0, "ones": 1}
    chip = Chip(TINY, [], [], [], [{"group": [group], "clear": 1, "double": 0, "capture": 1}])
    span = list(chip.span(fields | {"table_start": 0, "table_last": 0}))
    after = [entry["double"] for _, _, entry in span[1:]] + [False]
    return [
        {
            "last": bool(entry["capture"]),
            "turns": bool(turns),
            "repeats": not entry["clear"],
            "highest": not entry["group"][0]["ones"],
            "positions": positions % TINY.positions,
            "words": words % TINY.weight_words,
        }
        for (positions, words, entry), turns in zip(span, after, strict=True)
    ]


@pytest.mark.parametrize("pauses", [0.0, 0.6])
def test_all_shapes_one_after_another(pauses, seed):
    """``pauses``: the chance that a pair has one more pass."""
    chance = random.Random(seed)
    shapes = [(a, b) for a in range(8) for b in range(8)]
    chance.shuffle(shapes)
    inputs, expected = [{}], [None]
    for activation, weight in shapes:
        fields = {
            "activation_planes": activation,
            "weight_planes": weight,
            "plane_stride": chance.randrange(TINY.positions),
            "weight_stride": chance.randrange(TINY.weight_words),
        }
        # It starts with the last pair of the one before.
        inputs[-1] |= {"start": 1, "fields": Compute.from_bits(encode(Compute, fields))}
        for pair in pairs_of(fields):
            while chance.random() < pauses:
                inputs.append({"start": 0, "next": 0})
                expected.append(pair)
            inputs.append({"start": 0, "next": 1})
            expected.append(pair)
    inputs.append({"start": 0, "next": 0})
    seen = play(PlaneWalk(TINY), inputs, OUTPUTS)
    for now, later, pair in zip(seen[1:], seen[2:], expected[1:], strict=False):
        found = {name: bool(now[name]) for name in OUTPUTS[:4]}
        assert found | {name: later[name] for name in OUTPUTS[4:]} == pair
