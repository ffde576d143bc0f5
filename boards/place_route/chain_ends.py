"""Opens the ends of carry chains in a netlist.

yosys' ABC step connects every pin of a carry cell: the carry input at the low end of a chain to 0,
the output at its high end to a net that goes nowhere. nextpnr then spends a cell of two slots on
each (``make_carry_feed_in`` and ``make_carry_feed_out`` in its ecp5/pack.cc). The array has five
chains in each of its elements.
"""

from collections import Counter

OPEN = ["x"]
"""What nextpnr reads as a pin without a net (it gives up on a carry cell without the pin)."""


def open_chain_ends(netlist: dict) -> int:
    """Disconnect needless carry pins in a yosys netlist; return how many.

    A constant carry input is needless where the cell's first position neither shows it nor passes
    it on (P = 0, and its sum goes nowhere: see :mod:`hw.array.carry_chain`); an output, where
    nothing takes it.
    """
    opened = 0
    for module in netlist["modules"].values():
        users = Counter(bit for port in module["ports"].values() for bit in port["bits"])
        for cell in module["cells"].values():
            for pin, bits in cell["connections"].items():
                if cell["port_directions"].get(pin) != "output":
                    users.update(bits)

        def is_open(pins: dict, pin: str, users: Counter = users) -> bool:
            return not any(users[bit] for bit in pins.get(pin, []))

        for cell in module["cells"].values():
            if cell["type"] != "CCU2C":
                continue
            pins = cell["connections"]
            constant = pins.get("CIN", [None])[0] in ("0", "1")
            if constant and _ignores_carry(cell) and is_open(pins, "S0"):
                pins["CIN"] = OPEN
                opened += 1
            if pins.get("COUT", OPEN) != OPEN and is_open(pins, "COUT"):
                pins["COUT"] = OPEN
                opened += 1
    return opened


def _ignores_carry(cell: dict) -> bool:
    """Whether the first position's LUT4 is 0 whatever its connected inputs are."""
    table = int(cell["parameters"]["INIT0"], 2)
    fixed = [cell["connections"].get(f"{pin}0", ["1"])[0] for pin in "ABCD"]
    return not any(
        table >> index & 1
        for index in range(16)
        if all(value not in ("0", "1") or int(value) == index >> place & 1
               for place, value in enumerate(fixed))
    )  # fmt: skip
