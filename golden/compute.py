"""What one COMPUTE calculates and writes (docs/machine.md sections 1, 4 and 5), all blocks at once.

A COMPUTE falls into an array part, :func:`captured_sums`, and a post part, :func:`outgoing`, which
yields bytes and their addresses.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from arch.formats import CODE_BITS, GROUP_LANES, LANE_GROUPS, RAW_CHUNK_PLANES
from arch.isa import PASS_FLAGS, Planes, PostMode, has_signs
from arch.machine import Machine
from golden.formats import planes_of
from golden.loader import ChipMemories
from golden.on_chip import ChipWrites, check_compute, chip_writes
from golden.program import Instruction, MachineError
from golden.signs import check_signs
from golden.wide import wide_codes

CHUNK_COLUMNS = 8192
"""Positions computed at once: the inner loop's arrays stay in the processor's cache."""
ALL_LANES = (1 << LANE_GROUPS * GROUP_LANES) - 1
GROUP_MASK = (1 << GROUP_LANES) - 1
GROUP_MASKS = np.array([GROUP_MASK << GROUP_LANES * g for g in range(LANE_GROUPS)], np.uint64)


@dataclass(frozen=True)
class Writes:
    """Bytes on their way to memory, in order: uint8 and int64, both [n, k]."""

    addresses: np.ndarray
    values: np.ndarray

    def apply(self, memory: np.ndarray) -> None:
        memory[self.addresses] = self.values


class Pass(NamedTuple):
    """One pass with its operands looked up."""

    #: Added to the block's position, for each lane group.
    offsets: tuple[int, ...]
    #: Mask of the lanes whose activations are read.
    lanes: int
    #: uint64 [rows + 1]; the last is the ones row.
    weights: np.ndarray
    clear: bool
    double: bool
    capture: bool
    pool_first: bool
    pool_last: bool
    #: So many less are counted as there are lanes.
    less: bool


class PlanePair(NamedTuple):
    """One turn of a table span: how many planes below the highest ones its operands lie."""

    activation: int
    weight: int
    #: Accumulators are doubled before its first pass.
    doubles: bool


def plane_pairs(activation_planes: int, weight_planes: int) -> list[PlanePair]:
    """Return the pairs of so many planes by falling weight, along the diagonals to and fro."""
    pairs = []
    for level in range(activation_planes + weight_planes - 1):
        least, most = max(0, level - weight_planes + 1), min(level, activation_planes - 1)
        diagonal = range(least, most + 1)
        for number, below in enumerate(diagonal if level % 2 else reversed(diagonal)):
            pairs.append(PlanePair(below, level - below, level > 0 and number == 0))
    return pairs


def passes_of(chip: ChipMemories, compute: Instruction) -> list[Pass]:
    """Look up the passes of a block and their weights, and check that they can be carried out."""
    fields = compute.fields
    _check_mode(chip.machine, compute)
    if fields["on_chip"]:
        check_compute(chip.machine, compute)
    stretched = fields["raw"] or fields["on_chip"] or (has_signs(fields) and chip.machine.signs)
    if stretched and fields["sum_pieces"] >= chip.machine.raw_chunks:
        raise MachineError(
            f"{compute}: sums in {fields['sum_pieces'] + 1} pieces; machine "
            f"{chip.machine.name!r} has at most {chip.machine.raw_chunks}"
        )
    if fields["raw"]:
        _check_places(chip.machine, compute)
    span = slice(fields["table_start"], fields["table_last"] + 1)
    entries = chip.table[span]
    if not entries.size or not entries["loaded"].all():
        raise MachineError(
            f"{compute}: pass-table entries {fields['table_start']}..{fields['table_last']} "
            "are not all loaded"
        )
    pairs = plane_pairs(fields["activation_planes"] + 1, fields["weight_planes"] + 1)
    passes = [
        each for pair in pairs for each in _passes_of_pair(chip, fields, entries, pair, pairs[-1])
    ]
    captures = [item for item in passes if item.capture]
    if not passes[0].clear:
        raise MachineError(f"{compute}: its first pass must clear the accumulators")
    if captures and not captures[0].pool_first:
        raise MachineError(f"{compute}: its first capture must start the running maximum")
    if fields["raw"] and not all(item.pool_first and item.pool_last for item in captures):
        raise MachineError(f"{compute}: raw sums cannot be pooled")
    check_signs(chip.machine, compute, passes)
    return passes


def _check_mode(machine: Machine, compute: Instruction) -> None:
    """What a COMPUTE may ask of the post unit."""
    fields = compute.fields
    mode = fields["post_mode"]
    if fields["raw"] and fields["pair"]:
        raise MachineError(f"{compute}: pair with raw is not defined")
    if mode is PostMode.THRESHOLDS:
        if fields["planes"] is Planes.EIGHT and not fields["raw"]:
            raise MachineError(f"{compute}: thresholds do not make codes of 8 planes")
        return
    if not machine.wide_rows:
        raise MachineError(
            f"{compute}: machine {machine.name!r} has no post_mode {mode.name}: no wide codes"
        )
    if fields["raw"] or fields["pair"] or fields["code_bits"]:
        raise MachineError(
            f"{compute}: raw, pair or code_bits with post_mode {mode.name} is not defined"
        )


def _passes_of_pair(
    chip: ChipMemories, fields: dict, entries: np.ndarray, pair: PlanePair, last: PlanePair
) -> list[Pass]:
    """Return what a table span's ``entries`` do for one pair of planes."""
    words = fields["weight_base"] + entries["weight"] - pair.weight * fields["weight_stride"]
    words %= len(chip.weights)
    weights = chip.weights[words, :, np.arange(words.shape[1])].swapaxes(1, 2)
    # The highest plane of the weights is the one in which the ones row's constant has no bit.
    highest = fields["weight_planes"] > 0 and pair.weight == 0
    ones = (GROUP_MASK * (entries["ones"] & (not highest))).astype(np.uint16)
    weights = np.ascontiguousarray(np.concatenate([weights, ones[:, None]], axis=1))
    lanes = (entries["enable"] * GROUP_MASKS).sum(axis=1)
    offsets = entries["offset"] - pair.activation * fields["plane_stride"]
    flags = {name: entries[name].astype(bool) for name in PASS_FLAGS}
    flags["clear"] &= pair.activation == pair.weight == 0
    flags["double"][0] |= pair.doubles
    flags["capture"] &= pair == last
    return [
        Pass(tuple(own), mask, seen, *flag)
        for own, mask, seen, *flag in zip(
            offsets.tolist(), lanes.tolist(), weights.view(np.uint64)[..., 0],
            *(flags[name].tolist() for name in PASS_FLAGS), strict=True,
        )
    ]  # fmt: skip


