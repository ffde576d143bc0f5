"""Whether a configuration does what the placed netlist says: cell by cell, and input by input.

nextpnr's router may exchange the inputs of a LUT, and the LUT's contents follow. Where it takes a
carry or LUT RAM for a plain LUT, that makes another circuit of the netlist, and nothing else looks.
What is compared: the inputs and contents of LUTs and carries, multiplexers of LUTs and what
chooses, addresses, data and enables of LUT RAM, what flip-flops take in and their enables and
resets, and the inputs of block RAMs and multipliers. What comes from elsewhere (pads, clocks,
constants) is not.
"""

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from boards.readback.cells import SLICES
from boards.readback.configuration import read_configuration
from boards.readback.wires import Wire, Wires
from boards.toolchain import PLACE, ToolError

BEL = re.compile(r"X(\d+)/Y(\d+)/(.*)")
LUT_INPUTS = "ABCD"
WRITTEN = re.compile(r"[ABCD][01]")
"""Address and data that slice C hands on to the LUT RAM of slices A and B."""
RAMW_INDEX = 4
"""Of the lower half of slice C."""
SHOWN = 3
REGISTER_INPUTS = {"M": "M{i}", "DI": "DI{i}_SLICE", "CE": "CE{s}_SLICE", "LSR": "LSR{s}_SLICE"}
BLOCKS = {
    "DP16KD": ("EBR", re.compile(r"DO[AB]\d+")),
    "MULT18X18D": ("MULT18", re.compile(r"P\d+")),
}
"""Cells with wires named as their pins: what ends these names, and which pins are outputs."""


def routed_netlist(seed: int) -> str:
    """The file that nextpnr writes its netlist to, with all cells in their places."""
    return f"seed{seed}.routed.json"


def outputs(seed: int, configuration: str) -> list[str]:
    """Options of nextpnr for what is compared."""
    return ["--textcfg", configuration, "--write", routed_netlist(seed)]


