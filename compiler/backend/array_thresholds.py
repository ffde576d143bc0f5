"""From thresholds on integers to thresholds on what the array counts (docs/machine.md, 1)."""

from dataclasses import dataclass

import numpy as np

from arch.machine import Machine
from compiler.backend.job import Work
from compiler.backend.packing import Packed
from compiler.backend.storage import Storage
from compiler.errors import UnsupportedError


@dataclass(frozen=True, eq=False)
class SumRelation:
    """v = (base - step * sum) / divisor, per channel; ``base`` int64 [outputs]."""

    base: np.ndarray
    step: int
    divisor: int


def relate(
    work: Work, packed: Packed, storages: dict[str, Storage], machine: Machine
) -> SumRelation:
    """How v follows from the array's sum; refuses layers whose sums could overflow."""
    constant = np.zeros(work.outputs, np.int64)
    largest = 0
    for item in work.items:
        storage = storages[work.images[item.image][0]]
        top = (1 << (8 if storage.kind == "picture" else storage.bits)) - 1
        codes = packed.weight_codes(item)
        # The ones row sees its constant in all 16 lanes of the group, used or not.
        constant += top * (codes.sum(1) + packed.ones_code * item.used.size)
        largest += top * ((1 << packed.weight_bits) - 1) * item.used.size
    if largest >= 1 << machine.accumulator_bits:
        raise UnsupportedError(
            f"layer {work.name!r}: sums up to {largest} do not fit the "
            f"{machine.accumulator_bits}-bit "
            f"accumulators of machine {machine.name!r}; use fewer input channels or bits, or a "
            f"machine "
            f"with wider accumulators"
        )
    divisor = 1 if packed.odd else 2
    return SumRelation(work.step * constant + divisor * work.constant, work.step, divisor)


def sum_thresholds(
    work: Work, relation: SumRelation, bits: int, machine: Machine
) -> tuple[np.ndarray, np.ndarray]:
    """(thresholds [outputs, 2^bits - 1] ascending, flip [outputs]) on sums, for codes of ``bits``
    bits.

    sign +1: v >= t holds for small sums, so the search counts its failures and the code is flipped;
    sign -1: v <= -t holds for large sums and is counted directly.
    """
    count = (1 << bits) - 1
    never, always = (1 << machine.sum_bits) - 1, 0
    levels, sign = work.thresholds.levels, work.thresholds.sign
    far = work.thresholds.FAR
    base = relation.base[:, None]
    divisor, step = relation.divisor, relation.step
    # v >= t  <=>  sum <= floor((base - divisor t) / step); the count is of sums above it.
    falling = (base - divisor * levels) // step + 1
    falling = np.where(levels >= far, always, np.where(levels <= -far, never, falling))
    # -v >= t  <=>  sum >= ceil((base + divisor t) / step).
    rising = -((-(base + divisor * levels)) // step)
    rising = np.where(levels >= far, never, np.where(levels <= -far, always, rising))
    flip = (sign > 0).astype(np.int64)
    result = np.full((work.outputs, count), never, np.int64)
    for channel in range(work.outputs):
        row = falling[channel][::-1] if flip[channel] else rising[channel]
        row = np.clip(row, always, never)
        if flip[channel]:  # codes that do not exist: passed always, so that flipping removes them
            row = np.concatenate([np.full(count - row.size, always), row])
        result[channel, : row.size] = row
    return np.sort(result, axis=1), flip
