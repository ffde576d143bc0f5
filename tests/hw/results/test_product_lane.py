"""ProductLane multiplies as float32 does: against the integer operators, and at every edge."""

import random
from dataclasses import replace

import numpy as np
import pytest

from arch.isa import encode
from arch.machine import ECP5_45F, TINY
from arch.wide import MANTISSA_BITS, OFFSET_BITS, Range, Scale
from golden.operators import leading_bits, shifted
from hw.results.product_lane import ProductLane, place_bits
from tests.hw.cycles import play

MACHINES = [TINY, replace(ECP5_45F, name="eight_cycles", wide_rows=2)]


def random_product(chance):
    """A row's numbers. Mostly the product of some difference is next to a half, so near that it
    matters how often one rounds, and to how many bits."""
    whole = chance.getrandbits(chance.randint(1, 31)) | 1
    half = chance.choice([0.5, 1.5, 2.5, chance.randrange(300) + 0.5, 511.5])
    places = 0
    while half * 2**places / whole < 1 << MANTISSA_BITS - 1:
        places += 1
    mantissa = round(half * 2**places / whole)
    if chance.random() < 0.2:
        highest = 1 << MANTISSA_BITS - 1
        mantissa = chance.choice([0, highest, 2 * highest - 1, highest // 4 * chance.randint(4, 7)])
    return {
        "whole": whole,
        "offset": chance.randrange(-1 << 30, 1 << 31) >> chance.randrange(28),
        "second": chance.randrange(-1 << 31, 1 << 31) >> chance.randrange(28),
        "mantissa": min(mantissa, (1 << MANTISSA_BITS) - 1),
        "zero": chance.choice([0, 128, chance.randrange(256)]),
        "places": chance.choice([places, places, places, chance.randrange(128)]),
        "low": chance.choice([0, 0, chance.randrange(256)]),
        "high": chance.choice([255, 255, chance.randrange(256)]),
        "doublings": chance.choice([0, 0, 1, chance.randrange(16)]),
        "negative": chance.getrandbits(1),
        "absent": chance.getrandbits(1),
    }


def units_of(product):
    fields = {name: product[name] for name in ("mantissa", "zero")}
    ranges = {
        name: product[name] for name in ("places", "low", "high", "doublings", "negative", "absent")
    }
    mask = (1 << OFFSET_BITS) - 1
    return [product["offset"] & mask, encode(Scale, fields), encode(Range, ranges),
            product["second"] & mask]  # fmt: skip


def code_of(product, total, second, unlimited):
    whole = product["second" if second else "offset"] - (total << product["doublings"])
    whole = np.int64((whole + (1 << 32)) % (1 << 33) - (1 << 32))
    whole = whole if whole > -1 << 32 else np.int64(0)
    scaled = leading_bits(leading_bits(whole) * product["mantissa"])
    count = int(shifted(scaled, np.int64(min(product["places"], 62))))
    code = (-count if product["negative"] else count) + product["zero"]
    low, high = (0, 255) if unlimited else (product["low"], product["high"])
    return min(max(code, low), high)


def random_total(product, chance, limit):
    """Mostly one that gives the difference that the product is made for, or one next to it."""
    whole = chance.choice([-1, 1]) * product["whole"] + chance.choice([0, 0, 0, 1, -1])
    total = product["offset"] - whole >> product["doublings"]
    if not 0 <= total < limit or chance.random() < 0.1:
        total = chance.randrange(limit) >> chance.randrange(28)
    return total


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_codes(machine, seed):
    chance = random.Random(seed)
    lane = ProductLane(machine, "generic")
    limit = 1 << machine.accumulator_bits
    cycles, expected = [], {}
    for _ in range(150):
        products = [random_product(chance) for _ in range(1 << place_bits(machine))]
        cycles += [
            {"write": {"units": 1 << unit, "place": place}, "word": word}
            for place, product in enumerate(products)
            for unit, word in enumerate(units_of(product))
        ]
        cycles.append({"write": {"units": 0}})
        for _ in range(8 * len(products)):
            place = chance.randrange(len(products))
            total = random_total(products[place], chance, limit)
            ones = chance.randrange(total + 1) if chance.random() < 0.5 else 0
            second, unlimited = (int(chance.random() < 0.1) for _ in range(2))
            expected[len(cycles)] = products[place], total, second, unlimited
            cycles.append({
                "sum": total - ones, "ones_sum": ones, "place": place, "second": second,
                "unlimited": unlimited,
            })  # fmt: skip
        cycles += ({},) * lane.latency  # places are written anew
    names = ("code", "low", "high", "absent")
    seen = play(lane, cycles, names)
    for cycle, (product, *row) in expected.items():
        found = seen[cycle + lane.latency]
        assert found["code"] == code_of(product, *row), (product, row)
        assert [found[name] for name in names[1:]] == [product[name] for name in names[1:]]
