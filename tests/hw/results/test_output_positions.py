"""Positions: which columns are written where."""

import random

import pytest

from arch.formats import LEAST_SIGN_CYCLES
from arch.isa import Planes
from arch.machine import ECP5_85F, TINY
from hw.results.output_positions import Positions
from tests.hw.cycles import play


def random_placement(machine, chance):
    return {
        "pair": chance.getrandbits(1),
        "row_length": chance.choice((1, 2, 3, 8, 13)),
        "width": chance.randint(0, 9),
        "height": chance.randint(0, 9),
        "address": chance.getrandbits(32),
        "row_bytes": chance.getrandbits(24),
        "position_bytes": chance.getrandbits(8),
        "planes": chance.choice(list(Planes)[: 4 if machine.pieces_together == 2 else 3]),
    }


def model(placement, columns):
    """Yield (written, address, codes) per column that leaves."""
    x = y = 0
    before = None
    for codes in columns:
        written = x < placement["width"] and y < placement["height"]
        out = codes
        if placement["pair"]:
            written = written and x % 2 == 1
            if x % 2:
                out = [max(pair) for pair in zip(codes, before, strict=True)]
        before = codes
        yield (
            written,
            (
                placement["address"]
                + y * placement["row_bytes"]
                + (x >> placement["pair"]) * placement["position_bytes"]
            )
            % (1 << 32),
            out,
        )
        x += 1
        if x == placement["row_length"]:
            x, y = 0, y + 1


@pytest.mark.parametrize("machine", [TINY, ECP5_85F], ids=lambda machine: machine.name)
@pytest.mark.parametrize("idle", [0.0, 0.4])
def test_addresses(machine, idle, seed):
    """Computes follow each other without a gap, or columns come now and then."""
    chance = random.Random(seed)
    unit = Positions(machine)
    placements = [random_placement(machine, chance) for _ in range(12)]
    pieces, expected = [], []  # per cycle; (cycle, ...)
    start = 3 * len(placements) + 4
    for placement in placements:
        blocks = [
            [
                (chance.random() < 0.8, [chance.randrange(16) for _ in range(machine.rows)])
                for _ in range(machine.columns)
            ]
            for _ in range(chance.randint(1, 4))
        ]
        size = machine.rows if placement["planes"] is Planes.EIGHT else machine.rows // 2
        most = chance.choice((1, 1, machine.raw_chunks))
        chunks = 1 if placement["pair"] else chance.randint(1, most)
        positions = model(
            placement, [codes for block in blocks for leaves, codes in block if leaves]
        )
        for number, block in enumerate(blocks):
            for column, (leaves, codes) in enumerate(block):
                written, address, out = next(positions) if leaves else (False, None, None)
                for chunk in range(chunks):
                    while chance.random() < idle:
                        pieces.append({"pieces": {"valid": 0, "starts": 1, "leaves": 1, "last": 1}})
                    ends = column == machine.columns - 1 and chunk == chunks - 1
                    last = ends and number == len(blocks) - 1
                    if written:
                        expected.append(
                            (
                                len(pieces),
                                (address + size * chunk) % (1 << 32),
                                out,
                                placement["planes"],
                            )
                        )
                    pieces.append(
                        {
                            "pieces": {
                                "valid": 1,
                                "starts": chunk == 0,
                                "leaves": leaves,
                                "ends": ends,
                                "last": last,
                                "pieces": chunks - 1,
                                "codes": codes,
                            }
                        }
                    )
    inputs = [{"pieces": {"valid": 0}} for _ in range(start)] + pieces
    inputs += [{"pieces": {"valid": 0}}] * unit.latency
    for index, placement in enumerate(placements):
        inputs[3 * index] |= {"placements.valid": 1, "placements.payload": placement}
        inputs[3 * index + 1] |= {"placements.valid": 0}
    placed = [seen["placed"] for seen in play(unit, inputs, ("placed",))]
    found = [
        (at - start - unit.latency, p.address, list(p.codes), p.planes)
        for at, p in enumerate(placed)
        if p.valid and p.written
    ]
    assert found == expected
    for at, piece in enumerate(pieces, start + unit.latency):
        given, p = piece["pieces"], placed[at]
        assert p.valid == given["valid"]
        assert (p.ends, p.last) == ((given["ends"], given["last"]) if p.valid else (0, 0))
        if p.ends:
            assert p.pieces == given["pieces"]


@pytest.mark.parametrize("machine", [TINY, ECP5_85F], ids=lambda machine: machine.name)
def test_signs(machine, seed):
    """A transfer of positions at a time, in the first of its cycles; a mask says which of them are
    inside of the map."""
    chance = random.Random(seed)
    unit = Positions(machine)
    slots, turns = machine.slots, machine.sign_turns
    stays = LEAST_SIGN_CYCLES // turns
    placements, pieces, expected = [], [], []
    for _ in range(8):
        row_turns, height = chance.randint(1, 4), chance.randint(1, 4)
        placement = random_placement(machine, chance) | {
            "pair": 0,
            "signs": 1,
            "planes": Planes.ONE,
            "row_length": row_turns * slots,
            "width": chance.randint(1, row_turns * slots),
            "height": chance.randint(0, height),
        }
        placements.append(placement)
        # Blocks are whole: the last one may go on below the map.
        count = -(-row_turns * height // turns) * turns
        for number in range(count):
            y, x = divmod(number, row_turns)
            inside = [slots * x + column < placement["width"] for column in range(slots)]
            for cycle in range(stays):
                if cycle == 0 and inside[0] and y < placement["height"]:
                    address = placement["address"] + y * placement["row_bytes"]
                    address += x * machine.transfer_bytes
                    mask = sum(here << column for column, here in enumerate(inside))
                    expected.append((len(pieces), address % (1 << 32), mask))
                pieces.append({"pieces": {
                    "valid": 1, "starts": cycle == 0, "leaves": 1, "pieces": stays - 1,
                    "ends": number % turns == turns - 1 and cycle == stays - 1,
                    "last": number == count - 1 and cycle == stays - 1,
                }})  # fmt: skip
    start = 3 * len(placements) + 4
    inputs = [{"pieces": {"valid": 0}} for _ in range(start)] + pieces
    inputs += [{"pieces": {"valid": 0}}] * unit.latency
    for index, placement in enumerate(placements):
        inputs[3 * index] |= {"placements.valid": 1, "placements.payload": placement}
        inputs[3 * index + 1] |= {"placements.valid": 0}
    placed = [seen["placed"] for seen in play(unit, inputs, ("placed",))]
    found = [
        (at - start - unit.latency, p.address, p.inside)
        for at, p in enumerate(placed)
        if p.valid and p.written
    ]
    assert found == expected
