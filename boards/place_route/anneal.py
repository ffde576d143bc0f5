"""Improves a placement of nextpnr's between its placement and its routing.

nextpnr's placers find good places for the cells of a nearly full device, and then move them far to
make them legal (carry chains of three tiles, LUT RAM, one clock and one reset to a tile): the wire
length grows by half, and the router finds no way. ``anneal.cpp`` starts from the legal placement
and exchanges

* runs of whole tiles: what carry chains or LUT RAM occupy,
* slices without those, and single positions of them: a LUT, a flip-flop or both,
* block RAMs, multipliers, and sites of either that are free,

so that what is legal stays so. The netlist is nextpnr's own JSON (``--write``), in which the place
of a cell is an attribute.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from boards.place_route.placed import clock_uses, first_net, top, uncounted_nets
from boards.place_route.programs import compiled
from boards.place_route.timing_graph import timing_graph
from boards.toolchain import PLACE, run_tool

SOURCE = Path(__file__).with_name("annealer") / "anneal.cpp"
LUT, STAYS, FLIP_FLOP, FIXED, RAM_WRITER, BLOCK_RAM, MULTIPLIER = range(7)
"""Kinds of cells, as in ``anneal.cpp``."""
SITED = {"DP16KD": BLOCK_RAM, "MULT18X18D": MULTIPLIER}
"""What has sites of its own, outside the tiles of logic."""

_SLICE = re.compile(r"X(\d+)/Y(\d+)/SLICE([ABCD])\.(K|FF|RAMW)(\d?)")
_SITE = re.compile(r"X(\d+)/Y(\d+)/")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how warm.

    ``density`` is the price of pins that are close together, ``urgent`` of a tile on the way of the
    slowest path, in tiles of any net's.
    """

    moves_per_cell: int = 3000
    temperature: float = 15.0
    density: float = 0.03
    urgent: float = 20.0


def _numbered(numbers: dict, key: tuple) -> int:
    return numbers.setdefault(key, len(numbers) + 1)


def problem(module: dict, sites: dict[str, list[str]]) -> tuple[list[str], str]:
    """Return the names of the placed cells and the text that ``anneal.cpp`` reads.

    ``sites`` are those of the device (:mod:`boards.place_route.sites`); a site that no cell is on
    is written like a cell that nothing is connected to, behind all others.
    """
    clocks, uncounted = clock_uses(module), uncounted_nets(module)
    usual_clock = max(clocks, key=clocks.get, default=0)
    nets, controls, resets = {}, {}, {}
    names, placed, lines, tiles, seen = [], [], [], set(), set()
    free = {kind: dict.fromkeys(range(len(places))) for kind, places in sites.items()}
    carry_from, carry_to = {}, {}
    for name, cell in module["cells"].items():
        if PLACE not in cell["attributes"]:
            continue
        pins = cell["connections"]
        place = cell["attributes"][PLACE]
        x, y = map(int, _SITE.match(place).groups())
        seen.add((x, y))
        driven, read = {}, {}
        for pin, found in pins.items():
            if pin not in ("FCI", "FCO"):
                side = driven if cell["port_directions"][pin] == "output" else read
                side |= dict.fromkeys(
                    bit for bit in found if isinstance(bit, int) and bit not in uncounted
                )
        bits = driven | read
        kind, position, bound, control, reset = FIXED, 0, 0, 0, 0
        if cell["type"] in sites:
            kind, position = SITED[cell["type"]], sites[cell["type"]].index(place)
            del free[cell["type"]][position]
        elif found := _SLICE.match(place):
            tiles.add((x, y))
            if found[4] != "RAMW":
                position = 2 * "ABCD".index(found[3]) + int(found[5])
            if found[4] == "K":
                carry_from |= dict.fromkeys(pins.get("FCO", []), (x, y))
                carry_to |= dict.fromkeys(pins.get("FCI", []), (x, y))
                special = cell["parameters"].get("MODE") in ("CCU2", "DPRAM", "RAMW_BLOCK")
                wide = any(pins.get(pin) for pin in ("M", "FXA", "FXB", "OFX"))
                kind = STAYS if special or wide else LUT
                bound = int(bool(pins.get("M")))
            elif found[4] == "FF":
                kind, bound = FLIP_FLOP, int(bool(pins.get("DI")))
                given = cell["parameters"]
                clocked = first_net(cell, "CLK"), given["CLKMUX"]
                net, at_once = first_net(cell, "LSR"), given.get("SRMODE") == "ASYNC"
                if net or at_once or clocked[0] != usual_clock:
                    reset = _numbered(resets, (net, given["LSRMUX"], at_once, *clocked))
                control = _numbered(controls, (
                    first_net(cell, "CE"), given["CEMUX"], reset, *clocked))  # fmt: skip
            else:
                kind = RAM_WRITER
        numbers = [nets.setdefault(bit, len(nets)) for bit in bits]
        fields = (
            kind, x, y, position, bound, control, reset, len(driven), len(numbers), *numbers,
        )  # fmt: skip
        names.append(name)
        placed.append(cell)
        lines.append(" ".join(map(str, fields)))
    links = sorted(place for bit, place in carry_from.items() if carry_to.get(bit, place) != place)
    for cell, positions in free.items():
        for position in positions:
            x, y = map(int, _SITE.match(sites[cell][position]).groups())
            seen.add((x, y))
            lines.append(f"{SITED[cell]} {x} {y} {position} 0 0 0 0 0")
    size = (max(x for x, _ in seen) + 1, max(y for _, y in seen) + 1)
    head = (*size, len(lines), len(nets), len(tiles), len(links))
    places = (f"{x} {y}" for x, y in [*sorted(tiles), *links])
    text = "\n".join([" ".join(map(str, head)), *places, *lines]) + "\n"
    return names, text + timing_graph(placed, uncounted)


