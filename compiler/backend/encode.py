"""A tiled job's data as the machine reads it: pass table, weights and thresholds, as bytes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from arch.machine import Machine
from compiler.backend.job import Job, Offset
from compiler.backend.packing import Packed
from compiler.backend.pass_table import Product
from compiler.backend.requantising.array_thresholds import SumRelation, relate, sum_thresholds
from compiler.backend.requantising.code_tables import code_table
from compiler.backend.requantising.products import product_blocks
from compiler.backend.requantising.threshold_forms import ThresholdBlock, threshold_blocks
from compiler.backend.storage import WORD_CHANNELS, Storage
from compiler.backend.tiling.tile import Tiled


@dataclass(frozen=True, eq=False)
class Encoded:
    """A job and its constants; ``weights`` and ``thresholds`` (or products) per row block."""

    tiled: Tiled
    relation: SumRelation
    table: bytes
    weights: tuple[bytes, ...]
    #: None at all where raw sums or signs leave.
    thresholds: tuple[ThresholdBlock, ...]
    #: Its code table, if it has one: a beat an entry.
    codes: bytes = b""

    @property
    def job(self) -> Job:
        return self.tiled.job

    @property
    def packed(self) -> Packed:
        return self.tiled.packed


def encode_job(tiled: Tiled, storages: Mapping[str, Storage], machine: Machine) -> Encoded:
    """Write down what the machine needs for a job, wherever in memory it will lie."""
    packed, job = tiled.packed, tiled.job
    codes = [packed.grid.codes(tap) for tap in job.span.taps]
    turns = job.turns or (tuple(range(len(codes))),)
    relations = [relate(packed, codes, storages, turn) for turn in turns]
    relation = relations[0]
    thresholds: tuple[ThresholdBlock, ...] = ()
    if job.wide is not None:
        thresholds = product_blocks(job, relations, machine)
    elif job.thresholds is not None and not packed.signs:
        bits = storages[job.output].bits
        wanted = sum_thresholds(job.thresholds, relation, bits, machine)
        thresholds = threshold_blocks(wanted, machine)
    return Encoded(
        tiled,
        relation,
        _table(tiled, machine),
        _weights(packed, codes, machine),
        thresholds,
        b"" if job.wide is None else code_table(job.wide, machine),
    )


def _table(tiled: Tiled, machine: Machine) -> bytes:
    packed, taps = tiled.packed, tiled.job.span.taps
    looped = packed.packing.loop is not None
    places = {image: place for place in tiled.regions for image in place.region.groups}

    def group(number: int, product: Product, capture: Offset) -> dict:
        tap = taps[product.tap]
        offset = tiled.offset(
            places[tap.image], tap.y + capture[0], tap.x + capture[1], product.activation_plane
        )
        return {
            "offset": offset % machine.positions,
            "weight": packed.packing.words[product.tap, product.weight_plane, number],
            "enable": 1,
            # In a loop the bit of all planes but the highest, where the machine clears it.
            "ones": packed.grid.ones_code >> (0 if looped else product.weight_plane) & 1,
        }

    return packed.table.encode(group)


def _blocks(table: np.ndarray, rows: int) -> list[np.ndarray]:
    """A table [outputs, ...] cut into row blocks, the last one filled up with zeros."""
    spare = -len(table) % rows
    table = np.pad(table, [(0, spare), *[(0, 0)] * (table.ndim - 1)])
    return np.split(table, len(table) // rows)


def _weights(packed: Packed, codes: list[np.ndarray], machine: Machine) -> tuple[bytes, ...]:
    """Per row block: word_count x rows x 4 groups of 16 weight bits."""
    packing = packed.packing
    words = np.zeros((packed.job.outputs, packing.word_count, machine.lane_groups), np.uint16)
    lanes = 1 << np.arange(WORD_CHANNELS)
    for (tap, plane, group), word in packing.words.items():
        words[:, word, group] = (codes[tap] >> plane & 1) @ lanes
    blocks = _blocks(words, machine.rows)
    for bias in packed.biases:
        for block, count in zip(blocks, _blocks(bias.count, machine.rows), strict=True):
            block[:, bias.word, bias.group] = (1 << count) - 1
    return tuple(block.transpose(1, 0, 2).astype("<u2").tobytes() for block in blocks)