class Cell:
    """A placed cell: ``row`` and ``column``, and ``index`` among the eight of its logic tile."""

    def __init__(self, name: str, cell: dict):
        self.name, self.kind = name, cell["type"]
        column, row, bel = BEL.fullmatch(cell["attributes"][PLACE]).groups()
        self.row, self.column, self.index = int(row), int(column), -1
        if self.kind in ("TRELLIS_FF", "TRELLIS_COMB"):
            self.index = 2 * SLICES.index(bel[5]) + int(bel[-1])
        self.parameters = cell.get("parameters", {})
        self.nets = {pin: bits[0] for pin, bits in cell["connections"].items() if bits}

    def outputs(self) -> Iterator[tuple[int, Wire]]:
        """(net, wire) of what it drives."""
        for pin, net in self.nets.items():
            if self.kind in BLOCKS:
                end, is_output = BLOCKS[self.kind]
                if is_output.fullmatch(pin):
                    yield net, (self.row, self.column, f"J{pin}_{end}")
            elif (self.kind, pin) in (("TRELLIS_FF", "Q"), ("TRELLIS_COMB", "F")):
                yield net, (self.row, self.column, f"{pin}{self.index}_SLICE")
            elif self.kind == "TRELLIS_COMB" and pin == "OFX":
                kind = "FX" if self.index % 2 else "F5"
                yield net, (self.row, self.column, f"{kind}{SLICES[self.index // 2]}_SLICE")

    def inputs(self) -> Iterator[tuple[int, str]]:
        """(net, name of the wire) of what must come in at one place alone."""
        ram = self.kind == "TRELLIS_COMB" and self.mode == "DPRAM"
        for pin, net in self.nets.items():
            if self.kind in BLOCKS:
                end, is_output = BLOCKS[self.kind]
                if not is_output.fullmatch(pin):
                    yield net, f"J{pin}_{end}"
            elif self.kind == "TRELLIS_FF" and pin in REGISTER_INPUTS:
                yield net, REGISTER_INPUTS[pin].format(i=self.index, s=self.index // 2)
            elif self.kind == "TRELLIS_COMB" and (pin == "M" or (ram and pin in LUT_INPUTS)):
                yield net, f"{pin}{self.index}"
            elif self.kind == "TRELLIS_COMB" and pin in ("FXA", "FXB"):
                yield net, f"{pin}{SLICES[self.index // 2]}_SLICE"
            elif ram and pin == "WRE":
                yield net, f"WRE{self.index // 2}_SLICE"
            elif self.kind == "TRELLIS_RAMW" and WRITTEN.fullmatch(pin):
                yield net, f"{pin[0]}{RAMW_INDEX + int(pin[1])}"

    @property
    def beside(self) -> Wire:
        """Where the LUT puts out that a multiplexer here (pin F1) has as its other input."""
        return self.row, self.column, f"F{self.index + 1}_SLICE"

    @property
    def mode(self) -> str:
        return self.parameters.get("MODE", "LOGIC")

    @property
    def contents(self) -> str:
        """A LUT's bits, the lowest first."""
        written = self.parameters["INITVAL"]
        if written.startswith("0x"):
            written = f"{int(written, 16):016b}"
        return written[::-1]


def check_agreement(placed: Path, configuration: Path) -> int:
    """Compare the netlist ``placed`` with its configuration; return how many cells were compared.

    ``placed`` is what nextpnr writes (``--write``) or was given. :class:`ToolError` where a cell
    does something else than the netlist says.
    """
    (module,) = json.loads(placed.read_text())["modules"].values()
    cells = [
        Cell(name, cell) for name, cell in module["cells"].items() if PLACE in cell["attributes"]
    ]
    made = read_configuration(configuration)
    wires = Wires(made)
    drivers = {net: wire for cell in cells for net, wire in cell.outputs()}
    wrong = []
    for cell in cells:
        if drivers.get(cell.nets.get("F1"), cell.beside) != cell.beside:
            wrong.append(f"{cell.name}: chooses from another LUT than the one beside it")
        for net, name in cell.inputs():
            if net in drivers and wires.driver(cell.row, cell.column, name) != drivers[net]:
                wrong.append(f"{cell.name}: something else comes in at {name}")
        if cell.kind == "TRELLIS_COMB" and cell.mode in ("LOGIC", "CCU2"):
            letter, half = SLICES[cell.index // 2], cell.index % 2
            settings = made.settings[cell.row, cell.column]
            contents = settings.get(f"SLICE{letter}.K{half}.INIT", "1" * 16)[::-1]
            names = [f"{pin}{cell.index}" for pin in LUT_INPUTS]
            came = [wires.driver(cell.row, cell.column, name) for name in names]
            if not _alike(cell, drivers, came, contents):
                wrong.append(f"{cell.name}: another function of its inputs")
    if wrong:
        raise ToolError(
            f"{configuration}: {len(wrong)} of {len(cells)} cells do not do what the netlist "
            f"{placed.name} says ({'; '.join(wrong[:SHOWN])}): nextpnr made another circuit of it, "
            "so its clock rate and its bitstream are worth nothing; try another --seed, and tell us"
        )
    return len(cells)


def _alike(cell: Cell, drivers: dict, came: list[Wire | None], contents: str) -> bool:
    """Whether a LUT computes the same of the same sources; True where one of them is not known.

    Of a carry the first two inputs make it, and the others let it pass: only the two of a pair may
    have been exchanged.
    """
    wanted = [None, None, None, None]
    for place, pin in enumerate(LUT_INPUTS):
        net = cell.nets.get(pin)
        if net is not None and net not in drivers:
            return True
        wanted[place] = drivers.get(net)
    if cell.mode == "CCU2":
        pairs = (slice(0, 2), slice(2, 4))
        if any(set(wanted[pair]) != set(came[pair]) for pair in pairs):
            return False
    # What nothing drives is 1, where the netlist does not set it to 0.
    idle = [int(cell.parameters.get(f"{pin}MUX", "1").strip() != "0") for pin in LUT_INPUTS]
    sources = list({wire for wire in (*wanted, *came) if wire is not None})
    for values in product((0, 1), repeat=len(sources)):
        value = dict(zip(sources, values, strict=True))
        want = sum(value.get(wire, idle[i]) << i for i, wire in enumerate(wanted))
        have = sum(value.get(wire, 1) << i for i, wire in enumerate(came))
        if cell.contents[want] != contents[have]:
            return False
        # What makes a carry is looked up with the other two inputs at 0.
        if cell.mode == "CCU2" and cell.contents[want & 3] != contents[have & 3]:
            return False
    return True
