"""WideCodes: columns of captures in every post mode, their pieces in the documented cycles."""

import random
from dataclasses import replace

import pytest

from arch.isa import PostMode
from arch.machine import ECP5_45F, TINY
from hw.results.wide_codes import WideCodes
from tests.hw.cycles import play
from tests.hw.results.test_product_lane import code_of, random_product, units_of

MACHINES = [TINY, replace(ECP5_45F, name="eight_cycles", wide_rows=2)]
NAMES = ("valid", "starts", "leaves", "ends", "last", "codes")


def signed(value):
    return value - (1 << 32) if value >> 31 & 1 else value


class Model:
    """The rows' products of both sets, the code tables, and what is kept of a window."""

    def __init__(self, machine, chance):
        self.machine = machine
        self.products = [[random_product(chance) for _ in range(machine.rows)] for _ in range(2)]
        self.entries = [chance.getrandbits(32) >> chance.choice([0, 8, 9]) for _ in range(1024)]
        self.kept = {}

    def writes(self):
        together = self.machine.wide_rows
        for which, products in enumerate(self.products):
            units = [units_of(product) for product in products]
            for row in range(0, self.machine.rows, together):
                for k in range(4):
                    words = [units[row + i][k] for i in range(together)]
                    write = {"valid": 1, "set": which, "index": k, "row": row, "words": words}
                    yield {"write": write}
            # A threshold that is no unit of a product changes nothing.
            yield {
                "write": {"valid": 1, "set": which, "index": 5, "row": 0, "words": [1] * together}
            }
        yield {"write": {"valid": 0}}
        for entry, content in enumerate(self.entries):
            yield {"codes": {"valid": 1, "entry": entry, "data": content}}
        yield {"codes": {"valid": 0}}

    def code(self, mode, which, first, column, row, total):
        """The code that leaves, if the window ends with this capture."""
        product = self.products[which][row]
        adds = mode.adds_shares
        code = code_of(product, total, adds and not first, adds)
        table = 512 * mode.table
        before = self.kept.get((column, row))
        if adds:
            share = self.entries[table + (0 if first else 256) + code]
            before = share if first else (before + share) % (1 << 32)
            code = min(max(signed(before) >> 16, product["low"]), product["high"])
        else:
            if mode.looks_up:
                code = self.entries[table + code] & 255
            before = code = code if first else max(before % 256, code)
        self.kept[column, row] = before
        return 0 if product["absent"] else code


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_pieces(machine, seed):
    chance = random.Random(seed)
    unit, model = WideCodes(machine, "generic"), Model(machine, chance)
    cycles, expected = list(model.writes()), {}
    first = True
    for _ in range(40):
        if first:
            mode, which = chance.choice(list(PostMode)[1:]), chance.getrandbits(1)
        eight, add_ones = chance.getrandbits(1), chance.getrandbits(1)
        last, leaves = chance.getrandbits(1), chance.getrandbits(1)
        tag = {
            "pool_first": int(first), "pool_last": leaves, "last": last, "threshold_set": which,
            "add_ones": add_ones, "wide": 1, "looks_up": int(mode.looks_up), "eight": eight,
            "adds": int(mode.adds_shares), "table": mode.table if mode.looks_up else 0,
        }  # fmt: skip
        for column in range(machine.columns):
            sums = [
                max(0, min((1 << 22) - 1, product["offset"] + chance.randrange(-5000, 5000)))
                for product in model.products[which]
            ]
            ones = chance.randrange(1000)
            codes = [
                model.code(mode, which, first, column, row, total + ones * add_ones)
                for row, total in enumerate(sums)
            ]
            for cycle in range(machine.wide_cycles):
                ends = column == machine.columns - 1 and cycle == machine.wide_cycles - 1
                cycles.append({
                    "valid": 1, "sums": sums, "ones_sum": ones, "tag": tag, "column": column,
                    "cycle": cycle, "ends": int(ends),
                })  # fmt: skip
            at = len(cycles) - 1 + unit.latency
            low, high = [code & 15 for code in codes], [code >> 4 for code in codes]
            one = not eight
            expected[at] = (1, 1, leaves, int(ends and one), int(ends and last and one), low)
            if eight:
                expected[at + 1] = (1, 0, None, int(ends), int(ends and last), high)
        cycles += [{"valid": 0}] * chance.choice([0, 0, 1, 5])
        first = bool(leaves)
    cycles += [{"valid": 0}] * (unit.latency + 3)
    seen = play(unit, cycles, ("pieces",))
    for cycle, pieces in enumerate(piece["pieces"] for piece in seen):
        found = [pieces[name] for name in NAMES]
        if cycle not in expected:
            assert not found[0], cycle
            continue
        wanted = expected[cycle]
        found[-1] = list(found[-1])
        pairs = zip(found, wanted, strict=True)
        assert all(value is None or each == value for each, value in pairs), (cycle, found, wanted)
