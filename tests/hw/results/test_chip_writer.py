"""ChipWriter: every word of a beat goes where docs/machine.md, section 5, says."""

import random

import pytest

from arch.isa import Planes
from arch.machine import ECP5_45F, ECP5_85F
from hw.results.chip_writer import NARROW, ChipWriter
from tests.hw.cycles import run_benches
from tests.samples.machines import SMALL16


def random_beats(machine, chance):
    beats = []
    for _ in range(60):
        place = {
            "destination": chance.randrange(machine.positions),
            "plane_stride": chance.randrange(machine.positions),
            "odd_offset": chance.choice([0, chance.randrange(1, machine.positions)]),
            "groups": chance.randrange(1, 16),
        }
        beats.append(
            {
                "number": chance.randrange(machine.positions),
                "planes": chance.choice(NARROW),
                "place": place,
                "words": [chance.getrandbits(16) for _ in range(machine.slots)],
                "written": chance.randrange(1, 1 << machine.slots),
                "signs": machine.signs * chance.getrandbits(1),
                "within": chance.randrange(0, machine.slots, 2),
            }
        )
    return beats


def positions(machine, beat):
    place, planes = beat["place"], 1 if beat["signs"] else beat["planes"].count
    for w in range(machine.slots):
        v = beat["number"] * (machine.slots // planes) + w // planes
        v += beat["within"] if beat["signs"] else 0
        odd = place["odd_offset"]
        column = (v >> 1) + (v & 1) * odd if odd else v
        yield (
            place["destination"] + column + w % planes * place["plane_stride"]
        ) % machine.positions


@pytest.mark.parametrize("machine", [SMALL16, ECP5_45F, ECP5_85F], ids=lambda m: m.name)
@pytest.mark.parametrize("busy", [0.0, 0.5])
def test_beats(machine, busy, seed):
    chance = random.Random(seed)
    unit = ChipWriter(machine)
    beats = random_beats(machine, chance)
    comes, cycle = {}, 0
    for beat in beats:
        cycle += chance.choice([2, 2, 2, 3, 7])
        comes[cycle] = beat
    found = []

    async def bench(ctx):
        held = False
        for now in range(cycle + 8):
            beat = comes.get(now)
            ctx.set(unit.i.valid, beat is not None)
            if beat is not None:
                ctx.set(unit.i.number, beat["number"])
                ctx.set(unit.i.planes, Planes.ONE if beat["signs"] else beat["planes"])
                if machine.signs:
                    ctx.set(unit.i.signs, beat["signs"])
                    ctx.set(unit.i.within, beat["within"])
                ctx.set(unit.i.place, beat["place"])
                ctx.set(unit.i.beat.words, beat["words"])
                ctx.set(unit.i.beat.written, beat["written"])
            # It need not wait for more than a cycle.
            ready = held or chance.random() >= busy
            ctx.set(unit.o.ready, ready)
            _, _, valid, payload = await ctx.tick().sample(unit.o.valid, unit.o.payload)
            held = bool(valid and not ready)
            if valid and ready:
                found.append((now, payload))

    run_benches(unit, bench)
    assert len(found) == len(beats)
    for (now, payload), (came, beat) in zip(found, comes.items(), strict=True):
        assert 0 <= now - came - unit.latency <= (1 if busy else 0)
        assert payload.written == beat["written"]
        assert payload.groups == beat["place"]["groups"]
        assert list(payload.words) == beat["words"]
        assert list(payload.positions) == list(positions(machine, beat))
