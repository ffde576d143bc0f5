"""Orders loads and computes: inputs, weights, thresholds and tables are double-buffered."""

from arch.isa import Opcode
from arch.machine import Machine
from compiler.layer import Layer, decide
from compiler.program import ComputeStep, LoadStep, Program
from compiler.storage import PLANE_CODES, Storage
from compiler.tile import Tile, Tiling, input_rows, load_shape
from compiler.work import Work

LONGEST_ROW = (1 << 12) - 1


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
        return 0, max(waits, key=lambda r: r.number, default=None), (0, 1)

    def read(self, halves: tuple[int, ...], reader: ComputeStep):
        for half in halves:
            self.readers[half] = reader


class Scheduler:
    """Builds the program of a network; the result is in ``program`` and ``layers``."""

    def __init__(self, storages: dict[str, Storage], works: list[Work], machine: Machine):
        self.storages = storages
        self.machine = machine
        self.program = Program()
        self.layers = [decide(work, storages, machine) for work in works]

    def run(self) -> None:
        """Emit all layers; addresses must have been given."""
        machine = self.machine
        self.activations = _Halves(machine.positions)
        self.weight_memory = _Halves(machine.weight_words)
        self.tables = _Halves(machine.table_entries)
        self.threshold_sets: list[tuple] = [(None, None), (None, None)]
        self.threshold_turn = 0
        self.row_writers: dict[str, list[ComputeStep | None]] = {
            name: [None] * storage.height for name, storage in self.storages.items()
        }
        self.count = 0
        for index, layer in enumerate(self.layers):
            self._layer(index, layer)

    def _compute(self, layer_index: int, fields: dict, after: LoadStep) -> ComputeStep:
        step = self.program.add(ComputeStep(fields, layer_index, after))
        step.number = self.count
        self.count += 1
        self.layers[layer_index].computes.append(step)
        return step

    def _load(
        self, opcode: Opcode, address: int, beats: int, after: ComputeStep | None = None, **fields
    ) -> LoadStep:
        fields = {"opcode": opcode, "address": address, "rows": 1, "beats": beats} | fields
        return self.program.add(LoadStep(fields, after))

    def _load_bytes(
        self,
        opcode: Opcode,
        address: int,
        size: int,
        destination: int,
        unit: int,
        after: ComputeStep | None,
    ) -> LoadStep:
        """Load ``size`` bytes; ``unit`` bytes make one word at the destination."""
        beat = self.machine.beat_bytes
        longest = LONGEST_ROW * beat // unit * unit
        step = None
        for start in range(0, size, longest):
            part = min(longest, size - start)
            step = self._load(
                opcode,
                address + start,
                -(-part // beat),
                after,
                destination=destination + start // unit,
            )
        return step

    def _layer(self, index: int, layer: Layer):
        machine, work, packed, tiling = self.machine, layer.work, layer.packed, layer.tiling
        table_base, after, table_halves = self.tables.take(len(layer.table))
        latest = self._load_bytes(
            Opcode.LOAD_TABLE, layer.table_address, 16 * len(layer.table), table_base, 16, after
        )
        blocks = len(layer.weights)
        word_bytes = machine.rows * 8
        resident = blocks * packed.word_count <= machine.weight_words // 2
        if resident:
            weight_base, after, weight_halves = self.weight_memory.take(blocks * packed.word_count)
            latest = self._load_bytes(
                Opcode.LOAD_WEIGHTS,
                layer.weight_addresses[0],
                blocks * packed.word_count * word_bytes,
                weight_base,
                word_bytes,
                after,
            )
        for tile in tiling.tiles:
            base, after, halves = self.activations.take(tiling.positions)
            latest = self._load_tile(work, tiling, tile, base, after) or latest
            for block in range(blocks):
                if resident:
                    weights_at = weight_base + block * packed.word_count
                else:
                    weights_at, after, weight_halves = self.weight_memory.take(packed.word_count)
                    latest = self._load_bytes(
                        Opcode.LOAD_WEIGHTS,
                        layer.weight_addresses[block],
                        packed.word_count * word_bytes,
                        weights_at,
                        word_bytes,
                        after,
                    )
                threshold_set = 0
                if layer.thresholds:
                    threshold_set, loaded = self._threshold_set(index, layer, block)
                    latest = loaded or latest
                for scatter in work.scatter:
                    fields = self._compute_fields(layer, tile, block, scatter) | {
                        "source": base,
                        "table_start": table_base,
                        "table_last": table_base + len(layer.table) - 1,
                        "weight_base": weights_at,
                        "threshold_set": threshold_set,
                    }
                    step = self._compute(index, fields, latest)
                self.tables.read(table_halves, step)
                self.weight_memory.read(weight_halves, step)
                self.activations.read(halves, step)
                if layer.thresholds:
                    key, _ = self.threshold_sets[threshold_set]
                    self.threshold_sets[threshold_set] = key, step
            self._note_rows(work, tile, step)

    def _threshold_set(self, index: int, layer: Layer, block: int):
        """(set, load that fills it or None if it is there already)."""
        key = index, block
        for number, (held, _) in enumerate(self.threshold_sets):
            if held == key:
                return number, None
        number = self.threshold_turn
        self.threshold_turn ^= 1
        _, reader = self.threshold_sets[number]
        load = self._load(
            Opcode.LOAD_THRESHOLDS,
            layer.threshold_addresses[block],
            -(-len(layer.thresholds[block]) // self.machine.beat_bytes),
            reader,
            destination=number,
        )
        self.threshold_sets[number] = key, None
        return number, load

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
    ) -> LoadStep:
        """Load what a tile looks at; returns the last of the loads."""
        step = None
        for placement in tiling.placements:
            storage = self.storages[placement.region.storage]
            first_row = tile.y * work.strides[0] + work.reach()[0]
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
                step = self.program.add(LoadStep(fields, wait, stored))
        return step

    def _wait_for_rows(
        self, name: str, first: int, rows: int, after: ComputeStep | None
    ) -> tuple[ComputeStep | None, bool]:
        """(compute to wait for, whether its results must be stored): the later of who wrote these
        rows of the map and who still reads the chip memory that they go to."""
        span = self.row_writers[name][max(0, first) : max(0, first + rows)]
        writers = [writer for writer in span if writer is not None]
        if not writers:
            return after, False
        latest = max(writers, key=lambda writer: writer.number)
        if after is not None and after.number > latest.number:
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
