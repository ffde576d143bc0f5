"""WriteCombiner: the transfers, put end to end, write what the pieces say."""

import random

import pytest

from arch.isa import Planes
from arch.machine import ECP5_25F, ECP5_45F, ECP5_85F
from hw.results.write_combiner import WriteCombiner
from tests.hw.cycles import play


def random_pieces(machine, chance):
    """Pieces of one compute: runs of consecutive positions, with jumps between them."""
    planes = chance.choice(list(Planes)[: 4 if machine.pieces_together == 2 else 3])
    most = 256 if planes is Planes.EIGHT else 16
    size = machine.rows // 8 << planes.value
    address = chance.randrange(0, 1 << 16, size)
    usual = chance.choice((1, 2))
    pieces = []
    for _ in range(chance.randint(1, 40)):
        pieces.append(
            {
                "valid": 1,
                "written": chance.random() < 0.9,
                "address": address,
                "planes": planes,
                "pieces": chance.randrange(machine.raw_chunks),
                "codes": [chance.randrange(most) for _ in range(machine.rows)],
            }
        )
        address += size * chance.choice((usual, usual, usual, 1, 2, 3, 9))
    pieces[0]["written"] = 1
    if machine.signs and chance.random() < 0.5:
        as_signs(machine, chance, pieces)
    return pieces


def as_signs(machine, chance, pieces):
    """Transfers of positions, some of which lie outside of the map."""
    for number, piece in enumerate(pieces):
        piece |= {
            "address": (number + chance.choice((0, 0, 300))) * machine.transfer_bytes,
            "planes": Planes.ONE,
            "signs": 1,
            "inside": (1 << chance.randint(1, machine.slots)) - 1,
            "codes": [chance.randrange(1 << machine.slots) for _ in range(machine.rows)],
        }


def piece_bytes(machine, piece):
    planes = 1 << piece["planes"].value
    if piece.get("signs"):
        planes = piece["inside"].bit_length()
    for plane in range(planes):
        bits = sum((code >> plane & 1) << row for row, code in enumerate(piece["codes"]))
        for byte in range(machine.rows // 8):
            at = piece["address"] + machine.rows // 8 * plane + byte
            yield at, bits >> 8 * byte & 255


def transfer_bytes(machine, combined):
    size = machine.rows // 8
    for w in range(machine.slots):
        if combined.transfer.written >> w & 1:
            for byte in range(size):
                yield (
                    combined.number * machine.transfer_bytes + size * w + byte,
                    combined.transfer.words[w] >> 8 * byte & 255,
                )


@pytest.mark.parametrize("machine", [ECP5_25F, ECP5_45F, ECP5_85F], ids=lambda m: m.name)
@pytest.mark.parametrize("idle", [0.0, 0.4])
def test_transfers(machine, idle, seed):
    chance = random.Random(seed)
    unit = WriteCombiner(machine)
    together = machine.beat_bytes // machine.transfer_bytes
    inputs, expected, transfers, ends = [], {}, [], []
    for _ in range(30):
        numbers = []
        pieces = random_pieces(machine, chance)
        for index, piece in enumerate(pieces):
            while chance.random() < idle:
                inputs.append({"placed": piece | {"valid": 0, "last": 1, "ends": 1}})
            if piece["written"]:
                expected.update(piece_bytes(machine, piece))
                number = piece["address"] // machine.transfer_bytes
                if not numbers or number != numbers[-1]:
                    numbers.append(number)
            if index == len(pieces) - 1:
                ends.append(len(inputs))
            inputs.append(
                {"placed": piece | {"last": index == len(pieces) - 1, "ends": index % 4 == 3}}
            )
        transfers += [
            (number, number - before == 1, number - before == together == 2, after is None)
            for before, number, after in zip(
                [-9, *numbers], numbers, [*numbers[1:], None], strict=False
            )
        ]
    inputs += [{"placed": {"valid": 0}}] * 4
    seen = play(unit, inputs, ("combined", "released", "computed"))
    combined = [cycle["combined"] for cycle in seen if cycle["combined"].valid]
    # `follows` and `skips` mean something only inside a compute: a burst ends with it.
    starts = [True, *(transfer[-1] for transfer in transfers)]
    assert [
        (c.number, bool(c.follows) and not start, bool(c.skips) and not start, bool(c.last))
        for c, start in zip(combined, starts, strict=False)
    ] == [
        (number, follows and not start, skips and not start, last)
        for (number, follows, skips, last), start in zip(transfers, starts, strict=False)
    ]
    written = {}
    for c in combined:
        written.update(transfer_bytes(machine, c))
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
