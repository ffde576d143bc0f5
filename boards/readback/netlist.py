"""A configured chip as Verilog, from its pads inwards: what drives nothing is left out."""

import re
from dataclasses import dataclass

from boards.readback.blocks import Blocks
from boards.readback.cells import LogicTiles
from boards.readback.configuration import Configuration
from boards.readback.pads import Pads, located
from boards.readback.wires import Wire, Wires
from boards.toolchain import ToolError

UNUSED = "1'b1"
"""What an input reads that nothing drives."""
TIED = re.compile(r"J[A-D]\d")
"""Inputs of blocks that can be made 0. Of clocks, enables and resets (JCLK, JCE, JLSR) what the
database calls 0 is a 1, too: nextpnr writes it where it wants one (``tie_cib_signal``)."""


@dataclass(frozen=True, kw_only=True)
class Netlist:
    """Verilog, and how many outputs of each kind of cell are in it."""

    verilog: str
    counts: dict[str, int]


class _Chip:
    def __init__(self, configuration: Configuration, constraints: str):
        self.configuration = configuration
        self.wires = Wires(configuration)
        self.ports = located(constraints, configuration)
        self.names: dict[Wire, str] = {}
        self.waiting: list[Wire] = []
        self.logic = LogicTiles(self.net, self.name, self.sources, configuration.settings)
        self.blocks = Blocks(configuration, self.net, self.name)
        self.pads = Pads(configuration, self.net, self.names.get)

    def name(self, wire: Wire) -> str:
        """The Verilog name of an output, which is now in use."""
        if wire not in self.names:
            row, column, pin = wire
            self.names[wire] = f"r{row}c{column}_{pin}"
            self.waiting.append(wire)
        return self.names[wire]

    def net(self, row: int, column: int, pin: str) -> str:
        """The Verilog of what drives a wire."""
        driver = self.wires.driver(row, column, pin)
        if driver is not None:
            return self.name(driver)
        return "1'b0" if self._tied_low(row, column, pin) else UNUSED

    def _tied_low(self, row: int, column: int, pin: str) -> bool:
        """Whether the interface to a block makes this input 0."""
        for at_row, at_column, name in self.wires.entered(row, column, pin):
            settings = self.configuration.settings.get((at_row, at_column), {})
            if TIED.match(name) and settings.get(f"CIB.{name}MUX") == "0":
                return True
            if name[:2] == "JM" and self._tied_low(at_row, at_column, name):
                return True
        return False

    def sources(self, row: int, column: int, pin: str) -> list[str]:
        return [name for _, _, name in self.wires.entered(row, column, pin)]

    def follow(self) -> None:
        """Make every cell that is in use, until all that they need is there."""
        while self.waiting:
            wire = self.waiting.pop()
            pin = wire[2]
            if pin.endswith("_SLICE"):
                self.logic.make(wire, self.names[wire])
            elif pin.endswith(("_EBR", "_MULT18", "_PLL")):
                self.blocks.make(wire)
            elif not pin.startswith(("JPADDI", "JINFF")):
                raise ToolError(f"the output {pin} of row {wire[0]}, column {wire[1]} is not "
                                "simulated")  # fmt: skip

    def pad_lines(self) -> list[str]:
        """The pads; what drives them is made, what they drive must be known already."""
        lines = []
        for (name, bit), place in self.ports.items():
            if self.pads.direction(place):
                port = name if bit is None else f"{name}[{bit}]"
                lines += self.pads.make(place, port)
        return lines


def read_netlist(configuration: Configuration, constraints: str, top: str = "top") -> Netlist:
    """The module ``top`` with the ports that the constraints locate. Raises :class:`ToolError`."""
    chip = _Chip(configuration, constraints)
    chip.pad_lines()  # names what drives the outputs
    chip.follow()
    pads = chip.pad_lines()
    widths: dict[str, int] = {}
    directions: dict[str, str] = {}
    for (name, bit), place in chip.ports.items():
        widths[name] = max(widths.get(name, 0), (bit or 0) + 1)
        way = chip.pads.direction(place)
        directions[name] = {"OUTPUT": "output", "BIDIR": "inout"}.get(way, "input")
    ports = ", ".join(
        f"{directions[name]} wire " + (f"[{width - 1}:0] " if width > 1 else "") + name
        for name, width in widths.items()
    )
    held = [
        f"{'reg' if wire[2][0] == 'Q' else 'wire'} {name};" for wire, name in chip.names.items()
    ]
    lines = [*held, *pads, *chip.blocks.lines, *chip.logic.finish()]
    return Netlist(
        verilog=f"module {top} ({ports});\n" + "\n".join(lines) + "\nendmodule\n",
        counts=_counts(chip.names),
    )


def _counts(names: dict[Wire, str]) -> dict[str, int]:
    places = {"flip-flops": set(), "LUTs": set(), "block RAMs": set(), "multipliers": set()}
    for row, column, pin in names:
        if pin[0] == "Q":
            places["flip-flops"].add((row, column, pin))
        elif pin[0] == "F" and pin[1].isdigit() and pin[2] == "_":
            places["LUTs"].add((row, column, pin))
        elif pin.endswith("_EBR"):
            places["block RAMs"].add((row, column))
        elif pin.endswith("_MULT18"):
            places["multipliers"].add((row, column))
    return {kind: len(found) for kind, found in places.items()}