def positions_read(chip: ChipMemories, compute: Instruction, passes: list[Pass]) -> np.ndarray:
    """Return which words of the activation memory a COMPUTE reads for results that leave: bool
    [positions, groups]."""
    machine = chip.machine
    read = np.zeros((machine.positions, machine.lane_groups), bool)
    base = _bases(machine, compute, np.arange(_block_count(compute)))
    if not has_signs(compute.fields):  # these leave in whole turns
        base = base[_looked_at(machine, compute, passes)]
    for group in range(machine.lane_groups):
        enabled = {each.offsets[group] for each in passes if each.lanes >> GROUP_LANES * group & 1}
        for offset in enabled:
            read[(base + offset) % machine.positions, group] = True
    return read


def _positions(fields: dict, count: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row and column of the results with these numbers, and which lie inside of the map."""
    y, x = np.divmod(count, fields["row_length"])
    return y, x, (x < fields["width"]) & (y < fields["height"])


def _looked_at(machine: Machine, compute: Instruction, passes: list[Pass]) -> np.ndarray:
    """Return which columns of a COMPUTE's blocks, one behind the other, have results that leave."""
    fields = compute.fields
    leaving = sum(each.capture and each.pool_last for each in passes)
    count = np.arange(_block_count(compute) * leaving * machine.columns)
    _, _, kept = _positions(fields, count)
    return kept.reshape(-1, leaving, machine.columns).any(axis=1).reshape(-1)


def _block_count(compute: Instruction) -> int:
    return compute.fields["block_rows"] * compute.fields["row_blocks"]


def _bases(machine: Machine, compute: Instruction, block: np.ndarray) -> np.ndarray:
    """Return the position of every column of some blocks."""
    fields = compute.fields
    starts = (
        fields["source"]
        + block // fields["row_blocks"] * fields["source_step"]
        + block % fields["row_blocks"] * machine.columns
    )
    return (starts[:, None] + np.arange(machine.columns)).reshape(-1)


def captured_sums(
    chip: ChipMemories, compute: Instruction, passes: list[Pass]
) -> Iterator[tuple[int, list[np.ndarray]]]:
    """Run the passes; yield (first block, sums of each capture: int64 [rows, blocks * columns])."""
    fields, machine = compute.fields, chip.machine
    blocks = _block_count(compute)
    rows = machine.rows + (1 if fields["add_ones"] else 0)
    least, limit = 0, 1 << machine.accumulator_bits
    if has_signs(fields):
        least, limit = -limit >> 1, limit >> 1
    words = chip.activations.view(np.uint64)[:, 0]
    step = max(1, CHUNK_COLUMNS // machine.columns)
    for first in range(0, blocks, step):
        block = np.arange(first, min(blocks, first + step))
        base = _bases(machine, compute, block)
        accumulators = np.zeros((rows, base.size), np.int64)
        different = np.empty((rows, base.size), np.uint64)
        counts = np.empty((rows, base.size), np.uint8)
        gathered = {}
        captures = []
        for item in passes:
            key = (item.offsets, item.lanes)
            if key not in gathered:
                if len(gathered) >= 64:
                    gathered.clear()
                gathered[key] = gather(words, base, item.offsets, item.lanes, machine)
            np.bitwise_xor(item.weights[:rows, None], gathered[key], out=different)
            np.bitwise_count(different, out=counts)
            if item.clear:
                accumulators[...] = counts
            else:
                if item.double:
                    accumulators <<= 1
                accumulators += counts
            if item.less:
                accumulators -= machine.lanes
            if item.capture:
                low, high = accumulators.min(), accumulators.max()
                if low < least or high >= limit:
                    found = high if high >= limit else low
                    raise MachineError(
                        f"{compute}: a sum of {found} does not fit the "
                        f"accumulators' {machine.accumulator_bits} bits"
                    )
                ones = accumulators[machine.rows] if fields["add_ones"] else 0
                captures.append(accumulators[: machine.rows] + ones)
        yield first, captures


def gather(
    words: np.ndarray, base: np.ndarray, offsets: tuple[int, ...], lanes: int, machine: Machine
) -> np.ndarray:
    """Return the 64 lanes uint64 [positions] that a pass sees at the positions ``base``."""
    if not lanes:
        return np.zeros(base.size, np.uint64)
    result = None
    enabled = [g for g in range(len(offsets)) if lanes >> GROUP_LANES * g & 1]
    for offset in {offsets[g] for g in enabled}:
        mask = sum(GROUP_MASK << GROUP_LANES * g for g in enabled if offsets[g] == offset)
        part = words[(base + offset) % machine.positions]
        if mask != ALL_LANES:
            part &= np.uint64(mask)
        result = part if result is None else result | part
    return result


def outgoing(
    chip: ChipMemories,
    compute: Instruction,
    passes: list[Pass],
    first: int,
    captures: list[np.ndarray],
) -> Writes | ChipWrites:
    """Post unit: compare, pool, count, pair and address the sums of blocks ``first`` and up."""
    fields, columns = compute.fields, chip.machine.columns
    if fields["raw"]:
        leaving, planes = captures, RAW_CHUNK_PLANES * (fields["sum_pieces"] + 1)
    else:
        leaving, planes = pooled(chip, compute, passes, captures), fields["planes"].count
    if fields["code_bits"] > planes:
        raise MachineError(
            f"{compute} writes codes of {fields['code_bits']} bits as {planes} planes"
        )
    rows, blocks = chip.machine.rows, captures[0].shape[1] // columns if captures else 0
    values = np.stack(leaving).reshape(len(leaving), rows, blocks, columns) if leaving else None
    if values is None:
        return Writes(np.zeros((0, 1), np.int64), np.zeros((0, 1), np.uint8))
    values = values.transpose(1, 2, 0, 3).reshape(rows, -1)
    count = first * len(leaving) * columns + np.arange(values.shape[1])
    y, x, kept = _positions(fields, count)
    if fields["pair"]:
        kept &= x % 2 == 1
        values = np.maximum(values, np.roll(values, 1, axis=1))
        x >>= 1
    y, x, values = y[kept], x[kept], values[:, kept]
    if fields["on_chip"]:
        return chip_writes(chip.machine, compute, y, x, values)
    address = fields["address"] + y * fields["row_bytes"] + x * fields["position_bytes"]
    offsets = np.arange(planes * chip.machine.plane_bytes)
    # Also where no position lies inside of the map.
    content = planes_of(values, planes).reshape(len(address), offsets.size)
    return Writes(address[:, None] + offsets, content)


def pooled(
    chip: ChipMemories, compute: Instruction, passes: list[Pass], captures: list[np.ndarray]
) -> list[np.ndarray]:
    """Turn sums to codes and return the running maxima that go on."""
    taken = [item for item in passes if item.capture]
    if has_signs(compute.fields) and chip.machine.signs:
        return [(sums < 0).astype(np.int64) for sums in captures]
    if compute.fields["post_mode"] is PostMode.THRESHOLDS:
        codes = _threshold_codes(chip, compute, captures)
        adds = False
    else:
        codes = wide_codes(chip, compute, [item.pool_first for item in taken], captures)
        adds = compute.fields["post_mode"].adds_shares
    leaving = []
    maximum = np.zeros(0)
    for item, found in zip(taken, codes, strict=True):
        maximum = found if item.pool_first or adds else np.maximum(maximum, found)
        if item.pool_last:
            leaving.append(maximum)
    return leaving


def _check_places(machine: Machine, compute: Instruction) -> None:
    """Refuse raw sums that do not lie as they leave: in whole transfers, or in pieces."""
    size = machine.piece_bytes * machine.pieces_at_once(compute.fields["sum_pieces"] + 1)
    for name in ("address", "position_bytes", "row_bytes"):
        if compute.fields[name] % size:
            raise MachineError(
                f"{compute}: {name} {compute.fields[name]} of sums in "
                f"{compute.fields['sum_pieces'] + 1} pieces must be a multiple of {size}"
            )


def _threshold_codes(
    chip: ChipMemories, compute: Instruction, captures: list[np.ndarray]
) -> list[np.ndarray]:
    """How many thresholds the sums of each capture reach, int64 [rows, n]."""
    bits, chosen = compute.fields["code_bits"], compute.fields["threshold_set"]
    rows = chip.machine.rows
    if not 1 <= bits <= CODE_BITS:
        raise MachineError(f"{compute}: code_bits must be 1 to {CODE_BITS}, not {bits}")
    if chip.threshold_units[chosen] < rows << bits:
        raise MachineError(
            f"{compute} needs {rows << bits} thresholds; set {chosen} was loaded with "
            f"{chip.threshold_units[chosen]}"
        )
    flip = chip.thresholds[chosen, 0] & 1
    levels = chip.thresholds[chosen, 1 : 1 << bits].astype(np.int64)
    if (levels[1:] < levels[:-1]).any():
        row = int((levels[1:] < levels[:-1]).any(axis=0).argmax())
        raise MachineError(f"{compute}: thresholds of row {row} in set {chosen} fall")
    if (levels >> chip.machine.sum_bits).any():
        raise MachineError(
            f"{compute}: a threshold in set {chosen} does not fit {chip.machine.sum_bits} bits"
        )
    flips = (flip.astype(np.int64) * ((1 << bits) - 1))[:, None]
    return [
        sum((level[:, None] <= sums).astype(np.int64) for level in levels) ^ flips
        for sums in captures
    ]
