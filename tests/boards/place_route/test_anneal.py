"""What is legal stays legal, what belongs together stays together, and wires get shorter."""

import json
import random
import re

import pytest

from boards.place_route.anneal import Schedule, anneal
from boards.toolchain import PLACE

FF = {"CEMUX": "1", "LSRMUX": "LSR", "CLKMUX": "CLK"}
OUTPUTS = {"F", "FCO", "Q", "DOB0", "P0"}
SIDE = 12
SITES = {
    "DP16KD": [f"X{3 * site}/Y0/EBR{site}" for site in range(4)],
    "MULT18X18D": [f"X{2 * site + 1}/Y{y}/MULT18_0" for site in range(4) for y in (12, 13)],
}
PLACES = re.compile(r"X(\d+)/Y(\d+)/SLICE([ABCD])\.(K|FF|RAMW)(\d?)")


def cell(kind, place, connections, **parameters):
    return {"type": kind, "parameters": parameters, "attributes": {PLACE: place},
            "connections": connections,
            "port_directions": {
                pin: "output" if pin in OUTPUTS else "input" for pin in connections
            }}  # fmt: skip


def bel(x, y, position, part):
    return f"X{x}/Y{y}/SLICE{'ABCD'[position // 2]}.{part}{position % 2}"


def placed_netlist(chance):
    """Tiles with a carry chain of two, with LUT RAM, and with LUTs; nets at random."""
    cells, nets = {}, iter(range(2, 10**6))
    wires = [next(nets) for _ in range(150)]

    def some(count):
        return {pin: [chance.choice(wires)] for pin in "ABCD"[:count]}

    for x in range(1, SIDE):
        for y in range(1, SIDE):
            kind = "chain" if x in (1, 2, 5, 6) and y % 3 else "ram" if x == y else "logic"
            if kind == "chain":
                for position in range(8):
                    link = [next(nets)] if position < 7 or x in (1, 5) else []
                    below = f"c{x}_{y}_{position - 1}" if position else f"c{x - 1}_{y}_7"
                    starts = position == 0 and x in (1, 5)
                    carry = [] if starts else cells[below]["connections"]["FCO"]
                    out = next(nets)
                    pins = some(4) | {"F": [out], "FCI": carry, "FCO": link}
                    cells[f"c{x}_{y}_{position}"] = cell(
                        "TRELLIS_COMB", bel(x, y, position, "K"), pins, MODE="CCU2"
                    )
                    cells[f"cf{x}_{y}_{position}"] = cell(
                        "TRELLIS_FF",
                        bel(x, y, position, "FF"),
                        {"DI": [out], "Q": [chance.choice(wires)]},
                        **FF,
                    )
            elif kind == "ram":
                for position in range(6):
                    mode = "DPRAM" if position < 4 else "RAMW_BLOCK"
                    cells[f"r{x}_{y}_{position}"] = cell(
                        "TRELLIS_COMB", bel(x, y, position, "K"), some(2), MODE=mode
                    )
                cells[f"w{x}_{y}"] = cell("TRELLIS_RAMW", f"X{x}/Y{y}/SLICEC.RAMW", some(4))
            else:
                reset = chance.choice([[], [10**6], [10**6 + 1]])
                clock = chance.choice([[10**6 + 2], [10**6 + 2], [10**6 + 3]])
                for position in range(8):
                    if chance.random() < 0.3:
                        continue
                    out = next(nets)
                    wide = position % 2 == 0 and chance.random() < 0.2
                    select = {"M": [chance.choice(wires)]} if wide else {}
                    cells[f"l{x}_{y}_{position}"] = cell(
                        "TRELLIS_COMB",
                        bel(x, y, position, "K"),
                        some(3) | {"F": [out]} | select,
                        MODE="LOGIC",
                    )
                    if wide and chance.random() < 0.7:
                        continue
                    paired = wide or chance.random() < 0.5
                    pins = {"DI": [out]} if paired else {"M": [chance.choice(wires)]}
                    cells[f"f{x}_{y}_{position}"] = cell(
                        "TRELLIS_FF",
                        bel(x, y, position, "FF"),
                        pins | {"LSR": reset, "CLK": clock},
                        **FF,
                    )
    for site in range(4):
        pins = {"DOB0": [chance.choice(wires)], "ADA5": [chance.choice(wires)]}
        cells[f"b{site}"] = cell("DP16KD", SITES["DP16KD"][site], pins)
    for site in range(3):
        pins = {"P0": [chance.choice(wires)], "A1": [chance.choice(wires)]}
        cells[f"m{site}"] = cell("MULT18X18D", SITES["MULT18X18D"][2 * site + 1], pins)
    cells["pin"] = cell("TRELLIS_IO", "X0/Y5/PIOA", {"I": [wires[0]]})
    return {"modules": {"top": {"cells": cells, "netnames": {}, "settings": {"router": "a"}}}}


