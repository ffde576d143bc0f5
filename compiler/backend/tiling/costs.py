"""What a tile costs, about: only for choosing between ways to cut a job, and to arrange maps."""

from collections.abc import Mapping
from math import ceil

from arch.formats import PICTURE_STEPS
from compiler.backend.packing import Packed
from compiler.backend.storage import Layout
from compiler.backend.tiling.tile import Tile, Tiled, load_sizes
from compiler.backend.traffic import Traffic

#: Cycles around a compute that its passes do not account for.
COMPUTE_OVERHEAD = 24


class TileCosts:
    """Cycles of a job's tiles: of the array, of loads, and of memory for what comes out."""

    def __init__(self, packed: Packed, layouts: Mapping[str, Layout], traffic: Traffic):
        job, machine = packed.job, traffic.machine
        self.layouts, self.machine = layouts, machine
        self._job, self._traffic = job, traffic
        self._output = layouts[job.output]
        self._block = packed.block_cycles(machine, self._output.storage.pieces)
        self._computes = ceil(job.outputs / machine.rows) * len(job.scatter)
        # (place among the regions, how many images in such steps) of those that lie alike.
        images: dict[tuple, list[int]] = {}
        for place, region in enumerate(packed.regions):
            layout = layouts[region.storage]
            if layout.storage.kind == "picture":
                count, steps = 1, PICTURE_STEPS
            else:
                words = (job.span.images[image][1] for image in region.groups)
                count, steps = sum(len(list(layout.parts(word))) for word in words), None
            alike = layout.storage.left, layout.pitch, layout.beat_positions, layout.position_beats
            images.setdefault((*alike, steps or machine.map_steps), [place, 0])[1] += count
        self._loads = [
            (place, layouts[packed.regions[place].storage], count, steps)
            for (*_, steps), (place, count) in images.items()
        ]
        self._stores: dict[tuple[int, int], int] = {}
        #: Of memory for what every tile but the first loads again, beside its input.
        self.constants = traffic.constants(job, layouts, packed.packing.word_count)

    def blocks(self, blocks: int, tiles: int) -> int:
        """Cycles of the array for so many blocks of each compute, in so many tiles."""
        return self._computes * (blocks * self._block + tiles * COMPUTE_OVERHEAD)

    def compute(self, tiled: Tiled, tile: Tile) -> int:
        """Cycles of the array."""
        rows, across = tiled.blocks(tile, self.machine)
        return self.blocks(rows * across, 1)

    def load(self, tiled: Tiled, tile: Tile) -> int:
        """Cycles that a tile's input takes: the loader's or memory's."""
        loader = memory = 0
        rows, columns = tiled.job.input_rows(tile.height), tiled.job.input_columns(tile.width)
        for number, layout, images, steps in self._loads:
            skip = tiled.regions[number].skip
            loader += layout.beats(skip + columns) * rows * images * steps
            for size in load_sizes(tiled, tile, layout):
                memory += images * self._traffic.rows(*size)
        return max(loader, memory)

    def stores(self, tile: Tile) -> int:
        """Cycles in which the results keep memory from loads."""
        size = tile.height, tile.width
        if size not in self._stores:
            cycles = self._traffic.stores(self._job, self._output, *size)
            self._stores[size] = self._computes * cycles
        return self._stores[size]
