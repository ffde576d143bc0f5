"""Where block RAMs and multipliers can be on an ECP5, as nextpnr names the places.

They come in blocks of nine columns, four to a block (Lattice FPGA-TN-02204 and -02205). Project
Trellis's table of a device's tiles says where these blocks are.
"""

import re

from boards.readback.wires import device_table

SITES = {
    "DP16KD": ("MIB_EBR1", "EBR", {0: -1, 1: 1, 2: 3, 3: 5}),
    "MULT18X18D": ("MIB_DSP1", "MULT18_", {0: -1, 1: 0, 4: 3, 5: 4}),
}
"""Of a cell: a tile that each block has once; names of the sites, and their columns from there."""
_TILE = re.compile(r"R(\d+)C(\d+)$")


def sites(device: str) -> dict[str, list[str]]:
    """Of each kind of cell the sites of a device (by its name in the database), all in order."""
    grid = device_table(device, "tilegrid.json")
    found = {}
    for cell, (kind, name, columns) in SITES.items():
        places = sorted(
            tuple(map(int, _TILE.search(tile.split(":")[0]).groups()))
            for tile, entry in grid.items()
            if entry["type"] == kind
        )
        found[cell] = [
            f"X{column + offset}/Y{row}/{name}{number}"
            for row, column in places
            for number, offset in columns.items()
        ]
    return found
