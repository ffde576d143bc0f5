"""Leads the nets of a placed netlist over the chip's wires, before nextpnr's router does the rest.

nextpnr's ``router1`` leads one connection at a time and takes up what is in its way; where wires
are scarce it takes up as much as it leads. ``router/route.cpp`` lets nets share wires at first and
raises the price of those that are wanted twice. What it found is written into the netlist
(attribute ``ROUTING``), as nextpnr does, which takes it for its own: it leads what is left (clocks,
carries, pads, constants), and says by its own rules and delays whether all is well and how fast.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from boards.place_route.placed import top, uncounted_nets
from boards.place_route.programs import compiled
from boards.place_route.timing_graph import node_numbers, timing_graph
from boards.readback.wires import nextpnr_files
from boards.toolchain import PLACE, PlacementError, StatusError, run_tool

SOURCE = Path(__file__).with_name("router") / "route.cpp"
CHIPS = {"12F": "25k", "25F": "25k", "45F": "45k", "85F": "85k"}
"""Names of nextpnr's databases, by the end of a device's name: whatever its family, of one size
there is one die."""
ROUTING = "ROUTING"
"""nextpnr's attribute of a net: wires, and the switches that lead to them."""
IN_CONFLICT = 4
"""Exit status of ``route.cpp`` where nets still want the same wire."""
OWN, PAIR, ANY = range(3)
"""Which of its LUT's inputs a signal may come in at, as in ``router/nets.h``."""

_BEL = re.compile(r"X(\d+)/Y(\d+)/(.+)")
_SLICE = re.compile(r"SLICE([ABCD])\.(K|FF|RAMW)(\d?)")
_WRITER = re.compile(r"([ABCD])([01])")
_BLOCKS = {
    "DP16KD": ("J{pin}_EBR", r"(AD|DI|DO)[AB]\d+|(WE|CE|OCE|RST)[AB]|CS[AB]\d"),
    "MULT18X18D": ("J{pin}_MULT18", r"([ABP]|CE|RST)\d+|SIGNED[AB]|SOURCE[AB]"),
    "EHXPLLL": ("J{pin}_PLL", r"RST|STDBY|PHASE\w+|PLLWAKESYNC|ENCLKOP|LOCK"),
    **dict.fromkeys(
        ("IOLOGIC", "SIOLOGIC"), ("J{pin}{letter}_{kind}", r"TXDATA0|TSDATA0|LSR|CE|INFF")
    ),
}
"""What wires of blocks are called, and which pins are led: all but clocks. Where nextpnr exchanges
enables or resets of multipliers, it leads these itself."""
_PAD = {"O": "JPADDI{letter}_PIO", "I": "PADDO{letter}_PIO", "T": "PADDT{letter}_PIO"}


def database(device: str) -> Path:
    """The database of the chip that nextpnr reads."""
    return nextpnr_files() / "ecp5" / f"chipdb-{CHIPS[device.split('-')[1]]}.bin"


def _logic_wire(pin: str, part: str, letter: str, lut: str) -> str | None:
    position, number = 2 * "ABCD".index(letter) + int(lut or 0), "ABCD".index(letter)
    if part == "RAMW":
        found = _WRITER.fullmatch(pin)
        return f"{found[1]}{4 + int(found[2])}_SLICE" if found else None
    if part == "K" and pin == "OFX":
        return f"F5{letter}_SLICE" if lut == "0" else f"FX{letter}_SLICE"
    of_position = ("A", "B", "C", "D", "F", "M") if part == "K" else ("Q", "DI", "M")
    of_slice = ("WRE",) if part == "K" else ("CE", "LSR")
    if pin in of_position:
        return f"{pin}{position}_SLICE"
    return f"{pin}{number}_SLICE" if pin in of_slice else None


