"""Ways over a real chip's wires: whole trees, no wire for two nets, and none late without need."""

import json
import random
import re
import shutil
import subprocess

import pytest

from boards.place_route.placed import top
from boards.place_route.route import ANY, OWN, PAIR, SOURCE, database, freedom, pin_wire, route
from boards.toolchain import PlacementError, ToolError
from tests.boards.place_route.test_anneal import FF, bel, cell

DEVICE = "LFE5U-25F"
OUTPUTS = ("F", "Q", "P0", "DOA0", "OFX", "O")
SWITCH = re.compile(r"X(\d+)/Y(\d+)/(-?\d+)_(-?\d+)_(\w+)->(-?\d+)_(-?\d+)_(\w+)")
PERMUTED = re.compile(r"([ABCD])(\d)->0_0_([ABCD])\d_SLICE")


def placed(*cells):
    """A netlist of cells, with nets named by their numbers."""
    for made in cells:
        pins = made["connections"]
        made["port_directions"] = {p: "output" if p in OUTPUTS else "input" for p in pins}
    bits = {bit for made in cells for found in made["connections"].values() for bit in found}
    nets = {str(bit): {"bits": [bit], "attributes": {}} for bit in sorted(bits)}
    module = {"cells": dict(enumerate(cells)), "netnames": nets, "settings": {}}
    return {"modules": {"top": module}}


def ways(folder, netlist):
    """Of each net: the wire that leads to each of its wires, and the switches in between."""
    (folder / "placed.json").write_text(json.dumps(netlist))
    route(folder=folder, netlist="placed.json", device=DEVICE, seed=1)
    nets = top(json.loads((folder / "placed.json").read_text()))["netnames"]
    return {int(name): tree(net["attributes"]["ROUTING"]) for name, net in nets.items()
            if "ROUTING" in net["attributes"]}  # fmt: skip


def tree(text):
    """Wire by wire, what leads there; the switch must say the same as the wires' names."""
    fields = text.split(";")
    found, switches = {}, []
    for wire, switch, strength in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
        assert strength == "3"
        assert wire not in found
        if not switch:
            found[wire] = None
            continue
        x, y, *ends = SWITCH.fullmatch(switch).groups()
        source, sink = (
            f"X{int(x) + int(ends[i])}/Y{int(y) + int(ends[i + 1])}/{ends[i + 2]}" for i in (0, 3)
        )
        assert sink == wire
        found[wire] = source
        switches.append(switch)
    return found, switches


def name(made, pin):
    x, y, wire = pin_wire(made, pin)
    return f"X{x}/Y{y}/{wire}"


def check(netlist, found):
    """Every sink hangs on its source, and no wire is in two nets."""
    cells = top(netlist)["cells"].values()
    sources = {made["connections"][pin][0]: name(made, pin)
               for made in cells for pin in made["connections"] if pin in OUTPUTS}  # fmt: skip
    taken = [wire for wires, _ in found.values() for wire in wires]
    assert len(taken) == len(set(taken))
    sinks = 0
    for made in cells:
        for pin, (bit,) in made["connections"].items():
            if pin in OUTPUTS or not pin_wire(made, pin) or bit not in sources:
                continue
            wire = name(made, pin)
            while wire != sources[bit]:
                wire = found[bit][0][wire]
            sinks += 1
    return sinks


def test_pins():
    lut = cell("TRELLIS_COMB", bel(4, 7, 5, "K"), {}, MODE="LOGIC")
    assert pin_wire(lut, "C") == (4, 7, "C5_SLICE")
    assert pin_wire(lut, "OFX") == (4, 7, "FXC_SLICE")
    assert pin_wire(lut, "WRE") == (4, 7, "WRE2_SLICE")
    assert pin_wire(lut, "FCI") is None, "nextpnr's own"
    register = cell("TRELLIS_FF", bel(4, 7, 6, "FF"), {})
    assert [pin_wire(register, pin)[2] for pin in ("Q", "DI", "M", "CE", "LSR")] == [
        "Q6_SLICE", "DI6_SLICE", "M6_SLICE", "CE3_SLICE", "LSR3_SLICE"]  # fmt: skip
    assert pin_wire(register, "CLK") is None
    writer = cell("TRELLIS_RAMW", "X4/Y7/SLICEC.RAMW", {})
    assert pin_wire(writer, "B1") == (4, 7, "B5_SLICE")
    assert pin_wire(writer, "WDO0") is None
    assert pin_wire(cell("DP16KD", "X5/Y13/EBR1", {}), "ADA12") == (5, 13, "JADA12_EBR")
    multiplier = cell("MULT18X18D", "X4/Y13/MULT18_0", {})
    assert pin_wire(multiplier, "A17") == (4, 13, "JA17_MULT18")
    assert pin_wire(multiplier, "CE0") == (4, 13, "JCE0_MULT18")
    assert pin_wire(multiplier, "CLK0") is None
    pad = cell("SIOLOGIC", "X4/Y0/SIOLOGICB", {})
    assert pin_wire(pad, "TXDATA0") == (4, 0, "JTXDATA0B_SIOLOGIC")
    assert pin_wire(cell("TRELLIS_IO", "X4/Y0/PIOB", {}), "O") == (4, 0, "JPADDIB_PIO")
    assert pin_wire(cell("DCCA", "X4/Y0/DCC3", {}), "CLKI") is None


