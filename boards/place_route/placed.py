"""What a netlist says that nextpnr has placed (``--write``), as far as both programs ask it."""

from collections import Counter

CLOCK_PINS = 5000
"""A net that clocks as many flip-flops has wires of its own."""


def top(netlist: dict) -> dict:
    """The only module there is."""
    (module,) = netlist["modules"].values()
    return module


def first_net(cell: dict, pin: str) -> int | str:
    """The net at a pin; 0 where there is none."""
    return (cell["connections"].get(pin) or [0])[0]


def clock_uses(module: dict) -> Counter:
    """How many flip-flops each net clocks."""
    return Counter(
        first_net(cell, "CLK")
        for cell in module["cells"].values()
        if cell["type"] == "TRELLIS_FF"
    )


def uncounted_nets(module: dict) -> set:
    """Nets whose length does not matter: constants, and clocks."""
    found = {
        bit for name, net in module["netnames"].items() if "$PACKER_" in name for bit in net["bits"]
    }
    return found | {bit for bit, count in clock_uses(module).items() if count > CLOCK_PINS}
