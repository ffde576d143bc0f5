"""From thresholds on integers to thresholds on what the array counts (docs/machine.md, 1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from arch.machine import Machine
from compiler.backend.packing import Packed
from compiler.backend.storage import Storage
from golden.network import Thresholds


@dataclass(frozen=True, eq=False)
class SumRelation:
    """v = (base - step * sum) / divisor, per channel.

    ``base``, and the smallest and largest sum ``low`` and ``high``, int64 [outputs]. Between these
    a sum changes by multiples of ``divisor``.
    """

    base: np.ndarray
    step: int
    divisor: int
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, eq=False)
class ArrayThresholds:
    """Thresholds on sums, for codes of ``bits`` bits.

    ``levels`` int64 [outputs, 2^bits - 1] ascending, ``flip`` int64 [outputs]. Sums of a row are
    ``low``, ``low`` + ``spacing``, ..., ``high``, int64 [outputs], or some of these.
    """

    bits: int
    levels: np.ndarray
    flip: np.ndarray
    low: np.ndarray
    high: np.ndarray
    spacing: int


def relate(
    packed: Packed, codes: list[np.ndarray], storages: Mapping[str, Storage], turn: Sequence[int]
) -> SumRelation:
    """How v follows from the array's sum of the taps ``turn``, by their numbers.

    ``codes`` [outputs, 16]: each tap's weight codes.
    """
    job, grid = packed.job, packed.grid
    constant = np.zeros(job.outputs, np.int64)
    least, greatest = constant.copy(), constant.copy()  # of codes times weights
    for tap, weights in ((job.span.taps[number], codes[number]) for number in turn):
        top = (1 << storages[job.span.images[tap.image][0]].operand_bits) - 1
        # The ones row sees its constant in all 16 lanes of the group, used or not.
        constant += top * (weights.sum(1) + grid.ones_code * tap.used.size)
        products = top * np.where(tap.used, tap.weights, 0)
        least += np.minimum(products, 0).sum(1)
        greatest += np.maximum(products, 0).sum(1)
    divisor = 1 if grid.odd else 2
    return SumRelation(
        job.step * constant + divisor * job.span.constant,
        job.step,
        divisor,
        low=constant - divisor * greatest,
        high=constant - divisor * least,
    )


def sum_thresholds(
    thresholds: Thresholds, relation: SumRelation, bits: int, machine: Machine
) -> ArrayThresholds:
    """Thresholds on sums, for codes of ``bits`` bits.

    sign +1: v >= t holds for small sums, so the search counts its failures and the code is flipped;
    sign -1: v <= -t holds for large sums and is counted directly.
    """
    count = (1 << bits) - 1
    never, always = (1 << machine.sum_bits) - 1, 0
    levels, far = thresholds.levels, thresholds.FAR
    flip = thresholds.sign > 0
    base = relation.base[:, None]
    divisor, step = relation.divisor, relation.step
    # v >= t  <=>  sum <= floor((base - divisor t) / step); the count is of sums above it.
    falling = (base - divisor * levels) // step + 1
    falling = np.where(levels >= far, always, np.where(levels <= -far, never, falling))
    # -v >= t  <=>  sum >= ceil((base + divisor t) / step).
    rising = -((-(base + divisor * levels)) // step)
    rising = np.where(levels >= far, never, np.where(levels <= -far, always, rising))
    result = np.full((levels.shape[0], count), never, np.int64)
    result[:, : levels.shape[1]] = np.where(flip[:, None], falling, rising)
    # Codes that do not exist: passed always where the code is flipped, so that this removes them.
    result[flip, levels.shape[1] :] = always
    return ArrayThresholds(
        bits=bits,
        levels=np.sort(np.clip(result, always, never), axis=1),
        flip=flip.astype(np.int64),
        low=relation.low,
        high=relation.high,
        spacing=divisor,
    )