@pytest.mark.parametrize(
    ("kind", "mode", "free"),
    [("TRELLIS_COMB", "LOGIC", ANY), ("TRELLIS_COMB", "CCU2", PAIR), ("TRELLIS_COMB", "DPRAM", OWN),
     ("TRELLIS_COMB", "RAMW_BLOCK", OWN), ("TRELLIS_RAMW", None, OWN)],
)  # fmt: skip
def test_which_inputs_may_be_exchanged(kind, mode, free):
    assert freedom(cell(kind, bel(1, 1, 0, "K"), {}, **({"MODE": mode} if mode else {}))) == free


def crowd(seed, modes):
    """All LUTs and flip-flops of a square of tiles, in which every input is connected."""
    chance = random.Random(seed)
    side, first = 5, 10
    places = [(first + x, first + 5 + y, position)
              for x in range(side) for y in range(side) for position in range(8)]  # fmt: skip
    outputs = [2 + i for i in range(2 * len(places))]
    cells = []
    for number, (x, y, position) in enumerate(places):
        pins = {pin: [chance.choice(outputs)] for pin in chance.sample("ABCD", 3)}
        cells.append(cell("TRELLIS_COMB", bel(x, y, position, "K"),
                          pins | {"F": [outputs[2 * number]]}, MODE=modes[y % len(modes)]))
        pins = {"M": [chance.choice(outputs)], "Q": [outputs[2 * number + 1]], "CLK": [1]}
        cells.append(cell("TRELLIS_FF", bel(x, y, position, "FF"), pins, **FF))  # fmt: skip
    return placed(*cells)


@pytest.mark.parametrize("modes", [("LOGIC",), ("CCU2", "DPRAM")])
def test_a_crowd(modes, tmp_path):
    seed = 1
    print(f"seed {seed}")
    netlist = crowd(seed, modes)
    found = ways(tmp_path, netlist)
    assert check(netlist, found) == 4 * 200
    assert (tmp_path / "route.out").read_text() == again(tmp_path)
    log = (tmp_path / "seed1.route.log").read_text()
    first, *_ = re.findall(r"round 1: 800 connections led, (\d+) wires in conflict", log)
    assert int(first) > 10, "an easy one would show nothing"
    exchanged = [PERMUTED.search(switch) for _, switches in found.values() for switch in switches]
    pairs = {(found[1], found[3]) for found in exchanged if found}
    outside = {pair for pair in pairs if ("ABCD".index(pair[0]) ^ "ABCD".index(pair[1])) > 1}
    assert any(a != b for a, b in pairs)
    assert bool(outside) == (modes == ("LOGIC",)), "a carry's inputs change places in pairs"


def again(folder):
    """What the router makes of the same text."""
    command = [str(folder / "route"), str(database(DEVICE)), "route.in", "again.out"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "again.out").read_text()


def test_blocks_and_shared_inputs(tmp_path):
    """Flip-flops of a slice have one wire for their enables, and those of a tile two for resets."""
    source = cell("TRELLIS_FF", bel(12, 20, 0, "FF"), {"Q": [5], "CLK": [1]}, **FF)
    pins = {"CE": [5], "LSR": [5], "CLK": [1]}
    registers = [cell("TRELLIS_FF", bel(15, 20, position, "FF"), dict(pins), **FF)
                 for position in range(8)]  # fmt: skip
    memory = cell("DP16KD", "X6/Y25/EBR1", {"ADA3": [5], "DOA0": [6]}, REGMODE_A="OUTREG")
    reader = cell("TRELLIS_FF", bel(20, 30, 1, "FF"), {"M": [6], "CLK": [1]}, **FF)
    netlist = placed(source, *registers, memory, reader)
    found = ways(tmp_path, netlist)
    assert check(netlist, found) == 8 + 8 + 1 + 1
    enables = [wire for wire in found[5][0] if re.search(r"/CE\d_SLICE", wire)]
    assert len(enables) == 4


SHARED = """
#include "search.h"
int main(int, char** arguments) {
    chip.read(arguments[1]);
    Search search;
    search.start();
    search.most_starts = 0;
    Net net{chip.wire(12, 20, "Q0_SLICE"), {}, {}};
    net.tree[net.source] = {};
    for (int x : {4, 5}) {
        Sink sink{chip.wire(x, 13, "JRST0_MULT18"), -1, ITS_OWN};
        std::printf("%zu ", search.lead(net, sink) ? net.tree.size() : 0);
    }
}
"""


