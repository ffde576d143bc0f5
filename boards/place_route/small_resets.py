"""Makes logic of synchronous resets that few flip-flops share.

All eight flip-flops of an ECP5 tile have one reset net or none (``Arch::slices_compatible`` in
nextpnr's ecp5/arch_place.cc). A reset of one flip-flop keeps seven others from its tile; and when
85 % of a device's flip-flops are in use, no tile without one is left for it: legalising takes out
one flip-flop at a time, and comes to no end. As logic a reset costs one LUT in front of a
flip-flop, and a second one where it has a clock enable, which the reset goes before.
"""

from collections import defaultdict

FEWEST = 64
"""Flip-flops of eight tiles: a reset of so many may keep tiles to itself."""

TABLES = {
    ("RESET", False): "0010001000100010",  # A & ~B
    ("RESET", True): "1000100010001000",  # A & B
    ("SET", False): "1110111011101110",  # A | B
    ("SET", True): "1011101110111011",  # A | ~B
}
"""Of a LUT4 whose A is what comes in and whose B is the reset net: (what the reset makes of the
flip-flop, whether the net is inverted). The last digit is for inputs of 0."""
ENABLES = {
    ("CE", False): "1110111011101110",  # A | B
    ("CE", True): "1011101110111011",  # A | ~B
    ("INV", False): "1101110111011101",  # ~A | B
    ("INV", True): "0111011101110111",  # ~A | ~B
}
"""The same of an enable: (whether the flip-flop inverts it, whether the reset net is inverted)."""


def small_resets_as_logic(netlist: dict, fewest: int = FEWEST) -> int:
    """Change a yosys netlist of ECP5 cells; return how many flip-flops lost their reset pin."""
    changed = 0
    for module in netlist["modules"].values():
        cells = module["cells"]
        shared = defaultdict(list)
        for name, cell in cells.items():
            net = _reset(cell)
            if net is not None:
                shared[net, cell["parameters"].get("LSRMUX", "LSR")].append(name)
        free = 1 + max(
            (bit for cell in cells.values() for bits in cell["connections"].values()
             for bit in bits if isinstance(bit, int)), default=1,
        )  # fmt: skip
        for (net, _), names in shared.items():
            if len(names) >= fewest:
                continue
            for name in names:
                free = _as_logic(module, name, net, free)
                changed += 1
    return changed


def _reset(cell: dict) -> int | None:
    """The net of a flip-flop's synchronous reset; None where it has none."""
    if cell["type"] != "TRELLIS_FF" or cell["parameters"].get("SRMODE") != "LSR_OVER_CE":
        return None
    (net,) = cell["connections"].get("LSR", ["0"])
    return net if isinstance(net, int) else None


def _as_logic(module: dict, name: str, net: int, free: int) -> int:
    """Put LUTs in front of one flip-flop; return the next free number of a net."""
    cell = module["cells"][name]
    pins, parameters = cell["connections"], cell["parameters"]
    inverted = parameters.get("LSRMUX", "LSR") == "INV"
    table = TABLES[parameters.get("REGSET", "RESET"), inverted]
    pins["DI"] = [_lut(module, f"{name}_reset", table, pins["DI"], net, free)]
    free += 1
    enable = pins.get("CE", ["1"])
    taken = parameters.get("CEMUX", "CE").strip()
    if taken in ("CE", "INV") and isinstance(enable[0], int):
        table = ENABLES[taken, inverted]
        pins["CE"] = [_lut(module, f"{name}_enable", table, enable, net, free)]
        parameters["CEMUX"] = "CE"
        free += 1
    pins["LSR"] = ["0"]
    parameters["LSRMUX"] = "LSR"
    return free


def _lut(module: dict, name: str, table: str, value: list, net: int, result: int) -> int:
    """Add a LUT4 of two inputs, whose result is the net of that number."""
    module["netnames"][name] = {"hide_name": 1, "bits": [result], "attributes": {}}
    module["cells"][name] = {
        "hide_name": 1,
        "type": "LUT4",
        "parameters": {"INIT": table},
        "attributes": {},
        "port_directions": {
            "A": "input", "B": "input", "C": "input", "D": "input", "Z": "output",
        },
        "connections": {"A": value, "B": [net], "C": ["0"], "D": ["0"], "Z": [result]},
    }  # fmt: skip
    return result