def replace(module: dict, names: list[str], places: str, sites: dict[str, list[str]]) -> None:
    """Put each cell where ``anneal.cpp`` says."""
    lines = places.splitlines()[: len(names)]  # behind them are free sites
    for name, line in zip(names, lines, strict=True):
        x, y, position = map(int, line.split())
        attributes, kind = module["cells"][name]["attributes"], module["cells"][name]["type"]
        if kind in sites:
            attributes[PLACE] = sites[kind][position]
            continue
        found = _SLICE.match(attributes[PLACE])
        if not found:
            continue
        part = "SLICEC.RAMW" if found[4] == "RAMW" else (
            f"SLICE{'ABCD'[position // 2]}.{found[4]}{position % 2}")  # fmt: skip
        attributes[PLACE] = f"X{x}/Y{y}/{part}"


def anneal(
    *,
    folder: Path,
    placed: str,
    annealed: str,
    seed: int,
    schedule: Schedule,
    settings: dict,
    sites: dict[str, list[str]],
) -> float:
    """Read the netlist ``placed`` in ``folder`` and write it as ``annealed``, better placed.

    ``sites`` are those of the device for block RAMs and multipliers; what has none there stays.
    Returns the seconds that it took. ``settings`` replace those that nextpnr wrote into the
    netlist, which go before its command line.
    """
    netlist = json.loads((folder / placed).read_text())
    module = top(netlist)
    names, text = problem(module, sites)
    (folder / "anneal.in").write_text(text)
    seconds = run_tool(
        [compiled(SOURCE, folder), "anneal.in", "anneal.out",
         str(schedule.moves_per_cell * len(names)), str(schedule.temperature),
         str(schedule.density), str(schedule.urgent), str(seed)],
        folder=folder,
        log=f"seed{seed}.anneal.log",
        label=f"annealing, seed {seed}",
    )  # fmt: skip
    replace(module, names, (folder / "anneal.out").read_text(), sites)
    module["settings"] |= settings
    (folder / annealed).write_text(json.dumps(netlist))
    return seconds
