"""Paths through a placed netlist: their delays, and that annealing shortens the longest."""

import json
import random
import re

import pytest

from boards.place_route.anneal import Schedule, anneal
from boards.place_route.timing_graph import (
    CARRY_IN,
    CARRY_ON,
    CARRY_OUT,
    LUT_DELAY,
    OWN_LUT,
    timing_graph,
)
from tests.boards.place_route.test_anneal import FF, bel, cell
from tests.long_runs import slow

NEAR = 560
"""A wire within a tile, in ps: eight steps of 70."""
SIDE = 30


def longest_path(folder, log="seed1.anneal.log"):
    return [float(ns) for ns in re.findall(r"longest path ([\d.]+) ns", (folder / log).read_text())]


def graph_of(cells):
    numbers = [list(map(int, line.split())) for line in timing_graph(cells, {9}).splitlines()]
    assert numbers[0] == [len(numbers) - 1]
    return numbers[1:]


def test_nodes_and_arcs():
    cells = [
        cell("TRELLIS_FF", bel(1, 1, 0, "FF"), {"Q": [10], "M": [12], "LSR": [9], "CLK": [9]}),
        cell("TRELLIS_COMB", bel(1, 1, 2, "K"), {"A": [10], "B": ["1"], "F": [], "FCO": [11]},
             MODE="CCU2"),
        cell("TRELLIS_COMB", bel(1, 1, 3, "K"), {"FCI": [11], "F": [12]}, MODE="CCU2"),
        cell("TRELLIS_FF", bel(1, 1, 3, "FF"), {"DI": [12], "CE": [10], "Q": [13]}),
    ]  # fmt: skip
    assert graph_of(cells) == [
        [0, 525, 0],
        [1, 0, 1, 0, CARRY_IN, 1],
        [2, 0, 1, 1, CARRY_OUT, 0],  # no wire between carries
        [3, 525, 0],
        [0, 0, 1, 2, 0, 1],  # no reset: a constant
        [1, 0, 0],
        [2, 0, 0],
        [3, 0, 2, 2, OWN_LUT, 0, 0, 0, 1],
    ]
    for position in (2, 3):  # nextpnr's reports name it for both halves of a slice
        pins = {"FCI": [11], "FCO": [12]}
        link = [cells[1], cell("TRELLIS_COMB", bel(1, 2, position, "K"), pins, MODE="CCU2")]
        assert graph_of(link)[1] == [1, 0, 1, 0, CARRY_ON, 0]


def test_multiplexers():
    lower = cell("TRELLIS_COMB", bel(1, 1, 0, "K"), {"M": [10], "F1": [11], "OFX": [12]},
                 MODE="LOGIC")  # fmt: skip
    upper = cell("TRELLIS_COMB", bel(1, 1, 1, "K"), {"A": [10], "F": [11]}, MODE="LOGIC")
    source = cell("TRELLIS_FF", bel(1, 1, 0, "FF"), {"Q": [10]})
    assert graph_of([source, upper, lower])[:3] == [
        [0, 525, 0],
        [1, 0, 1, 0, LUT_DELAY, 1],
        [2, 0, 2, 0, LUT_DELAY, 1, 1, LUT_DELAY, 0],  # no wire from a LUT to its multiplexer
    ]


def test_memories():
    ram = cell("DP16KD", "X1/Y0/EBR0", {"DOA3": [10], "DOB1": [11], "ADB5": [12], "CLKB": [9]},
               REGMODE_A="NOREG", REGMODE_B="OUTREG")  # fmt: skip
    writer = cell("TRELLIS_RAMW", "X1/Y1/SLICEC.RAMW", {"A0": [10], "A1": [11], "WDO1": [12]})
    words = cell("TRELLIS_COMB", bel(1, 1, 0, "K"), {"WD": [12], "A": [10], "F": [13]},
                 MODE="DPRAM")  # fmt: skip
    nodes = graph_of([ram, writer, words])
    assert nodes[:2] == [[0, 5609, 0], [0, 973, 0]]
    assert nodes[2] == [1, 0, 1, 1, 0, 1], "data enter by the pins of the second LUT"
    assert nodes[3] == [2, 0, 1, 0, 236, 1], "reading is a LUT"
    assert nodes[4] == [0, 0, 1, 2, 251, 1]
    assert nodes[6] == [2, 0, 1, 2, 0, 0]


