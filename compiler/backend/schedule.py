"""Orders loads and computes: inputs, weights, thresholds and tables are double-buffered."""

from arch.isa import Opcode
from arch.machine import Machine
from compiler.backend.job import Work
from compiler.backend.layer import Layer, decide
from compiler.backend.order import arrange
from compiler.backend.program import ComputeStep, LoadStep, Program
from compiler.backend.storage import PLANE_CODES, Storage
from compiler.backend.tile import Tile, Tiling, input_rows, load_shape

LONGEST_ROW = (1 << 12) - 1


PIECE_CYCLES = 256
"""Longer loads are cut, so that an urgent one need not wait for all of a big one."""
LOAD_OVERHEAD = 10
PICTURE_STEPS = 4


def load_cycles(fields: dict) -> int:
    """About how many cycles a LOAD takes when memory keeps up."""
    steps = PICTURE_STEPS if fields["opcode"] is Opcode.LOAD_PICTURE else 1
    return fields["rows"] * fields["beats"] * steps + LOAD_OVERHEAD


def pieces(fields: dict, machine: Machine) -> list[dict]:
    """Cut a LOAD of many rows into LOADs of about ``PIECE_CYCLES``."""
    per_row = fields["beats"] * (PICTURE_STEPS if fields["opcode"] is Opcode.LOAD_PICTURE else 1)
    rows = max(1, PIECE_CYCLES // per_row)
    parts = []
    for first in range(0, fields["rows"], rows):
        moved = {
            "rows": min(rows, fields["rows"] - first),
            "address": fields["address"] + first * fields.get("row_bytes", 0),
        }
        if first:
            moved["destination"] = fields["destination"] + first * fields["row_step"]
            moved["destination"] %= machine.positions
        parts.append(fields | moved)
    return parts


class _Halves:
    """Two halves of a memory, used in turn; remembers who read each last."""

    def __init__(self, capacity: int):
        self.capacity = capacity
        self.readers: list[ComputeStep | None] = [None, None]
        self.turn = 0

    def take(self, size: int) -> tuple[int, ComputeStep | None, tuple[int, ...]]:
        """(base, compute to wait for, halves taken) for ``size`` words."""
        if size <= self.capacity // 2:
            half = self.turn
            self.turn ^= 1
            return half * self.capacity // 2, self.readers[half], (half,)
        self.turn = 0
        waits = [r for r in self.readers if r is not None]
        return 0, max(waits, key=lambda r: r.ordinal, default=None), (0, 1)

    def read(self, halves: tuple[int, ...], reader: ComputeStep):
        for half in halves:
            self.readers[half] = reader


def _ordinal(step: ComputeStep | None) -> int:
    return -1 if step is None else step.ordinal


class Scheduler:
    """Builds the program of a network; the result is in ``program`` and ``layers``."""

    def __init__(self, storages: dict[str, Storage], works: list[Work], machine: Machine):
        self.storages = storages
        self.machine = machine
        self.program = Program()
        self.layers = [decide(work, storages, machine) for work in works]

    def run(self) -> None:
        """Arrange all layers; addresses must have been given."""
        machine = self.machine
        self.activations = _Halves(machine.positions)
        self.weight_memory = _Halves(machine.weight_words)
        self.tables = _Halves(machine.table_entries)
        #: (layer and row block whose thresholds a set holds, last compute that used them).
        self.threshold_sets: list[tuple] = [(None, None), (None, None)]
        self.row_writers: dict[str, list[ComputeStep | None]] = {
            name: [None] * storage.height for name, storage in self.storages.items()
        }
        self.loads: list[LoadStep] = []
        self.computes: list[ComputeStep] = []
        #: Loads that the next compute is the first to need.
        self.pending: list[LoadStep] = []
        for index, layer in enumerate(self.layers):
            self._layer(index, layer)
        self.program.steps = arrange(self.loads, self.computes)

    def _compute(self, layer: Layer, fields: dict) -> ComputeStep:
        captures = len(layer.table) // len(layer.packed.passes)
        drain = captures * self.machine.columns * (self.machine.raw_chunks if fields["raw"] else 1)
        blocks = fields["block_rows"] * fields["row_blocks"]
        cycles = blocks * max(len(layer.table), drain)
        step = ComputeStep(fields, self.pending, len(self.computes), cycles)
        for load in self.pending:
            load.needed = step.ordinal
        self.pending = []
        self.computes.append(step)
        layer.computes.append(step)
        return step

    def _load(self, fields: dict, after: ComputeStep | None, *, stored: bool = False) -> None:
        for part in pieces(fields, self.machine):
            step = LoadStep(part, after, stored, cycles=load_cycles(part))
            self.loads.append(step)
            self.pending.append(step)

    def _load_bytes(
        self,
        opcode: Opcode,
        address: int,
        size: int,
        destination: int,
        unit: int,
        after: ComputeStep | None,
    ) -> None:
        """Load ``size`` bytes; ``unit`` bytes make one word at the destination."""
        beat = self.machine.beat_bytes
        longest = LONGEST_ROW * beat // unit * unit
        for start in range(0, size, longest):
            part = min(longest, size - start)
            fields = {
                "opcode": opcode,
                "address": address + start,
                "rows": 1,
                "beats": -(-part // beat),
                "destination": destination + start // unit,
            }
            self._load(fields, after)

    def _layer(self, index: int, layer: Layer):
        machine, work, packed, tiling = self.machine, layer.work, layer.packed, layer.tiling
        size = len(layer.table)
        table_base, after, table_halves = self.tables.take(size)
        self._load_bytes(Opcode.LOAD_TABLE, layer.table_address, 16 * size, table_base, 16, after)
        blocks = len(layer.weights)
        word_bytes = machine.rows * 8
        resident = blocks * packed.word_count <= machine.weight_words // 2
        if resident:
            words = blocks * packed.word_count
            weight_base, after, weight_halves = self.weight_memory.take(words)
            address = layer.weight_addresses[0]
            self._load_bytes(
                Opcode.LOAD_WEIGHTS, address, words * word_bytes, weight_base, word_bytes, after
            )
        for number, tile in enumerate(tiling.tiles):
            base, after, halves = self.activations.take(tiling.positions)
            self._load_tile(work, tiling, tile, base, after)
            # To and fro: a tile begins with the row blocks whose thresholds are loaded already.
            for block in range(blocks)[:: 1 if number % 2 == 0 else -1]:
                if resident:
                    weights_at = weight_base + block * packed.word_count
                else:
                    weights_at, after, weight_halves = self.weight_memory.take(packed.word_count)
                    self._load_bytes(
                        Opcode.LOAD_WEIGHTS,
                        layer.weight_addresses[block],
                        packed.word_count * word_bytes,
                        weights_at,
                        word_bytes,
                        after,
                    )
                threshold_set = self._threshold_set(index, layer, block)
                for scatter in work.scatter:
                    fields = self._compute_fields(layer, tile, block, scatter) | {
                        "source": base,
                        "table_start": table_base,
                        "table_last": table_base + size - 1,
                        "weight_base": weights_at,
                        "threshold_set": threshold_set,
                    }
                    step = self._compute(layer, fields)
                self.tables.read(table_halves, step)
                self.weight_memory.read(weight_halves, step)
                self.activations.read(halves, step)
                if layer.thresholds:
                    key, _ = self.threshold_sets[threshold_set]
                    self.threshold_sets[threshold_set] = key, step
            self._note_rows(work, tile, step)

    def _threshold_set(self, index: int, layer: Layer, block: int) -> int:
        """The set that holds a row block's thresholds, loaded unless it has them already."""
        key = index, block
        for number, (held, _) in enumerate(self.threshold_sets):
            if held == key:
                return number
        if not layer.thresholds:
            return 0
        number = min((0, 1), key=lambda k: _ordinal(self.threshold_sets[k][1]))
        _, reader = self.threshold_sets[number]
        size = len(layer.thresholds[block])
        fields = {
            "opcode": Opcode.LOAD_THRESHOLDS,
            "address": layer.threshold_addresses[block],
            "rows": 1,
            "beats": -(-size // self.machine.beat_bytes),
            "destination": number,
        }
        self._load(fields, reader)
        self.threshold_sets[number] = key, None
        return number

    def _note_rows(self, work: Work, tile: Tile, step: ComputeStep):
        rows = self.row_writers[work.output]
        factor = work.enlarge
        first, last = tile.y, tile.y + tile.height
        if work.pool2:
            first, last = first // 2, last // 2
        for row in range(first * factor, min(last * factor, len(rows))):
            rows[row] = step

    def _load_tile(
        self, work: Work, tiling: Tiling, tile: Tile, base: int, after: ComputeStep | None
    ) -> None:
        """Load what a tile looks at."""
        for placement in tiling.placements:
            storage = self.storages[placement.region.storage]
            first_row = tile.y * work.strides[0] + work.reach[0]
            rows = input_rows(work, tile.height)
            wait, stored = self._wait_for_rows(storage.name, first_row, rows, after)
            column, shape = load_shape(work, tiling, tile, storage, self.machine)
            shape |= {
                "destination": base + placement.base,
                "plane_stride": placement.plane_stride,
                "odd_offset": tiling.odd_offset,
            }
            if storage.kind == "picture":
                shape |= {"opcode": Opcode.LOAD_PICTURE, "window": work.window}
            else:
                shape |= {"opcode": Opcode.LOAD_MAP, "planes": PLANE_CODES[storage.planes]}
            for image, groups in placement.region.groups.items():
                number = work.images[image][1]
                fields = shape | {
                    "address": storage.position(number, first_row, column),
                    "groups": sum(1 << group for group in groups),
                }
                self._load(fields, wait, stored=stored)

    def _wait_for_rows(
        self, name: str, first: int, rows: int, after: ComputeStep | None
    ) -> tuple[ComputeStep | None, bool]:
        """(compute to wait for, whether its results must be stored): the later of who wrote these
        rows of the map and who still reads the chip memory that they go to."""
        span = self.row_writers[name][max(0, first) : max(0, first + rows)]
        writers = [writer for writer in span if writer is not None]
        if not writers:
            return after, False
        latest = max(writers, key=lambda writer: writer.ordinal)
        if after is not None and after.ordinal > latest.ordinal:
            latest = after
        return latest, True

    def _compute_fields(
        self, layer: Layer, tile: Tile, block: int, scatter: tuple[int, int]
    ) -> dict:
        machine, work, tiling = self.machine, layer.work, layer.tiling
        output = self.storages[work.output]
        per_image = 16 // machine.rows
        image = work.output_image + block // per_image
        y, x = (tile.y // 2, tile.x // 2) if work.pool2 else (tile.y, tile.x)
        y, x = y * work.enlarge + scatter[0], x * work.enlarge + scatter[1]
        rows, per_row = tiling.blocks(work, tile, machine)
        step = work.strides[0] * (2 if work.pool2 else 1)
        return {
            "opcode": Opcode.COMPUTE,
            "block_rows": rows,
            "row_blocks": per_row,
            "source_step": 0 if tiling.flat else step * tiling.pitch,
            "add_ones": int(not layer.packed.odd),
            "raw": int(output.kind == "raw"),
            "code_bits": output.bits,
            "pair": int(work.pool2),
            "row_length": tiling.pitch if tiling.flat else per_row * machine.columns,
            "width": tile.width,
            "height": tile.height // 2 if work.pool2 else tile.height,
            "address": output.position(image, y, x),
            "row_bytes": output.row_bytes * work.enlarge,
            "position_bytes": output.position_bytes * work.enlarge,
            "planes": PLANE_CODES[output.planes],
            "upper_half": block % per_image,
        }
