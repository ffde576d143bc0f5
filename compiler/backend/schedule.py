"""Orders loads and computes: inputs, weights, thresholds and tables are double-buffered."""

from collections.abc import Sequence
from dataclasses import dataclass

from arch.formats import BOTH_HALVES, GROUP_LANES
from arch.isa import ENTRY_BYTES, Opcode, Planes, PostMode, with_chip_place
from arch.loads import loader_cycles
from arch.machine import Machine
from arch.memory import Memory
from arch.wide import TABLE_CODES, TABLE_HALVES
from compiler.backend.buffers import NOTHING, Halves, Ring
from compiler.backend.job import Job, Offset
from compiler.backend.memory import MemoryPlan, Placed
from compiler.backend.on_chip.residents import Activations, cycles_of_a_result
from compiler.backend.order import arrange
from compiler.backend.packing import sign_cycles
from compiler.backend.steps import ComputeStep, LoadStep, Schedule
from compiler.backend.tiling.tile import Tile, Tiled, load_shapes
from compiler.backend.traffic import Traffic

PIECE_CYCLES = 256
"""Longer loads are cut, so that an urgent one need not wait for all of a big one."""
CONSTANT_BEATS = 128
"""Weights and tables are cut to this: they are loaded long before they are needed, in front of
others that are not."""


