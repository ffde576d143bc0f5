"""The paths through a placed netlist, for ``annealer/timing.h``.

Delays are nextpnr's at speed grade 6, as its reports name them (nextpnr-ecp5 0.11, ``--report``).
They need not be exact: they only say which connections are worth shortening, and the figure that a
record holds is nextpnr's own, after routing.
"""

import re
from collections.abc import Iterator

CLOCK_TO_OUTPUT = 525
LUT_DELAY = 236
CARRY_IN, CARRY_ON, CARRY_OUT = 447, 71, 443
"""A carry position: from its inputs, from carry to carry, from carry to sum."""
RESET_SETUP = 424
RAM_SETUP = 251
MULTIPLIER_OUTPUT, MULTIPLIER_SETUP = 735, 84
"""Of a multiplier with registers in front and behind, as ``hw/compute/multiplier.py`` makes it."""
RAM_OUTPUT = {"OUTREG": 973, "NOREG": 5609}
"""A block RAM's clock to output, with and without its output register."""
PAD_OUTPUT, PAD_SETUP = 500, 100
"""Of the registers in the pads."""
OWN_LUT = 130
"""A flip-flop's wire from the LUT at its position."""

LUT_INPUTS = ("A", "B", "C", "D")
CHOOSER_INPUTS = ("M", "F1", "FXA", "FXB")
"""Of the multiplexer beside a LUT: what chooses, and what there is to choose from."""
FLIP_FLOP_INPUTS = {"DI": 0, "M": 0, "CE": 0, "LSR": RESET_SETUP}
RAM_INPUT = re.compile(r"(AD|DI|WE|CE|OCE|CS|RST)[AB]\d*")
RAM_DATA = re.compile(r"DO([AB])\d+")
PADS = ("IOLOGIC", "SIOLOGIC")
PAD_INPUTS = ("TXDATA0", "TSDATA0", "CE", "LSR")
FACTOR, PRODUCT = re.compile(r"[AB]\d+"), re.compile(r"P\d+")
WRITER_DATA = re.compile(r"(WADO|WDO)\d")
FIXED_PINS = ("FCI", "F1", "DI", "WD", "WAD0", "WAD1", "WAD2", "WAD3")
"""Pins that nextpnr leads no wire to: a carry, the LUT above a multiplexer, a flip-flop's own LUT,
the writer of LUT RAM."""

Outputs = Iterator[tuple[str, int | None, list[tuple[str, int]]]]
"""Output pins: when the clock makes them (ps; None: it does not), and the inputs that do."""


def _outputs(cell: dict) -> Outputs:
    pins, kind = cell["connections"], cell["type"]
    if kind == "TRELLIS_FF":
        yield "Q", CLOCK_TO_OUTPUT, []
    elif kind == "DP16KD":
        for pin in pins:
            if port := RAM_DATA.fullmatch(pin):
                yield pin, RAM_OUTPUT[cell["parameters"].get(f"REGMODE_{port[1]}", "NOREG")], []
    elif kind == "MULT18X18D":
        yield from ((pin, MULTIPLIER_OUTPUT, []) for pin in pins if PRODUCT.fullmatch(pin))
    elif kind in PADS:
        yield "INFF", PAD_OUTPUT, []
    elif kind == "TRELLIS_RAMW":
        for pin in pins:
            if port := WRITER_DATA.fullmatch(pin):
                lut = "0" if port[1] == "WADO" else "1"
                yield pin, None, [(f"{name}{lut}", 0) for name in LUT_INPUTS]
    elif kind == "TRELLIS_COMB":
        if cell["parameters"].get("MODE") == "CCU2":
            inputs = [(pin, CARRY_IN) for pin in LUT_INPUTS]
            yield "F", None, [*inputs, ("FCI", CARRY_OUT)]
            yield "FCO", None, [*inputs, ("FCI", CARRY_ON)]
        else:
            yield "F", None, [(pin, LUT_DELAY) for pin in LUT_INPUTS]
            yield "OFX", None, [(pin, LUT_DELAY) for pin in (*LUT_INPUTS, *CHOOSER_INPUTS)]


def _ends(cell: dict) -> Iterator[tuple[str, int]]:
    """Pins where paths end, and the time before the clock at which they must."""
    pins, kind = cell["connections"], cell["type"]
    if kind == "TRELLIS_FF":
        yield from FLIP_FLOP_INPUTS.items()
    elif kind == "DP16KD":
        yield from ((pin, RAM_SETUP) for pin in pins if RAM_INPUT.fullmatch(pin))
    elif kind == "MULT18X18D":
        yield from ((pin, MULTIPLIER_SETUP) for pin in pins if FACTOR.fullmatch(pin))
    elif kind in PADS:
        yield from ((pin, PAD_SETUP) for pin in PAD_INPUTS)
    elif kind == "TRELLIS_COMB" and cell["parameters"].get("MODE") == "DPRAM":
        yield from ((pin, 0) for pin in ("WD", "WRE", "WAD0", "WAD1", "WAD2", "WAD3"))


def node_numbers(cells: list[dict], uncounted: set) -> dict[int, int]:
    """Of each net that a cell puts out, its node in the graph of :func:`timing_graph`."""
    outputs = (bit for cell in cells for pin, _, _ in _outputs(cell)
               for bit in cell["connections"].get(pin, [])
               if isinstance(bit, int) and bit not in uncounted)  # fmt: skip
    return {bit: number for number, bit in enumerate(outputs)}


def timing_graph(cells: list[dict], uncounted: set) -> str:
    """Return the text of the graph between ``cells``; a cell's number is its place in the list.

    Nets of ``uncounted`` (constants, clocks) are no part of a path. The first line is the number of
    nodes; each node is a line: cell, start (ps; 0 where the clock starts nothing), number of arcs,
    and for each arc its source node, its delay (ps) and 1 if a wire leads there, 0 if not.
    """
    node_of, nodes = {}, []
    for number, cell in enumerate(cells):
        pins = cell["connections"]
        for pin, start, inputs in _outputs(cell):
            for bit in pins.get(pin, []):
                if isinstance(bit, int) and bit not in uncounted:
                    node_of[bit] = len(nodes)
                    nodes.append((number, start or 0, inputs))
    for number, cell in enumerate(cells):
        nodes.append((number, 0, list(_ends(cell))))
    lines = [str(len(nodes))]
    for number, start, inputs in nodes:
        pins = cells[number]["connections"]
        arcs = [
            f"{node_of[bit]} {delay + (OWN_LUT if pin == 'DI' else 0)} {int(pin not in FIXED_PINS)}"
            for pin, delay in inputs
            for bit in pins.get(pin, [])
            if bit in node_of
        ]
        lines.append(" ".join([f"{number} {start} {len(arcs)}", *arcs]))
    return "\n".join(lines) + "\n"