def where(netlist):
    places = {}
    for name, found in netlist["modules"]["top"]["cells"].items():
        match = PLACES.fullmatch(found["attributes"][PLACE])
        if match:
            x, y = int(match[1]), int(match[2])
            position = 2 * "ABCD".index(match[3]) + int(match[5] or 0)
            places[name] = (x, y, match[4], position)
    return places


def length(netlist):
    ends = {}
    for found in netlist["modules"]["top"]["cells"].values():
        x, y = map(int, re.match(r"X(\d+)/Y(\d+)", found["attributes"][PLACE]).groups())
        for pin, bits in found["connections"].items():
            if pin not in ("FCI", "FCO"):
                for bit in bits:
                    ends.setdefault(bit, []).append((x, y))
    return sum(
        max(x for x, _ in e) - min(x for x, _ in e) + max(y for _, y in e) - min(y for _, y in e)
        for e in ends.values()
    )


@pytest.mark.parametrize("density", [0.0, 0.05])
def test_what_is_legal_stays_so(tmp_path, seed, density):
    before = placed_netlist(random.Random(seed))
    (tmp_path / "placed.json").write_text(json.dumps(before))
    schedule = Schedule(moves_per_cell=200, temperature=2.0, density=density)
    for run in ("a.json", "b.json"):
        anneal(folder=tmp_path, placed="placed.json", annealed=run, seed=seed, schedule=schedule,
               settings={"router": "b"}, sites=SITES)  # fmt: skip
    after = json.loads((tmp_path / "a.json").read_text())
    assert after == json.loads((tmp_path / "b.json").read_text()), "the same seed, the same places"
    assert after["modules"]["top"]["settings"] == {"router": "b"}
    assert length(after) < (0.95 if density == 0 else 1.1) * length(before)

    for kind, count in (("DP16KD", 4), ("MULT18X18D", 3)):
        found = [c["attributes"][PLACE] for c in after["modules"]["top"]["cells"].values()
                 if c["type"] == kind]  # fmt: skip
        assert len(set(found)) == count, f"two of {kind} on one site"
        assert set(found) <= set(SITES[kind])

    cells, places = after["modules"]["top"]["cells"], where(after)
    assert len(set(places.values())) == len(places), "two cells in one place"
    assert places.keys() == where(before).keys()
    luts = {(x, y, at): name for name, (x, y, part, at) in places.items() if part == "K"}
    controls = {}
    for name, (x, y, _, position) in places.items():
        kind, number = re.match(r"([a-z]+)(.*)", name).groups()
        if kind == "c":
            assert position == int(number[-1]), "carry chains begin where tiles do"
            assert places[f"cf{number}"] == (x, y, "FF", position)
            if number.startswith(("2_", "6_")):
                low = f"c{int(number[0]) - 1}{number[1:]}"
                assert places[low][:2] == (x - 1, y), "a chain stays in one piece"
        elif kind == "r":
            assert places["w" + number.rsplit("_", 1)[0]][:2] == (x, y)
            assert position == int(number[-1])
        if kind in ("f", "cf"):
            pins = cells[name]["connections"]
            controls.setdefault((x, y), set()).add((*pins.get("LSR", []), *pins.get("CLK", [])))
        if kind == "f" and "M" in cells[name]["connections"]:
            beside = cells[luts[x, y, position]]["connections"] if (x, y, position) in luts else {}
            assert "M" not in beside, "a multiplexer and a flip-flop want one wire"
        if kind == "f" and "DI" in cells[name]["connections"]:
            assert places[f"l{number}"] == (x, y, "K", position), "torn off its LUT"
    assert all(len(found) == 1 for found in controls.values()), "two clocks or resets in a tile"


def test_multipliers_come_to_what_they_are_connected_to(tmp_path):
    """To a site that nothing was on, next to the flip-flop; where no sites are told, it stays."""
    places = {}
    for sites in (SITES, {}):
        cells = {
            "f": cell("TRELLIS_FF", bel(11, 11, 0, "FF"), {"Q": [1], "CLK": [2]}, **FF),
            "m": cell("MULT18X18D", "X1/Y12/MULT18_0", {"A0": [1]}),
        }
        netlist = {"modules": {"top": {"cells": cells, "netnames": {}, "settings": {}}}}
        (tmp_path / "placed.json").write_text(json.dumps(netlist))
        anneal(folder=tmp_path, placed="placed.json", annealed="a.json", seed=1, settings={},
               schedule=Schedule(moves_per_cell=500), sites=sites)  # fmt: skip
        after = json.loads((tmp_path / "a.json").read_text())["modules"]["top"]["cells"]
        places[bool(sites)] = after["m"]["attributes"][PLACE]
        assert after["f"]["attributes"][PLACE].startswith("X11/Y11/"), "there is no other tile"
    assert places == {True: "X7/Y12/MULT18_0", False: "X1/Y12/MULT18_0"}
