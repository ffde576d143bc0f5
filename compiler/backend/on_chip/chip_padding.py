"""What surrounds a map that stays on chip: loaded before the map is computed.

Rows above and below are loaded whole, of the others only where they begin; what is loaded beyond
the halo is computed later. All of it is the same few beats of memory again and again.
"""

from dataclasses import dataclass

import numpy as np

from arch.formats import LANE_GROUPS
from arch.isa import Opcode, Planes
from arch.machine import Machine
from compiler.backend.on_chip.chip_map import ChipMap
from compiler.backend.storage import BOTH_HALVES, WORD_CHANNELS, Storage


@dataclass(frozen=True)
class PaddedRow:
    """A row of the pad code for images of so many lanes, and where in memory it lies."""

    lanes: int
    address: int


def lanes_of(storage: Storage, image: int) -> int:
    """Channels of an image; all of them where the pad code is 0 and it does not matter."""
    channels = min(WORD_CHANNELS, storage.channels - image * WORD_CHANNELS)
    return channels if storage.pad_code else WORD_CHANNELS


def row_contents(chip: ChipMap, machine: Machine) -> dict[int, bytes]:
    """Lanes -> the row that surrounds images of so many; none where nothing is surrounded."""
    storage, shape = chip.storage, chip.layout.shape
    if not (storage.top or storage.bottom or storage.left):
        return {}
    found = {}
    for lanes in sorted({lanes_of(storage, image) for image in range(storage.words)}):
        words = [
            ((1 << lanes) - 1) * (storage.pad_code >> plane & 1) for plane in range(storage.planes)
        ]
        beats = _beats(storage, shape.pitch, machine)
        count = beats * machine.slots // storage.planes
        found[lanes] = np.array(words * count, "<u2").tobytes()
    return found


def padding_loads(chip: ChipMap, rows: tuple[PaddedRow, ...], machine: Machine) -> list[dict]:
    """The LOAD_MAPs of all halos, without what they wait for."""
    storage, layout, shape = chip.storage, chip.layout, chip.layout.shape
    loads = []
    for row in rows:
        for part in range(layout.parts):
            images = range(part * LANE_GROUPS, min(storage.words, (part + 1) * LANE_GROUPS))
            own = [image for image in images if lanes_of(storage, image) == row.lanes]
            groups = sum(1 << group for image in own for group in layout.groups(image))
            if not groups:
                continue
            # (first row, rows, columns)
            strips = [(-storage.top, storage.top, shape.pitch)]
            strips += [(storage.height, storage.bottom, shape.pitch)]
            if shape.left and storage.left:
                first = -storage.top
                strips += [(first, storage.height + storage.bottom + 1 - first, shape.left)]
            for first, count, columns in strips:
                if count:
                    loads.append(
                        {
                            "opcode": Opcode.LOAD_MAP,
                            "address": row.address,
                            "rows": count,
                            "beats": _beats(storage, columns, machine),
                            "row_bytes": 0,
                            "destination": chip.row(images[0], first) % machine.positions,
                            "row_step": shape.row_step,
                            "plane_stride": layout.plane_stride,
                            "odd_offset": layout.odd_offset,
                            "planes": Planes.holding(storage.planes),
                            "groups": groups,
                            "halves": BOTH_HALVES,
                        }
                    )
    return loads


def _beats(storage: Storage, columns: int, machine: Machine) -> int:
    return -(-columns * storage.planes // machine.slots)
