"""A work with everything decided about it, and its data as the machine reads it."""

from dataclasses import dataclass, field

import numpy as np

from arch.isa import Entry, encode
from arch.machine import Machine
from compiler.backend.array_thresholds import SumRelation, relate, sum_thresholds
from compiler.backend.job import Work
from compiler.backend.packing import Packed, Product, pack
from compiler.backend.program import ComputeStep
from compiler.backend.storage import Storage
from compiler.backend.tile import Tiling, choose_tiling
from compiler.errors import CapacityError

GROUP_LANES = 16
IDLE = {"offset": 0, "weight": 0, "enable": 0, "ones": 0}


@dataclass(eq=False)
class Layer:
    """A work on a machine; ``weights`` and ``thresholds`` per row block, as bytes in memory."""

    work: Work
    packed: Packed
    tiling: Tiling
    relation: SumRelation
    #: Encoded pass-table entries.
    table: list[int] = field(default_factory=list)
    weights: list[bytes] = field(default_factory=list)
    thresholds: list[bytes] = field(default_factory=list)
    #: Addresses of the three, given by the memory planner.
    table_address: int = 0
    weight_addresses: list[int] = field(default_factory=list)
    threshold_addresses: list[int] = field(default_factory=list)
    computes: list[ComputeStep] = field(default_factory=list)


def decide(work: Work, storages: dict[str, Storage], machine: Machine) -> Layer:
    """Pack, tile and encode a work; raises :class:`CapacityError` where something does not fit."""
    packed = pack(work.items, work.images, storages, work.name)
    if packed.word_count > machine.weight_words:
        raise CapacityError(
            f"layer {work.name!r}: {packed.word_count} weight words for {machine.rows} output "
            f"channels; machine {machine.name!r} has {machine.weight_words}; use fewer input "
            f"channels or weight bits, or a larger machine"
        )
    captures = len(work.phases) * (2 if work.pool2 else 1)
    if len(packed.passes) * captures > machine.table_entries:
        raise CapacityError(
            f"layer {work.name!r}: {len(packed.passes) * captures} passes; the pass table of "
            f"machine {machine.name!r} holds {machine.table_entries}; use fewer input channels "
            f"or bits, or a larger machine"
        )
    tiling = choose_tiling(work, packed, storages, machine)
    layer = Layer(work, packed, tiling, relate(work, packed, storages, machine))
    layer.table = _table(layer, machine)
    layer.weights = _weights(layer, machine)
    if work.thresholds is not None:
        layer.thresholds = _thresholds(layer, storages[work.output].bits, machine)
    return layer


def _table(layer: Layer, machine: Machine) -> list[int]:
    """Every phase's passes, one after another."""
    work, packed = layer.work, layer.packed
    phases = work.phases
    if work.pool2:
        phases = [(y + row * work.strides[0], x) for y, x in phases for row in range(2)]
    entries = []
    for number, phase in enumerate(phases):
        for index, step in enumerate(packed.passes):
            last = index == len(packed.passes) - 1
            fields = {
                "group": [_group(layer, product, phase, machine) for product in step.products],
                "clear": int(index == 0),
                "double": int(step.double),
                "capture": int(last),
                "pool_first": int(last and number == 0),
                "pool_last": int(last and number == len(phases) - 1),
            }
            entries.append(encode(Entry, fields))
    return entries


def _group(layer: Layer, product: Product | None, phase: tuple[int, int], machine: Machine) -> dict:
    if product is None:
        return IDLE
    item = layer.work.items[product.item]
    place = next(p for p in layer.tiling.placements if item.image in p.region.groups)
    offset = layer.tiling.offset(
        layer.work, place, item.y + phase[0], item.x + phase[1], product.activation_plane
    )
    return {
        "offset": offset % machine.positions,
        "weight": layer.packed.words[product.item, product.weight_plane][1],
        "enable": 1,
        "ones": layer.packed.ones_code >> product.weight_plane & 1,
    }


def _weights(layer: Layer, machine: Machine) -> list[bytes]:
    """Per row block: word_count x rows x 4 groups of 16 weight bits."""
    work, packed, rows = layer.work, layer.packed, machine.rows
    blocks = -(-work.outputs // rows)
    image = np.zeros((blocks * rows, packed.word_count, machine.lane_groups), np.uint16)
    lanes = 1 << np.arange(GROUP_LANES)
    for index, item in enumerate(work.items):
        codes = packed.weight_codes(item)
        for plane in range(packed.weight_bits):
            group, word = packed.words[index, plane]
            image[: work.outputs, word, group] = ((codes >> plane & 1) * lanes).sum(1)
    return [
        image[block * rows : (block + 1) * rows].transpose(1, 0, 2).astype("<u2").tobytes()
        for block in range(blocks)
    ]


def _thresholds(layer: Layer, bits: int, machine: Machine) -> list[bytes]:
    """Per row block: 2^bits x rows words of 32 bits; word 0 holds the flip bit.

    Rows beyond the layer's outputs pass no threshold: their code is 0.
    """
    work, rows = layer.work, machine.rows
    levels, flip = sum_thresholds(work, layer.relation, bits, machine)
    blocks = -(-work.outputs // rows)
    table = np.full((blocks * rows, 1 << bits), (1 << machine.sum_bits) - 1, np.int64)
    table[:, 0] = 0
    table[: work.outputs, 0] = flip
    table[: work.outputs, 1:] = levels
    return [
        np.ascontiguousarray(table[block * rows : (block + 1) * rows].T).astype("<u4").tobytes()
        for block in range(blocks)
    ]