def pin_wire(cell: dict, pin: str) -> tuple[int, int, str] | None:
    """Column, row and name of the wire at a pin of a placed cell.

    None where nextpnr leads the wire itself: there is one way only, or it may still exchange pins.
    """
    x, y, name = _BEL.match(cell["attributes"][PLACE]).groups()
    found = None
    if cell["type"] in _BLOCKS:
        wire, pins = _BLOCKS[cell["type"]]
        if re.fullmatch(pins, pin):
            found = wire.format(pin=pin, letter=name[-1], kind=name[:-1])
    elif cell["type"] == "TRELLIS_IO":
        found = _PAD[pin].format(letter=name[-1]) if pin in _PAD else None
    elif part := _SLICE.match(name):
        found = _logic_wire(pin, part[2], part[1], part[3])
    return (int(x), int(y), found) if found else None


def freedom(cell: dict) -> int:
    """Which inputs a signal to a LUT of this cell may come in at."""
    if cell["type"] != "TRELLIS_COMB":
        return OWN
    mode = cell["parameters"].get("MODE", "LOGIC")
    return {"LOGIC": ANY, "CCU2": PAIR}.get(mode, OWN)


def problem(cells: list[dict], uncounted: set) -> tuple[list[int], str]:
    """Return the nets (bits) that are led here, and the text about them for ``route.cpp``.

    ``cells`` are all placed cells, in the order of :func:`timing_graph`'s; nets of ``uncounted``
    (constants and clocks) are no part of a path. Clocks are left to nextpnr.
    """
    nodes = node_numbers(cells, uncounted)
    sources, sinks = {}, {}
    for number, cell in enumerate(cells):
        for pin, bits in cell["connections"].items():
            if not bits or not isinstance(bits[0], int):
                continue
            wire = pin_wire(cell, pin)
            if wire and cell["port_directions"][pin] == "output":
                sources[bits[0]] = wire
            elif wire:
                sinks.setdefault(bits[0], []).append((wire, number, freedom(cell)))
    led = sorted(sources.keys() & sinks.keys(), key=lambda bit: (-len(sinks[bit]), bit))
    return led, "\n".join([str(len(led)), *_lines(led, sources, sinks, nodes)]) + "\n"


def _lines(led: list, sources: dict, sinks: dict, nodes: dict) -> Iterator[str]:
    for bit in led:
        x, y, name = sources[bit]
        yield f"{x} {y} {name} {nodes.get(bit, -1)} {len(sinks[bit])}"
        near_first = sorted(sinks[bit], key=lambda sink: (
            abs(sink[0][0] - x) + abs(sink[0][1] - y), sink))  # fmt: skip
        for (column, row, wire), cell, free in near_first:
            yield f"{column} {row} {wire} {cell} {free}"


def route(*, folder: Path, netlist: str, device: str, seed: int) -> float:
    """Write into the placed ``netlist`` in ``folder`` which way its nets go; return the seconds.

    Raises :class:`boards.toolchain.PlacementError` where two nets still want the same wire after
    all rounds. Log: ``seed<N>.route.log``.
    """
    path = folder / netlist
    found = json.loads(path.read_text())
    module = top(found)
    cells = [cell for cell in module["cells"].values() if PLACE in cell["attributes"]]
    uncounted = uncounted_nets(module)
    led, text = problem(cells, uncounted)
    if not led:
        return 0.0
    (folder / "route.in").write_text(timing_graph(cells, uncounted) + text)
    try:
        seconds = run_tool(
            [compiled(SOURCE, folder), str(database(device)), "route.in", "route.out"],
            folder=folder,
            log=f"seed{seed}.route.log",
            label=f"routing, seed {seed}",
        )
    except StatusError as error:
        raise (PlacementError(str(error)) if error.status == IN_CONFLICT else error) from None
    ways = dict(zip(led, (folder / "route.out").read_text().splitlines(), strict=True))
    for net in module["netnames"].values():
        if way := ways.get(net["bits"][0]):
            net["attributes"][ROUTING] = way
    path.write_text(json.dumps(found))
    return seconds
