"""docs/machine.md, sections 4 and 5, read once more in plain Python; and the sequencer's cycles."""

import random
from dataclasses import dataclass, field

from arch.isa import Planes
from arch.machine import Machine
from hw.compute.sequencer import AHEAD

THRESHOLDS = 16


@dataclass
class Chip:
    """Contents of the on-chip memories, and the accumulators.

    `activations[p]` and `weights[w][r]` are 64 bits; `thresholds[set][r][k]`; `table[e]` is a
    dictionary of Entry's fields.
    """

    machine: Machine
    activations: list
    weights: list
    thresholds: list
    table: list
    sums: list = field(default_factory=list)
    ones_sums: list = field(default_factory=list)

    @classmethod
    def random(cls, machine: Machine, chance: random.Random, reach: int):
        """Fill all memories; thresholds lie where `reach` passes get to."""
        rows, columns = machine.rows, machine.columns
        thresholds = [
            [
                [
                    chance.getrandbits(1),
                    *sorted(chance.randrange(reach * machine.lanes) for _ in range(THRESHOLDS - 1)),
                ]
                for _ in range(rows)
            ]
            for _ in range(2)
        ]
        return cls(
            machine,
            [chance.getrandbits(machine.lanes) for _ in range(machine.positions)],
            [
                [chance.getrandbits(machine.lanes) for _ in range(rows)]
                for _ in range(machine.weight_words)
            ],
            thresholds,
            [],
            [[0] * columns for _ in range(rows)],
            [0] * columns,
        )

    def span(self, compute: dict):
        """Yield the passes of a block as (positions and weight words to take off, entry)."""
        entries = self.table[compute["table_start"] : compute["table_last"] + 1]
        planes, weight_planes = (
            compute.get(name, 0) for name in ("activation_planes", "weight_planes")
        )
        i, j, rises, level = planes, weight_planes, True, planes + weight_planes
        while True:
            begins = (i, j) == (planes, weight_planes)
            for number, entry in enumerate(entries):
                highest = weight_planes and j == weight_planes
                yield (
                    (planes - i) * compute.get("plane_stride", 0),
                    (weight_planes - j) * compute.get("weight_stride", 0),
                    entry
                    | {
                        "group": [
                            group | {"ones": 0 if highest else group["ones"]}
                            for group in entry["group"]
                        ],
                        "clear": entry["clear"] and begins,
                        "double": entry["double"] or (number == 0 and level != i + j),
                        "capture": entry["capture"] and i == j == 0,
                    },
                )
            level = i + j
            if level == 0:
                return
            # Along the diagonal if there is a pair, else to the next one.
            onwards = (i + 1, j - 1) if rises else (i - 1, j + 1)
            if 0 <= onwards[0] <= planes and 0 <= onwards[1] <= weight_planes:
                i, j = onwards
                continue
            edge = [(i, j - 1), (i - 1, j)] if rises else [(i - 1, j), (i, j - 1)]
            rises = not rises
            i, j = next(pair for pair in edge if min(pair) >= 0)

    def run_pass(self, compute: dict, base: int, entry: dict, word: int = 0):
        """One pass of the array; `word` is added to the weight words."""
        machine = self.machine
        lanes = machine.group_lanes
        group_mask, limit = (1 << lanes) - 1, (1 << machine.accumulator_bits) - 1
        activations, weights, ones = [0] * machine.columns, [0] * machine.rows, 0
        for g, group in enumerate(entry["group"]):
            at = (compute["weight_base"] + group["weight"] + word) % machine.weight_words
            mask = group_mask << lanes * g
            ones |= mask if group["ones"] else 0
            for row in range(machine.rows):
                weights[row] |= self.weights[at][row] & mask
            if group["enable"]:
                for column in range(machine.columns):
                    position = (base + group["offset"] + column) % machine.positions
                    activations[column] |= self.activations[position] & mask

        def added(before, activation, weight):
            before = 0 if entry["clear"] else 2 * before if entry["double"] else before
            return (before + (activation ^ weight).bit_count()) & limit

        for column, activation in enumerate(activations):
            for row, weight in enumerate(weights):
                self.sums[row][column] = added(self.sums[row][column], activation, weight)
            self.ones_sums[column] = added(self.ones_sums[column], activation, ones)

    def captures(self, compute: dict):
        """Run all passes; yield (entry, totals[column][row]) at each capture."""
        machine = self.machine
        for by in range(compute["block_rows"]):
            for bx in range(compute["row_blocks"]):
                base = compute["source"] + by * compute["source_step"] + bx * machine.columns
                for positions, words, entry in self.span(compute):
                    self.run_pass(compute, base - positions, entry, -words)
                    if entry["capture"]:
                        yield (
                            entry,
                            [
                                [
                                    self.sums[row][column]
                                    + (self.ones_sums[column] if compute["add_ones"] else 0)
                                    for row in range(machine.rows)
                                ]
                                for column in range(machine.columns)
                            ],
                        )

    def codes(self, compute: dict, totals: list) -> list:
        """Count thresholds."""
        top = (1 << compute["code_bits"]) - 1
        return [
            sum(kept[k] <= total for k in range(1, top + 1)) ^ (top if kept[0] & 1 else 0)
            for total, kept in zip(totals, self.thresholds[compute["threshold_set"]], strict=True)
        ]

    def columns_that_leave(self, compute: dict):
        """Yield the codes, or the sums, of each column that goes on."""
        maxima = [None] * self.machine.columns
        for entry, block in self.captures(compute):
            for column, totals in enumerate(block):
                if compute["raw"]:
                    if entry["pool_last"]:
                        yield totals
                    continue
                codes = self.codes(compute, totals)
                if not entry["pool_first"]:
                    codes = [max(pair) for pair in zip(codes, maxima[column], strict=True)]
                maxima[column] = codes
                if entry["pool_last"]:
                    yield codes

    def writes(self, compute: dict):
        """Yield (address, byte) in the order of the positions."""
        x = y = 0
        before = None
        for values in self.columns_that_leave(compute):
            inside = x < compute["width"] and y < compute["height"]
            place = x >> compute["pair"]
            if compute["pair"]:
                inside = inside and x % 2 == 1
                values, before = (
                    ([max(pair) for pair in zip(values, before, strict=True)] if x % 2 else values),
                    values,
                )
            if inside:
                address = (
                    compute["address"]
                    + y * compute["row_bytes"]
                    + place * compute["position_bytes"]
                )
                planes = 4 * pieces_of(compute) if compute["raw"] else 1 << compute["planes"].value
                size = self.machine.rows // 8
                for plane in range(planes):
                    bits = sum((value >> plane & 1) << row for row, value in enumerate(values))
                    for byte in range(size):
                        yield address + size * plane + byte, bits >> 8 * byte & 255
            x += 1
            if x == compute["row_length"]:
                x, y = 0, y + 1