def pieces(fields: dict, machine: Machine) -> list[dict]:
    """Cut a LOAD of many rows into LOADs of about ``PIECE_CYCLES``."""
    per_row = loader_cycles(fields | {"rows": 1}, machine.map_steps)
    rows = max(1, PIECE_CYCLES // per_row)
    if rows >= fields["rows"]:
        return [fields]
    parts = []
    for first in range(0, fields["rows"], rows):
        moved = {
            "rows": min(rows, fields["rows"] - first),
            "address": fields["address"] + first * fields["row_bytes"],
            "destination": fields["destination"] + first * fields["row_step"],
        }
        if first:
            moved["destination"] %= machine.positions
        parts.append(fields | moved)
    return parts


def schedule(
    plan: MemoryPlan, machine: Machine, memory: Memory, rooms: Sequence[int]
) -> Schedule:
    """The steps of all jobs, one job after another, and the order that they run in.

    ``rooms``: positions of the activation memory that each job's tiles take.
    """
    asked = _Steps(plan, Traffic(machine, memory))
    first = 0
    for number in range(1, len(plan.jobs) + 1):
        if number == len(plan.jobs) or not plan.jobs[number].tiled.shared:
            asked.add(range(first, number), min(rooms[first:number]))
            first = number
    order = arrange(asked.loads, asked.computes)
    return Schedule(tuple(asked.loads), tuple(asked.computes), tuple(order))


@dataclass(frozen=True, eq=False)
class _Begun:
    """A job whose pass table is asked for, and where."""

    number: int
    placed: Placed
    table_base: int
    table_halves: tuple[int, ...]
    mode: PostMode

    @property
    def tiled(self) -> Tiled:
        return self.placed.tiled


class _Steps:
    """Loads and computes in the order of the jobs; computes are known by their numbers."""

    def __init__(self, plan: MemoryPlan, traffic: Traffic):
        self.machine = machine = traffic.machine
        self.traffic = traffic
        self.plan, self.places = plan, plan.places
        self.activations = Activations(plan, machine)
        self.weight_memory = Ring(machine.weight_words)
        self.tables = Halves(machine.table_entries)
        #: (content of a code table, last compute that used it).
        self.code_tables: list[tuple] = [(None, NOTHING), (None, NOTHING)]
        #: (job and row block whose thresholds a set holds, last compute that used them).
        self.threshold_sets: list[tuple] = [(None, NOTHING), (None, NOTHING)]
        #: For each row of a storage, the last compute that writes to it.
        self.row_writers: dict[str, list[int]] = {
            name: [NOTHING] * place.storage.height for name, place in plan.places.items()
        }
        self.loads: list[LoadStep] = []
        self.computes: list[ComputeStep] = []

    def add(self, numbers: range, room: int) -> None:
        """Ask for the steps of jobs that share their tiles: tile by tile, in each job by job, in
        each row block by row block."""
        jobs = self.begin(numbers)
        tiled = jobs[0].tiled
        for index, tile in enumerate(tiled.tiles):
            base = 0
            if tiled.halves:
                base, after = self.activations.take(tiled.positions, room)
                self.load_tile(tiled, tile, base, after)
            # To and fro: a tile begins with the row blocks whose thresholds are loaded already.
            back = -1 if index % 2 else 1
            for job in jobs[::back]:
                for block in range(len(job.placed.weight_addresses))[::back]:
                    self.compute_block(job, tile, block, base)

    def begin(self, numbers: range) -> list["_Begun"]:
        """Ask for what jobs need before their first tiles."""
        begun = []
        jobs = {number: self.plan.jobs[number] for number in numbers}
        sizes = [placed.tiled.packed.table.size for placed in jobs.values()]
        together = len(sizes) > 1 and sum(sizes) <= self.tables.capacity // 2
        room = self.tables.take(sum(sizes)) if together else None
        for (number, placed), size in zip(jobs.items(), sizes, strict=True):
            base, after, halves = room or self.tables.take(size)
            address, length = placed.table_address, len(placed.encoded.table)
            self.load_bytes(Opcode.LOAD_TABLE, address, length, base, ENTRY_BYTES, after)
            if room:
                room = base + size, after, halves
            job, mode = placed.job, placed.job.mode
            if placed.encoded.codes:
                mode = mode.with_table(self.code_table(placed))
            begun.append(_Begun(number, placed, base, halves, mode))
            for load, after in self.activations.halos(job.output):
                self.load(load, after)
        return begun

    def compute_block(self, begun: "_Begun", tile: Tile, block: int, base: int) -> None:
        """Ask for a row block of a job's tile that is loaded to ``base``."""
        number, placed, tiled, job = begun.number, begun.placed, begun.tiled, begun.placed.job
        words, blocks = tiled.packed.packing.word_count, len(placed.weight_addresses)
        if blocks * words <= self.machine.weight_words // 2:  # those of all row blocks
            weights_at = self.weights(number, placed, 0, blocks * words) + block * words
            weights_at %= self.machine.weight_words
        else:
            weights_at = self.weights(number, placed, block, words)
        threshold_set = self.threshold_set(number, placed, block)
        for scatter in job.scatter:
            fields = self.compute_fields(tiled, tile, block, scatter) | {
                "source": base,
                "weight_base": weights_at,
                "threshold_set": threshold_set,
                "post_mode": begun.mode,
            }
            plane_stride = tiled.regions[0].plane_stride
            fields |= tiled.packed.table.compute_fields(begun.table_base, plane_stride)
            fields["after_results"] = self.activations.waits(job, len(self.computes))
            last = self.compute(number, tiled, fields)
        self.tables.read(begun.table_halves, last)
        self.weight_memory.read(weights_at, words, last)
        self.activations.read(base, tiled.positions, last)
        if placed.encoded.thresholds:
            key, _ = self.threshold_sets[threshold_set]
            self.threshold_sets[threshold_set] = key, last
        if begun.mode.looks_up:
            self.code_tables[begun.mode.table] = placed.encoded.codes, last
        self.activations.use(job, last)
        if job.output in self.places:
            self.note_rows(job, tile, last)

    def compute(self, number: int, tiled: Tiled, fields: dict) -> int:
        """Add a compute; return its number."""
        block = tiled.packed.block_cycles(self.machine, fields["sum_pieces"] + 1)
        cycles = fields["block_rows"] * fields["row_blocks"] * block
        self.computes.append(ComputeStep(fields, len(self.computes), cycles, number))
        return self.computes[-1].ordinal

    def load(self, fields: dict, after: int, *, stored: int = NOTHING) -> None:
        """Add a load: the compute that comes next is the first to need it."""
        for part in pieces(fields, self.machine):
            cycles = self.traffic.load(part)
            self.loads.append(LoadStep(part, len(self.computes), after, stored, cycles))

    def load_bytes(
        self, opcode: Opcode, address: int, size: int, destination: int, unit: int, after: int
    ) -> None:
        """Load ``size`` bytes; ``unit`` bytes make one word at the destination."""
        beat = self.machine.beat_bytes
        longest = CONSTANT_BEATS * beat // unit * unit
        for start in range(0, size, longest):
            part = min(longest, size - start)
            fields = {
                "opcode": opcode,
                "address": address + start,
                "rows": 1,
                "beats": -(-part // beat),
                "destination": destination + start // unit,
            }
            self.load(fields, after)

    def weights(self, number: int, placed: Placed, block: int, words: int) -> int:
        """The first of so many words, those of a row block and up, loaded unless they are there."""
        memory, key = self.weight_memory, (number, block)
        base = memory.find(key)
        if base is not None:
            return base
        base = memory.take(key, words)
        word_bytes = self.machine.rows * self.machine.lanes // 8
        address = placed.weight_addresses[block]
        for first, count, after in memory.parts(base, words):
            size = count * word_bytes
            self.load_bytes(Opcode.LOAD_WEIGHTS, address, size, first, word_bytes, after)
            address += size
        return base

    def threshold_set(self, number: int, placed: Placed, block: int) -> int:
        """The set that holds a row block's thresholds, loaded unless it has them already."""
        key = number, block
        for index, (held, _) in enumerate(self.threshold_sets):
            if held == key:
                return index
        if not placed.encoded.thresholds:
            return 0
        index = min((0, 1), key=lambda k: self.threshold_sets[k][1])
        _, reader = self.threshold_sets[index]
        fields = placed.encoded.thresholds[block].load_fields(self.machine)
        place = {"address": placed.threshold_addresses[block], "destination": index}
        self.load(fields | place, reader)
        self.threshold_sets[index] = key, NOTHING
        return index

    def code_table(self, placed: Placed) -> int:
        """The code table that holds a job's codes, loaded unless one has them already."""
        content = placed.encoded.codes
        for index, (held, _) in enumerate(self.code_tables):
            if held == content:
                return index
        index = min((0, 1), key=lambda k: self.code_tables[k][1])
        _, reader = self.code_tables[index]
        beat, first = self.machine.beat_bytes, index * TABLE_HALVES * TABLE_CODES
        address, size = placed.codes_address, len(content)
        self.load_bytes(Opcode.LOAD_CODES, address, size, first, beat, reader)
        self.code_tables[index] = content, NOTHING
        return index

    def note_rows(self, job: Job, tile: Tile, compute: int) -> None:
        """Note which rows of the output have been written once ``compute`` is stored."""
        rows = self.row_writers[job.output]
        first, last = (y // job.pooling * job.enlarge for y in (tile.y, tile.y + tile.height))
        for row in range(first, min(last, len(rows))):
            rows[row] = compute

    def load_tile(self, tiled: Tiled, tile: Tile, base: int, after: int) -> None:
        """Load what a tile looks at."""
        job = tiled.job
        first_row = tile.y * job.strides[0] + job.reach[0]
        rows = job.input_rows(tile.height)
        for region in tiled.regions:
            place = self.places[region.region.storage]
            storage = place.storage
            stored = self.writer_of_rows(storage.name, first_row, rows)
            common = {"plane_stride": region.plane_stride, "odd_offset": tiled.odd_offset}
            picture = storage.kind == "picture"
            if picture:
                common |= {"opcode": Opcode.LOAD_PICTURE, "window": job.span.window}
            else:
                common |= {"opcode": Opcode.LOAD_MAP, "planes": Planes.holding(storage.planes)}
            for image, groups in region.region.groups.items():
                common["groups"] = sum(1 << group for group in groups)
                word = job.span.images[image][1]
                parts = [(0, BOTH_HALVES)] if picture else place.layout.parts(word)
                for part, halves in parts:
                    for row, column, shape in load_shapes(tiled, tile, place.layout):
                        fields = common | shape | {"halves": halves}
                        fields["destination"] += base + region.base
                        fields["address"] = place.position(part, first_row + row, column)
                        self.load(fields, after, stored=stored)

    def writer_of_rows(self, name: str, first: int, rows: int) -> int:
        """The last compute that writes to these rows of a map."""
        writers = self.row_writers[name][max(0, first) : max(0, first + rows)]
        return max(writers, default=NOTHING)

    def compute_fields(self, tiled: Tiled, tile: Tile, block: int, scatter: Offset) -> dict:
        """What a COMPUTE says of its positions and of where its results go."""
        machine, job = self.machine, tiled.job
        channel = job.span.first + block * machine.rows
        y, x = (
            start // job.pooling * job.enlarge + moved
            for start, moved in zip((tile.y, tile.x), scatter, strict=True)
        )
        rows, per_row = tiled.blocks(tile, machine)
        fields = {
            "opcode": Opcode.COMPUTE,
            "block_rows": rows,
            "row_blocks": per_row,
            "source_step": 0 if tiled.flat else job.strides[0] * job.pooling * tiled.pitch,
            "add_ones": int(not tiled.packed.grid.odd),
            "raw": int(job.raw),
            "pair": int(job.pooling == 2),
            "row_length": tiled.row_length(tile, machine),
            "width": tile.width,
            "height": tile.height // job.pooling,
        }
        if job.output in self.places:
            place = self.places[job.output]
            output = place.storage
            fields |= {
                "sum_pieces": output.pieces - 1,
                "address": place.position(channel // place.layout.image_channels, y, x),
                "row_bytes": place.layout.row_bytes * job.enlarge,
                "position_bytes": place.layout.position_bytes * job.enlarge,
            }
        else:
            chip = self.activations.chip_maps[job.output]
            output = chip.storage
            chip_fields = chip.place_fields(channel // GROUP_LANES, y, x, job.enlarge, machine)
            fields = with_chip_place(fields, chip_fields)
            fields["sum_pieces"] = cycles_of_a_result(fields, output.planes, machine) - 1
        if tiled.packed.signs:
            fields["sum_pieces"] = sign_cycles(machine) - 1
        bits = output.bits if job.wide is None and not tiled.packed.signs else 0
        return fields | {"code_bits": bits, "planes": Planes.holding(output.planes)}
