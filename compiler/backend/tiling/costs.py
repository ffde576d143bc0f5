"""What a tile costs, about: only for choosing between ways to cut a job, and to arrange maps."""

from collections.abc import Mapping
from math import ceil

from arch.formats import PICTURE_STEPS
from compiler.backend.packing import Packed
from compiler.backend.storage import Layout
from compiler.backend.tiling.tile import Tile, Tiled, load_shapes
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
        self._loads = []
        for region in packed.regions:
            layout = layouts[region.storage]
            if layout.storage.kind == "picture":
                images, steps = 1, PICTURE_STEPS
            else:
                words = (job.span.images[image][1] for image in region.groups)
                images, steps = sum(len(list(layout.parts(word))) for word in words), None
            self._loads.append((layout, images, steps or machine.map_steps))
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
        for place, (layout, images, steps) in zip(tiled.regions, self._loads, strict=True):
            loader += layout.beats(place.skip + columns) * rows * images * steps
            for _, _, shape in load_shapes(tiled, tile, layout):
                memory += images * self._traffic.rows(shape["rows"], shape["beats"])
        return max(loader, memory)

    def stores(self, tile: Tile) -> int:
        """Cycles in which the results keep memory from loads."""
        return self._computes * self._traffic.stores(
            self._job, self._output, tile.height, tile.width
        )
