"""Products of rows as memory holds them (docs/machine.md, 2 and 5), and the proof that they fit.

What the array counts falls as v rises: v = (base - step * sum) / divisor. A product of the network
is one of v, so its factor and bias go into the offset, and powers of two into the places.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from arch.formats import THRESHOLD_BITS
from arch.isa import encode
from arch.machine import Machine
from arch.wide import MANTISSA_BITS, OFFSET_BITS, PRODUCT_UNITS, TABLE_CODES, Range, Scale
from compiler.backend.job import Job, WideCodes
from compiler.backend.requantising.array_thresholds import SumRelation
from compiler.backend.requantising.requantise import smallest
from compiler.backend.requantising.threshold_forms import ThresholdBlock
from compiler.errors import UnsupportedError
from golden.network import Product, Thresholds
from golden.operators import leading_bits, product_codes, shifted

MOST_DOUBLINGS = 3
MOST_PLACES = 62
NEAR = 2
"""Offsets and mantissas that are tried to either side of those that should do."""


@dataclass(frozen=True, kw_only=True)
class RowProduct:
    """A row's numbers; the fields are those of the memory format."""

    offset: int = 0
    mantissa: int = 0
    zero: int = 0
    places: int = 0
    low: int = 0
    high: int = TABLE_CODES - 1
    doublings: int = 0
    negative: int = 0
    absent: int = 0
    second_offset: int = 0

    def codes(self, sums: np.ndarray) -> np.ndarray:
        """Codes int64 of sums of the array: what the machine will make of them."""
        whole = leading_bits(self.offset - (sums << self.doublings), MANTISSA_BITS)
        scaled = leading_bits(whole * self.mantissa, MANTISSA_BITS)
        rounded = shifted(scaled, np.int64(self.places))
        return np.clip((-rounded if self.negative else rounded) + self.zero, self.low, self.high)

    def fits(self, machine: Machine) -> bool:
        """Whether the machine can hold it, and the difference of any sum from its offset."""
        half, most = 1 << OFFSET_BITS - 1, 1 << OFFSET_BITS
        least = self.offset - (((1 << machine.sum_bits) - 1) << self.doublings)
        return (
            all(-half <= offset < half for offset in (self.offset, self.second_offset))
            and least > -most
            and (self.mantissa == 0 or self.mantissa >> MANTISSA_BITS - 1 == 1)
            and 0 <= self.places <= MOST_PLACES
        )

    def units(self) -> list[int]:
        """The units of memory."""
        scale = {"mantissa": self.mantissa, "zero": self.zero}
        names = ("places", "low", "high", "doublings", "negative", "absent")
        ranges = {name: getattr(self, name) for name in names}
        mask = (1 << THRESHOLD_BITS) - 1
        return [
            self.offset & mask, encode(Scale, scale), encode(Range, ranges),
            self.second_offset & mask,
        ]  # fmt: skip


ABSENT = RowProduct(absent=1)
"""That of a row without a channel."""


def product_blocks(
    job: Job, relations: list[SumRelation], machine: Machine
) -> tuple[ThresholdBlock, ...]:
    """The blocks of all rows; ``relations``: of each turn, or one for all captures.

    UnsupportedError names the first channel whose codes no product gives.
    """
    rows = [
        replace(
            row_product(job.wide, relations[0], channel, machine, f"layer {job.name!r}"),
            second_offset=int(relations[-1].base[channel]),
        )
        for channel in range(job.outputs)
    ]
    blocks = []
    for first in range(0, len(rows), machine.rows):
        block = rows[first : first + machine.rows]
        block += [ABSENT] * (machine.rows - len(block))
        units = np.array([row.units() for row in block], f"<u{THRESHOLD_BITS // 8}")
        assert units.shape == (machine.rows, PRODUCT_UNITS)
        blocks.append(ThresholdBlock(units.T.tobytes()))
    return tuple(blocks)


def row_product(
    wide: WideCodes, relation: SumRelation, channel: int, machine: Machine, where: str
) -> RowProduct:
    """The product of one channel, checked on both sides of each of its levels."""
    candidates = []
    if wide.product is not None:
        candidates += _of_network(wide.product, relation, channel)
    if wide.levels is not None:
        # Codes that are always passed, or never reached: sums beyond do not occur, or are limited.
        levels = wide.levels.levels[channel]
        least = int((levels <= -Thresholds.FAR).sum())
        most = int((levels < Thresholds.FAR).sum())
        candidates += _of_levels(wide.levels, relation, channel, least, most)
        candidates = [
            replace(each, low=max(each.low, least), high=min(each.high, most))
            for each in candidates
        ]
    for candidate in candidates:
        if candidate.fits(machine) and _gives(candidate, wide.levels, relation, channel):
            return candidate
    raise UnsupportedError(
        f"{where}, channel {channel}: no product of 24 by 24 bits gives the codes of its sums; "
        "supported are codes of 5 to 8 bits as QuantizeLinear makes them of a Conv whose weights, "
        "input and bias are integers times their scales (QDQ), and other functions of the sum "
        "that are straight between their limits. Export the layer that way, with codes of up to "
        "4 bits, or with a quantiser in front of the function"
    )