def pieces_of(compute: dict) -> int:
    """Return in how many pieces a column of the COMPUTE leaves."""
    return compute["sum_pieces"] + 1 if compute["raw"] else 1


def cycles_of(machine: Machine, compute: dict) -> int:
    """Return how many cycles that takes: half as many, where two pieces are a transfer and there
    is none left over."""
    pieces = pieces_of(compute)
    return pieces // 2 if machine.axi_data_bits == 128 and pieces % 2 == 0 else pieces


def random_group(machine: Machine, chance: random.Random) -> dict:
    return {
        "offset": chance.randrange(machine.positions),
        "weight": chance.randrange(machine.weight_words),
        "enable": int(chance.random() < 0.9),
        "ones": chance.getrandbits(1),
    }


def random_span(machine: Machine, chance: random.Random, window: int, most: int) -> list:
    """Return a block's entries: `window` captures of one pooling window, of up to `most` passes."""
    span = []
    for index in range(window):
        for number in range(passes := chance.randint(1, most)):
            capture = number == passes - 1
            span.append(
                {
                    "group": [random_group(machine, chance) for _ in range(machine.lane_groups)],
                    "clear": int(number == 0),
                    "double": int(chance.random() < 0.4),
                    "capture": int(capture),
                    "pool_first": int(index == 0) if capture else chance.getrandbits(1),
                    "pool_last": int(index == window - 1) if capture else chance.getrandbits(1),
                }
            )
    return span