def test_a_way_that_is_there_is_found(tmp_path):
    """Multipliers of a block share the wire of their reset: no matter where a search begins."""
    (tmp_path / "shared.cpp").write_text(SHARED)
    subprocess.run(["g++", "-O1", "-std=c++17", f"-I{SOURCE.parent}", "shared.cpp"], cwd=tmp_path,
                   check=True)  # fmt: skip
    done = subprocess.run([tmp_path / "a.out", database(DEVICE)], capture_output=True, check=True)
    first, both = map(int, done.stdout.split())
    assert first < both < first + 4


def test_what_is_urgent_takes_the_short_way(tmp_path):
    """Where nothing is urgent, the longest path of this crowd is 1.48 times that by distance."""
    ways(tmp_path, crowd(2, ("LOGIC",)))
    log = (tmp_path / "seed1.route.log").read_text()
    by_distance = float(re.search(r"longest path ([\d.]+) ns by distance", log)[1])
    reached = float(re.findall(r"^longest path ([\d.]+) ns$", log, re.MULTILINE)[-1])
    assert reached < 1.15 * by_distance


def changed_router(folder, pattern, constant, out):
    """What a router with another constant says of ``route.in`` in ``folder``."""
    sources = shutil.copytree(SOURCE.parents[1], folder / "sources")
    changed = sources / "router" / SOURCE.name
    text, count = re.subn(pattern, constant, changed.read_text())
    assert count == 1
    changed.write_text(text)
    program = folder / "changed"
    subprocess.run(["g++", "-O2", "-std=c++17", "-o", program, changed], check=True)
    return subprocess.run([program, database(DEVICE), "route.in", out], cwd=folder,
                          capture_output=True, text=True)  # fmt: skip


def test_the_better_of_two_terms(tmp_path):
    """Where the first terms are far from the length by distance, as all are by this FAR."""
    ways(tmp_path, crowd(2, ("LOGIC",)))
    once = (tmp_path / "seed1.route.log").read_text()
    assert once.count("by distance") == 1
    both = changed_router(tmp_path, r"FAR = [\d.]+f", "FAR = 0.5f", "both.out")
    assert both.returncode == 0
    assert both.stdout.count("by distance") == 2
    found = re.findall(r" 0 wires in conflict, longest path ([\d.]+) ns", both.stdout)
    *_, last = both.stdout.splitlines()
    assert last == f"longest path {min(map(float, found)):.2f} ns"
    one, two = ((tmp_path / name).read_text() for name in ("route.out", "both.out"))
    assert one.count("\n") == two.count("\n")


def test_what_cannot_be(tmp_path):
    """Two nets for one input, and a place that the chip does not have."""
    drivers = [cell("TRELLIS_FF", bel(12, 20 + i, 0, "FF"), {"Q": [5 + i], "CLK": [1]}, **FF)
               for i in range(2)]  # fmt: skip
    slices = [cell("TRELLIS_FF", bel(15, 20, i, "FF"), {"CE": [5 + i], "CLK": [1]}, **FF)
              for i in range(2)]  # fmt: skip
    message = r"wires are still wanted by two nets: X15/Y20/CE0.*another --seed"
    with pytest.raises(PlacementError, match=message):
        ways(tmp_path, placed(*drivers, *slices))
    log = (tmp_path / "seed1.route.log").read_text()
    first, anew = re.findall(r"^round 1: (.+), \d+ steps$", log, re.MULTILINE)
    assert first == anew  # on other terms, and of the first ones nothing is left
    rounds = [int(number) for number in re.findall(r"^round (\d+):", log, re.MULTILINE)]
    assert rounds == [*range(1, 81), *range(1, 81)]
    hopeless = changed_router(tmp_path, r"HOPEFUL = \d+", "HOPEFUL = 1", "none.out")
    assert hopeless.returncode == 4
    assert hopeless.stdout.count("\nround 28:") == 2  # given up in the midst, on both terms
    assert "\nround 29:" not in hopeless.stdout
    lost = cell("TRELLIS_FF", bel(12, 400, 0, "FF"), {"Q": [5], "M": [5], "CLK": [1]}, **FF)
    with pytest.raises(ToolError, match="X12/Y400 has no wire Q0_SLICE"):
        ways(tmp_path, placed(lost))


def test_another_database_is_refused(tmp_path):
    (tmp_path / "chip.bin").write_bytes(bytes(5000))
    (tmp_path / "in").write_text("0\n0\n")
    program = tmp_path / "route"
    strict = ["-std=c++17", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["g++", "-O1", *strict, "-o", program, SOURCE], check=True)
    done = subprocess.run([program, "chip.bin", "in", "out"], cwd=tmp_path, capture_output=True,
                          text=True)  # fmt: skip
    assert done.returncode == 2
    assert "chip.bin: not a chip database that is known here" in done.stdout