def _of_network(product: Product, relation: SumRelation, channel: int) -> list[RowProduct]:
    """The network's own product; none where the array counts in steps that it cannot follow."""
    factor, bias = int(product.factor[channel]), int(product.bias[channel])
    limits = {"zero": product.zero, "low": product.low, "high": product.high}
    slope = factor * relation.step
    multiplier = Fraction(float(product.multiplier[channel]))
    if slope == 0 or multiplier == 0:  # one code for all sums
        numbers = {
            name: getattr(product, name)[channel : channel + 1]
            for name in ("factor", "bias", "multiplier")
        }
        code = product_codes(np.zeros((1, 1), np.int64), replace(product, **numbers))
        return [RowProduct(zero=int(code[0, 0]))]
    offset = factor * int(relation.base[channel]) + relation.divisor * bias
    doublings = (slope & -slope).bit_length() - 1
    odd = slope >> doublings
    spare = max(0, doublings - MOST_DOUBLINGS)
    if offset % (odd << spare):
        return []
    scale = multiplier * odd * (1 << spare) / relation.divisor
    mantissa, places = _mantissa(scale)
    found = RowProduct(
        offset=offset // (odd << spare),
        mantissa=mantissa,
        places=places,
        doublings=doublings - spare,
        **limits,
    )
    if odd == 1:
        return [found]
    near = range(-NEAR, NEAR + 1)
    return [replace(found, mantissa=mantissa + move) for move in sorted(near, key=abs)]


def _mantissa(scale: Fraction) -> tuple[int, int]:
    """(mantissa, places) of the number of 24 bits that is nearest to a positive ``scale``."""
    places = MANTISSA_BITS
    while scale * (1 << places) < 1 << MANTISSA_BITS - 1:
        places += 1
    while places and scale * (1 << places) >= 1 << MANTISSA_BITS:
        places -= 1
    mantissa = round(scale * (1 << places))
    return (mantissa, places) if mantissa >> MANTISSA_BITS == 0 else (mantissa >> 1, places - 1)


def _of_levels(
    levels: Thresholds, relation: SumRelation, channel: int, least: int, most: int
) -> list[RowProduct]:
    """Products that should give the codes ``least`` to ``most`` of levels: a line through them."""
    divisor, step = relation.divisor, relation.step
    base = int(relation.base[channel])
    high, low = (
        (base - step * int(end[channel])) // divisor for end in (relation.low, relation.high)
    )
    reached = Thresholds(levels=levels.levels[[channel], least:most], sign=levels.sign[[channel]])
    found = smallest(reached, 0, low, high)
    if found is None:
        return []
    if found.factor == 0:
        return [RowProduct(zero=least + (found.offset >> found.shift))]
    # floor((factor v + offset) / 2^shift), the offset moved by a half for a rounding.
    slope = Fraction(abs(found.factor), divisor << found.shift)
    middle = Fraction(2 * found.offset - (1 << found.shift) + 1, 2) * divisor
    sign = 1 if found.factor > 0 else -1
    top = base + sign * middle / abs(found.factor)
    candidates = []
    for doublings in range(MOST_DOUBLINGS, -1, -1):
        mantissa, places = _mantissa(slope * step / (1 << doublings))
        offset = round(top / step * (1 << doublings))
        candidates += [
            RowProduct(
                offset=offset + move,
                mantissa=mantissa + other,
                places=places,
                zero=least,
                doublings=doublings,
                negative=int(sign < 0),
            )
            for other in sorted(range(-NEAR, NEAR + 1), key=abs)
            for move in sorted(range(-NEAR, NEAR + 1), key=abs)
        ]
    return candidates


def _gives(
    candidate: RowProduct, levels: Thresholds | None, relation: SumRelation, channel: int
) -> bool:
    """Whether a product gives the codes of levels, for all sums that the channel can have.

    Products do not turn, and so it is enough to look at both sides of every level.
    """
    if levels is None:
        return True
    low, high = int(relation.low[channel]), int(relation.high[channel])
    base, step, divisor = int(relation.base[channel]), relation.step, relation.divisor
    sign = int(levels.sign[channel])
    wanted = sign * levels.levels[channel].astype(np.int64)  # of v
    sums = (base - divisor * np.clip(wanted, -(1 << 40), 1 << 40)) // step
    places = np.concatenate([sums + move * divisor for move in (-1, 0, 1)] + [[low, high]])
    places = np.clip(places, low, high)
    places = low + (places - low) // divisor * divisor
    values = (base - step * places) // divisor
    codes = np.searchsorted(levels.levels[channel], sign * values, side="right")
    return bool((candidate.codes(places) == codes).all())