def random_planes(machine: Machine, chance: random.Random, most: int = 4) -> dict:
    """Fields of a COMPUTE that runs its passes for several pairs of planes."""
    return {
        "activation_planes": chance.randrange(most),
        "weight_planes": chance.randrange(most),
        "plane_stride": chance.randrange(machine.positions),
        "weight_stride": chance.randrange(machine.weight_words),
    }


def random_compute(
    chip: Chip, chance: random.Random, address: int, blocks: int = 3, most: int = 7, **wanted
) -> tuple[dict, int]:
    """Append entries to `chip.table`; return a COMPUTE's fields and how many bytes it may write."""
    machine = chip.machine
    raw = wanted.get("raw", int(chance.random() < 0.2))
    window = wanted.pop("window", 1 if raw else chance.choice((1, 1, 1, 2, 4)))
    pair = 0 if raw else wanted.get("pair", int(chance.random() < 0.3))
    planes = wanted.get("planes", chance.choice(list(Planes)[:3]))
    span = random_span(machine, chance, window, most)
    row_blocks, block_rows = chance.randint(1, blocks), chance.randint(1, blocks)
    if chance.random() < 0.3:
        block_rows = 1  # flat: the rows' length need not be one of blocks
        row_length = chance.randint(2, row_blocks * machine.columns)
    else:
        row_length = row_blocks * machine.columns
    sum_pieces = wanted.get("sum_pieces", chance.randrange(machine.raw_chunks))
    unit = machine.rows // 8 * (4 * (sum_pieces + 1) if raw else 1 << planes.value)
    position_bytes = unit * chance.choice((1, 1, 1, 2))
    row_bytes = position_bytes * (row_length >> pair) + unit * chance.choice((0, 0, 1, 5))
    rows = -(-block_rows * row_blocks * machine.columns // row_length)
    compute = {
        "after_load": 0,
        "table_start": len(chip.table),
        "table_last": len(chip.table) + len(span) - 1,
        "block_rows": block_rows,
        "row_blocks": row_blocks,
        "source": chance.randrange(machine.positions),
        "source_step": chance.randrange(machine.positions),
        "weight_base": chance.randrange(machine.weight_words),
        "threshold_set": chance.getrandbits(1),
        "add_ones": chance.getrandbits(1),
        "raw": raw,
        "sum_pieces": sum_pieces,  # means nothing without raw
        "code_bits": chance.randint(1, 4),
        "pair": pair,
        "row_length": row_length,
        "width": chance.randint(2, row_length + 1),
        "height": chance.randint(1, rows + 1),
        "address": address,
        "row_bytes": row_bytes,
        "position_bytes": position_bytes,
        "planes": planes,
    }
    if chance.random() < 0.4:
        compute |= random_planes(machine, chance)
    compute.update(wanted)
    chip.table += span
    return compute, rows * row_bytes + position_bytes


def issue_cycles(machine: Machine, chip: Chip, computes: list, seen: int) -> list:
    """Return, per compute, its passes' (cycle, capture), as the sequencer documents them.

    All computes wait in front of the sequencer from cycle `seen` on, and there is always room.
    """
    walks, leaves, issues = [], [], []  # W, P, I
    taken, opens, result = -1, 0, []  # T, G
    for compute in computes:
        taken = max(max(seen, taken + 1) + 1, walks[-1] if walks else -1)
        before = taken
        passes = []
        entries = [entry for _, _, entry in chip.span(compute)]
        for entry in entries * (compute["block_rows"] * compute["row_blocks"]):
            room = leaves[-AHEAD] + 1 if len(leaves) >= AHEAD else -1
            walks.append(before := max(before + 1, room))
            leaves.append(max(before + 3, issues[-1] if issues else -1))
            cycle = leaves[-1] + 1
            if entry["capture"]:
                cycle = max(cycle, opens)
                opens = cycle + machine.columns * cycles_of(machine, compute)
            issues.append(cycle)
            passes.append((cycle, entry["capture"]))
        result.append(passes)
    return result
