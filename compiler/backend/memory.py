"""The memory planner: where constants, maps and program lie.

From the bottom of memory:

    4096   for each job: pass table, weights, thresholds
           maps, with their halos (the picture is the first)
           program, in chunks; one after the other if the host computes in between

Only the length of the program depends on the schedule, so it is the last.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from arch.formats import PAGE_BYTES, WRITTEN_ADDRESS_BITS
from arch.machine import Machine
from compiler.backend.encode import Encoded
from compiler.backend.job import Job
from compiler.backend.on_chip.chip_map import NONE_STAYS, ChipMaps
from compiler.backend.on_chip.chip_padding import PaddedRow, row_contents
from compiler.backend.storage import ALIGNMENT, Layout, Place, round_up
from compiler.backend.tiling.tile import Tiled
from compiler.errors import CapacityError
from host.image import LARGEST, Image, machine_digest

MOST_BYTES = 1 << WRITTEN_ADDRESS_BITS
"""Where maps may lie."""


@dataclass(frozen=True, eq=False)
class Placed:
    """A job whose constants have addresses, those of weights and thresholds per row block."""

    encoded: Encoded
    table_address: int
    weight_addresses: tuple[int, ...]
    threshold_addresses: tuple[int, ...]
    #: Of its code table, if it has one.
    codes_address: int = 0

    @property
    def tiled(self) -> Tiled:
        return self.encoded.tiled

    @property
    def job(self) -> Job:
        return self.encoded.job


@dataclass(frozen=True, eq=False)
class MemoryPlan:
    """All addresses, and what memory holds there before the first frame, but for the program."""

    jobs: tuple[Placed, ...]
    #: Storage -> its place.
    places: Mapping[str, Place]
    #: Storages that stay on chip, and the rows that surround them.
    chip_maps: ChipMaps
    padded_rows: Mapping[str, tuple[PaddedRow, ...]]
    #: (address, content) of the constants.
    sections: tuple[tuple[int, bytes], ...]
    program_address: int


class _Shelf:
    """Addresses one after another, and what lies there."""

    def __init__(self, address: int):
        self.address = address
        self.sections: list[tuple[int, bytes]] = []

    def take(self, size: int) -> int:
        at = round_up(self.address, ALIGNMENT)
        self.address = at + round_up(size, ALIGNMENT)
        return at

    def put(self, content: bytes) -> int:
        self.sections.append((self.take(len(content)), content))
        return self.sections[-1][0]


def plan_memory(
    jobs: Iterable[Encoded],
    layouts: Mapping[str, Layout],
    machine: Machine,
    chip_maps: ChipMaps = NONE_STAYS,
) -> MemoryPlan:
    """Give everything but the program its address, and the program the address behind.

    Storages that stay on chip have none, but for a row of what surrounds them.

    Raises :class:`CapacityError` where instructions could not address a map.
    """
    shelf = _Shelf(PAGE_BYTES)
    placed = tuple(_place(encoded, shelf, machine) for encoded in jobs)
    padded_rows = {
        name: tuple(
            PaddedRow(lanes, shelf.put(content))
            for lanes, content in row_contents(chip, machine).items()
        )
        for name, chip in chip_maps.items()
    }
    places = {}
    for name, layout in layouts.items():
        if name in chip_maps:
            continue
        places[name] = Place(layout, shelf.take(layout.size))
        end = places[name].address + layout.size
        if end >= MOST_BYTES:
            raise CapacityError(
                f"tensor {layout.storage.tensor!r}: with it the network needs {end} bytes of "
                f"memory; supported: less than {MOST_BYTES}; use a smaller picture or fewer "
                f"channels"
            )
    program_address = round_up(shelf.address, PAGE_BYTES)
    sections = tuple(shelf.sections)
    return MemoryPlan(placed, places, chip_maps, padded_rows, sections, program_address)


def _place(encoded: Encoded, shelf: _Shelf, machine: Machine) -> Placed:
    table = shelf.put(encoded.table)
    first, size = shelf.put(b"".join(encoded.weights)), len(encoded.weights[0])
    weights = [first + size * block for block in range(len(encoded.weights))]
    if size % machine.beat_bytes:  # a block on its own must begin with a beat
        weights = [shelf.put(block) for block in encoded.weights]
    thresholds = [shelf.put(block.content) for block in encoded.thresholds]
    codes = shelf.put(encoded.codes) if encoded.codes else 0
    return Placed(encoded, table, tuple(weights), tuple(thresholds), codes)


def program_image(
    plan: MemoryPlan, programs: Sequence[tuple[int, bytes]], network: str, machine: Machine
) -> Image:
    """The image of a planned memory with the programs (address, code) of its segments, in order.

    CapacityError where that is too large.
    """
    last, code = programs[-1]
    memory_bytes = round_up(last + len(code), PAGE_BYTES)
    if memory_bytes >= LARGEST:
        raise CapacityError(
            f"network {network!r}: needs {memory_bytes} bytes of memory; supported: "
            f"less than {LARGEST}; use a smaller picture"
        )
    sections = [*plan.sections, *programs]
    fills = [fill for place in plan.places.values() for fill in place.fills()]
    return Image(memory_bytes, plan.program_address, machine_digest(machine), sections, fills)
