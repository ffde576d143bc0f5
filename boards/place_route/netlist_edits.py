"""What is changed in a netlist between yosys and nextpnr, none of it in what it computes."""

import json
from pathlib import Path

from boards.devices import Device
from boards.place_route.chain_ends import open_chain_ends
from boards.place_route.small_resets import small_resets_as_logic

CROWDED = 0.8
"""Share of a device's flip-flops from which on resets of few are logic. It costs a slot or two for
each: with 76 % of them in use (25F) placements became legal without, with 86 % (85F) none did."""


def edit_netlist(path: Path, cells: dict[str, int], device: Device) -> None:
    """Edit the JSON netlist ``path``; ``cells`` counts its cells by type."""
    netlist = json.loads(path.read_text())
    open_chain_ends(netlist)
    if cells.get("TRELLIS_FF", 0) > CROWDED * device.capacity["flip_flops"]:
        small_resets_as_logic(netlist)
    path.write_text(json.dumps(netlist))
