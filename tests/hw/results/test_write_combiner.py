"""WriteCombiner: the beats, put end to end, write what the pieces say."""

import random

import pytest

from arch.isa import Planes
from arch.machine import ECP5_25F, ECP5_45F, ECP5_85F
from hw.results.write_combiner import WriteCombiner
from tests.hw.cycles import play


def random_pieces(machine, chance):
    """Pieces of one compute: runs of consecutive positions, with jumps between them."""
    planes = chance.choice(list(Planes)[:3])
    size = 2 << planes.value
    address, upper = chance.randrange(0, 1 << 16, size), chance.getrandbits(1)
    pieces = []
    for _ in range(chance.randint(1, 40)):
        pieces.append(
            {
                "valid": 1,
                "written": chance.random() < 0.9,
                "address": address,
                "planes": planes,
                "upper_half": upper if machine.rows == 8 else 0,
                "pieces": chance.randrange(machine.raw_chunks),
                "codes": [chance.randrange(16) for _ in range(machine.rows)],
            }
        )
        address += size * chance.choice((1, 1, 1, 1, 2, 3, 9))
    pieces[0]["written"] = 1
    return pieces


def piece_bytes(machine, piece):
    for plane in range(1 << piece["planes"].value):
        bits = sum((code >> plane & 1) << row for row, code in enumerate(piece["codes"]))
        for byte in range(machine.rows // 8):
            yield piece["address"] + 2 * plane + piece["upper_half"] + byte, bits >> 8 * byte & 255


def beat_bytes(machine, combined):
    for w in range(machine.slots):
        if combined.beat.written >> w & 1:
            upper = combined.upper_half if machine.rows == 8 else 0
            for byte in range(machine.rows // 8):
                yield (
                    combined.number * machine.beat_bytes + 2 * w + upper + byte,
                    combined.beat.words[w] >> 8 * byte & 255,
                )


@pytest.mark.parametrize("machine", [ECP5_25F, ECP5_45F, ECP5_85F], ids=lambda m: m.name)
@pytest.mark.parametrize("idle", [0.0, 0.4])
def test_beats(machine, idle, seed):
    chance = random.Random(seed)
    unit = WriteCombiner(machine)
    inputs, expected, beats, ends = [], {}, [], []
    for _ in range(30):
        numbers = []
        pieces = random_pieces(machine, chance)
        for index, piece in enumerate(pieces):
            while chance.random() < idle:
                inputs.append({"placed": piece | {"valid": 0, "last": 1, "ends": 1}})
            if piece["written"]:
                expected.update(piece_bytes(machine, piece))
                number = piece["address"] // machine.beat_bytes
                if not numbers or number != numbers[-1]:
                    numbers.append(number)
            if index == len(pieces) - 1:
                ends.append(len(inputs))
            inputs.append(
                {"placed": piece | {"last": index == len(pieces) - 1, "ends": index % 4 == 3}}
            )
        beats += [
            (number, number == before + 1, after is None)
            for before, number, after in zip(
                [-9, *numbers], numbers, [*numbers[1:], None], strict=False
            )
        ]
    inputs += [{"placed": {"valid": 0}}] * 4
    seen = play(unit, inputs, ("combined", "released", "computed"))
    combined = [cycle["combined"] for cycle in seen if cycle["combined"].valid]
    # `follows` means something only inside a compute: a burst ends with it.
    starts = [True, *(beat[2] for beat in beats)]
    assert [
        (c.number, bool(c.follows) and not start, bool(c.last))
        for c, start in zip(combined, starts, strict=False)
    ] == [
        (number, follows and not start, last)
        for (number, follows, last), start in zip(beats, starts, strict=False)
    ]
    written = {}
    for c in combined:
        written.update(beat_bytes(machine, c))
    assert written == expected
    # One cycle to arrange, one to close; then it is counted.
    assert [
        at for at, cycle in enumerate(seen) if cycle["combined"].valid and cycle["combined"].last
    ] == [at + 2 for at in ends]
    assert [seen[at + unit.latency]["computed"] for at in ends] == list(range(len(ends)))
    assert [seen[at + unit.latency + 1]["computed"] for at in ends] == list(range(1, len(ends) + 1))
    for at, cycle in enumerate(inputs[:-1]):
        placed = cycle["placed"]
        released = seen[at + 1]["released"]
        assert released.valid == (placed["valid"] and placed.get("ends", 0))
        assert not released.valid or released.pieces == placed["pieces"]
