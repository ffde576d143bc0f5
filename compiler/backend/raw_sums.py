"""In how many pieces raw sums leave: as many as hold the largest sum that there can be."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from arch.formats import RAW_CHUNK_PLANES
from compiler.backend.packing import Packed
from compiler.backend.storage import Storage


def with_pieces(storages: Mapping[str, Storage], jobs: Iterable[Packed]) -> dict[str, Storage]:
    """The storages, those of raw sums with the pieces that the jobs that write them need."""
    pieces = dict.fromkeys(storages, 1)
    for packed in jobs:
        if packed.job.raw:
            name, planes = packed.job.output, largest_raw_sum(packed, storages).bit_length()
            pieces[name] = max(pieces[name], -(-planes // RAW_CHUNK_PLANES))
    return {name: replace(storage, pieces=pieces[name]) for name, storage in storages.items()}


def largest_raw_sum(packed: Packed, storages: Mapping[str, Storage]) -> int:
    """The largest X, or X + X1 on the even grid (docs/machine.md, 1), of any output channel.

    A lane with weight code u adds (2^B - 1) a + (2^A - 1) u - 2 a u to X, which is largest where
    its activation code a is either 0 or 2^A - 1.
    """
    job, grid = packed.job, packed.grid
    rows = 1 if grid.odd else 2
    largest = np.zeros(job.outputs, np.int64)
    for tap in job.span.taps:
        top = (1 << storages[job.span.images[tap.image][0]].operand_bits) - 1
        at_zero = grid.codes(tap) + grid.ones_code
        at_top = rows * ((1 << grid.bits) - 1) - at_zero
        # Lanes that do not exist are 0 in every activation.
        lanes = np.where(tap.used, np.maximum(at_zero, at_top), at_zero)
        largest += top * lanes.sum(1)
    return int(largest.max(initial=0))
