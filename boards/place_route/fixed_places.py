"""Makes the places of a placed netlist constraints, so that nextpnr-ecp5 can be given it to route.

nextpnr reads a placed netlist (attribute ``NEXTPNR_BEL``) by putting every cell in its place, and
looks only then which are carries and LUT RAM. What its router may do with the inputs of a LUT is
noted in between: it would be allowed any order everywhere, where a carry allows two pairs to be
exchanged, and LUT RAM nothing. Of a 25F 4,075 of 11,148 carry positions were so connected that
they computed something else. Where places are constraints (``BEL``), cells are put there by a
placer, when all is known of them: ``heap``, which then finds nothing left to place. It checks that
each place is a legal one, and asks multipliers for pins that nextpnr left out of the netlist. Pins
of blocks that nothing is connected to are no pins to it unless that is said of each, and would not
be tied to 0 or 1.
"""

import json
from pathlib import Path

from boards.place_route.chain_ends import OPEN
from boards.toolchain import PLACE

CONSTRAINT = "BEL"
PLACER = "heap"
STRENGTH = "BEL_STRENGTH"
MULTIPLIER = "MULT18X18D"
BLOCKS = (MULTIPLIER, "DP16KD")
MULTIPLIER_PINS = tuple(f"{pin}{number}" for pin in ("CLK", "CE", "RST") for number in range(4))


def fix_places(path: Path) -> None:
    """Change the placed netlist ``path``; it is then for ``--no-pack``, with placement."""
    netlist = json.loads(path.read_text())
    for module in netlist["modules"].values():
        module["settings"]["placer"] = PLACER  # which goes before the command line
        for cell in module["cells"].values():
            attributes = cell["attributes"]
            if PLACE in attributes:
                attributes[CONSTRAINT] = attributes.pop(PLACE)
                attributes.pop(STRENGTH, None)
            if cell["type"] == MULTIPLIER:
                cell["port_directions"] |= dict.fromkeys(MULTIPLIER_PINS, "input")
            if cell["type"] in BLOCKS:
                for pin, direction in cell["port_directions"].items():
                    if direction == "input":
                        cell["connections"][pin] = cell["connections"].get(pin) or OPEN
    path.write_text(json.dumps(netlist))
