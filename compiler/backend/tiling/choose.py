"""The best way to cut a job's map into tiles: loads overlap computes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from arch.formats import LANE_GROUPS
from compiler.backend.on_chip.chip_map import ChipMaps
from compiler.backend.packing import Packed
from compiler.backend.storage import Layout
from compiler.backend.tiling.candidates import Size, all_tiles, candidates, shapes
from compiler.backend.tiling.costs import TileCosts
from compiler.backend.tiling.tile import (
    ChipRegion,
    Tile,
    Tiled,
    encodable,
    on_chip,
)
from compiler.backend.traffic import Traffic
from compiler.errors import CapacityError


@dataclass(frozen=True)
class Way:
    """Tiles of one size."""

    #: The first tile.
    tiled: Tiled
    #: (how many, cycles to compute, to load, to store one) of each kind of tiles.
    kinds: list[tuple[int, int, int, int]]


class Tilings:
    """All ways to cut one job: for whatever room, and wherever its results go."""

    def __init__(self, packed: Packed, layouts: Mapping[str, Layout], traffic: Traffic):
        self.packed = packed
        self._job, self._machine = packed.job, traffic.machine
        #: Memory with other things to do meanwhile, where smaller first tiles do not pay for loads.
        self._shared = traffic.memory.shared
        self._costs = TileCosts(packed, layouts, traffic)
        self._ranked: dict[tuple[int, bool], list[tuple[int, Tiled]]] = {}

    def best(self, *, room: int | None = None, to_chip: bool = False) -> Tiled:
        """The tiles with the smallest estimate of max(compute, load), summed over them.

        ``room``: positions of the activation memory that tiles may take, by default all of them.
        ``to_chip``: the results stay there.

        Where loads share memory with stores, these are part of it, and constants that tile after
        tile loads again. Raises :class:`CapacityError` when not even one row of one block fits.
        """
        machine = self._machine
        for halves in (1, 2):
            best = self._cheapest(halves, (room or machine.positions) * halves // 2, to_chip)
            if best is not None:
                return best
        raise CapacityError(
            f"layer {self._job.name!r}: not even one row of {machine.columns} positions "
            f"fits the activation memory of machine {machine.name!r} ({machine.positions} "
            f"positions); use a machine with a larger activation_words, or fewer input channels"
        )

    def _waits(self, height: int) -> bool:
        """Whether nothing hides the load of a first tile so high: it is the frame's first one, or
        needs rows of the second half of its input, which the layer before computes last."""
        job, layouts = self._job, self._costs.layouts
        below = job.reach[0] + job.input_rows(height)
        picture = any(layouts[name].storage.is_picture for name in job.inputs)
        return picture or 2 * below > job.height * job.strides[0]

    def _cheapest(self, halves: int, budget: int, to_chip: bool) -> Tiled | None:
        """The best of those of which a tile takes ``budget`` positions at most, if any does."""
        if (halves, to_chip) not in self._ranked:
            self._ranked[halves, to_chip] = self._best_first(halves, to_chip)
        for cycles, tiled in self._ranked[halves, to_chip]:
            if tiled.positions <= budget:
                tiles = all_tiles(self._job, tiled.tiles[0])
                return replace(tiled, tiles=tiles, halves=halves, cycles=cycles)
        return None

    def _best_first(self, halves: int, to_chip: bool) -> list[tuple[int, Tiled]]:
        """(cycles, first tile) of all ways; of equally good ones the first comes first."""
        found = []
        for way in self.ways.values():
            others = [self.constants + (0 if to_chip else stores) for *_, stores in way.kinds]
            found.append((*self.estimate(way, others, halves), way.tiled))
        found.sort(key=lambda each: each[0])
        return [(cycles, tiled) for _, cycles, tiled in found]

    def estimate(self, way: Way, others: Sequence[int], halves: int) -> tuple[int, int]:
        """(what ways are compared by, cycles) of one, if memory has ``others`` to do beside the
        loads of each kind of its tiles."""
        cost = 0
        for (count, compute, load, _), other in zip(way.kinds, others, strict=True):
            if halves == 2:
                cost += count * (max(compute, other) + load)
            else:
                cost += count * max(compute, load + other)
        # Where loads take longer, the last tile's compute comes behind all of them.
        first = way.tiled.tiles[0]
        wait = min(way.kinds[0][1:3]) if self._waits(first.height) else 0
        # Memory that stores share does other things while a load is waited for.
        counts = not self._shared or first.height == self._job.height
        return cost + wait if counts else cost, cost + wait

    @property
    def constants(self) -> int:
        """Cycles of memory for what every tile but the first loads again, beside its input."""
        return self._costs.constants

    @cached_property
    def ways(self) -> dict[Size, Way]:
        """Those that instructions can say, largest tiles first."""
        job, costs, ways = self._job, self._costs, {}
        known: dict[tuple[int, int], list[tuple[Tile, int]]] = {}
        for height, width, flat_pitch in candidates(self.packed, costs.layouts, self._machine):
            tiled = on_chip(self.packed, costs.layouts, self._machine, height, width, flat_pitch)
            if encodable(tiled, self._machine):
                if (height, width) not in known:
                    known[height, width] = shapes(job, height, width)
                kinds = [
                    (count, costs.compute(tiled, tile), costs.load(tiled, tile), costs.stores(tile))
                    for tile, count in known[height, width]
                ]
                ways[height, width, flat_pitch] = Way(tiled, kinds)
        return ways


def whole(
    packed: Packed, layouts: Mapping[str, Layout], chip_maps: ChipMaps, traffic: Traffic
) -> Tiled:
    """A job whose input stays on chip, as one tile."""
    job, machine = packed.job, traffic.machine
    costs = TileCosts(packed, layouts, traffic)
    low_y, _, low_x, _ = job.reach
    places = []
    for region in packed.regions:
        chip = chip_maps[region.storage]
        layout, shape = chip.layout, chip.layout.shape
        base = chip.row(region.part * LANE_GROUPS, low_y)
        places.append(ChipRegion(region, base, layout.plane_stride, shape.left + low_x))
    tile = Tile(0, 0, job.height, job.width)
    stores = 0 if job.output in chip_maps else costs.stores(tile)
    found = []
    # A flat tile computes as many positions of a row as rows are apart: see `candidates`.
    wide_enough = shape.row_step >= job.width
    can_be_flat = job.strides == (1, 1) and job.pooling == 1 and not packed.signs and wide_enough
    for flat in (False, True)[: 1 + can_be_flat]:
        tiled = Tiled(
            packed, flat, (tile,), shape.row_step, layout.odd_offset, tuple(places), 0, halves=0
        )
        if encodable(tiled, machine):
            found.append(replace(tiled, cycles=max(costs.compute(tiled, tile), stores)))
    if not found:
        raise CapacityError(
            f"layer {job.name!r}: a map of {job.height} x {job.width} positions is too large for "
            "one COMPUTE"
        )
    return min(found, key=lambda each: each.cycles)