def test_multipliers():
    factor = cell("TRELLIS_FF", bel(1, 1, 0, "FF"), {"Q": [10], "CLK": [9]})
    multiplier = cell("MULT18X18D", "X4/Y13/MULT18_0", {"A3": [10], "P17": [11], "CLK0": [9]})
    assert graph_of([factor, multiplier]) == [
        [0, 525, 0],
        [1, 735, 0],
        [0, 0, 0],
        [1, 0, 1, 0, 84, 1],
    ]


def test_pads():
    enable = cell("TRELLIS_FF", bel(1, 1, 0, "FF"), {"Q": [10], "M": [11], "CLK": [9]})
    pad = cell("SIOLOGIC", "X4/Y0/SIOLOGICB", {"TSDATA0": [10], "INFF": [11], "CLK": [9]})
    assert graph_of([enable, pad]) == [
        [0, 525, 0],
        [1, 500, 0],
        [0, 0, 1, 1, 0, 1],
        [1, 0, 1, 0, 100, 1],
    ]


def scattered(chance):
    """A path of six LUTs over the whole device, and as many cells again that are in no hurry."""
    places = [(x, y, p) for x in range(1, SIDE) for y in range(1, SIDE) for p in range(8)]
    cells, bits = {}, iter(range(100, 10**6))
    for place in chance.sample(places, 4000):
        pins = {"A": [chance.randrange(2, 100)], "F": [next(bits)]}
        cells[f"filler{len(cells)}"] = cell("TRELLIS_COMB", bel(*place, "K"), pins, MODE="LOGIC")
        if len(cells) <= 6:
            before = cells.get(f"filler{len(cells) - 2}")
            pins["A"] = before["connections"]["F"] if before else [1]
    taken = {found["attributes"]["NEXTPNR_BEL"] for found in cells.values()}
    free = [place for place in places if bel(*place, "K") not in taken]
    first, last = chance.sample(free, 2)
    cells["first"] = cell("TRELLIS_FF", bel(*first, "FF"), {"Q": [1]}, **FF)
    end = cells["filler5"]["connections"]["F"]
    cells["last"] = cell("TRELLIS_FF", bel(*last, "FF"), {"M": end}, **FF)
    return {"modules": {"top": {"cells": cells, "netnames": {}, "settings": {}}}}


@pytest.mark.parametrize("urgent", [0.0, *slow(20.0)])
def test_urgent_paths_get_short(tmp_path, seed, urgent):
    (tmp_path / "placed.json").write_text(json.dumps(scattered(random.Random(seed))))
    schedule = Schedule(moves_per_cell=50, temperature=15.0, density=0.0, urgent=urgent)
    anneal(folder=tmp_path, placed="placed.json", annealed="annealed.json", seed=3,
           schedule=schedule, settings={}, sites={})  # fmt: skip
    before, *_, last, after = longest_path(tmp_path, "seed3.anneal.log")
    least = 0.525 + 6 * 0.236 + 7 * NEAR / 1000
    assert after >= least - 0.001
    assert after < before
    assert after <= last
    if urgent:
        assert after < least + 7 * 0.21, "neighbours, or nearly"


def test_an_earlier_placement_that_was_better_is_kept(tmp_path, seed):
    """In the cold from the start, where only wires count: with some seeds the path grows again."""
    (tmp_path / "placed.json").write_text(json.dumps(scattered(random.Random(seed))))
    schedule = Schedule(moves_per_cell=50, temperature=0.0, density=0.0, urgent=0.0)
    gained = 0.0
    for number in range(1, 17):
        anneal(folder=tmp_path, placed="placed.json", annealed="annealed.json", seed=number,
               schedule=schedule, settings={}, sites={})  # fmt: skip
        *_, last, after = longest_path(tmp_path, f"seed{number}.anneal.log")
        assert after <= last
        gained += last - after
    assert gained > 0
