"""Products of rows as memory holds them (docs/machine.md, 2 and 5), and the proof that they fit.

What the array counts falls as v rises: v = (base - step * sum) / divisor. A product of the network
is one of v, so its factor and bias go into the offset, and powers of two into the places.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from arch.formats import THRESHOLD_BITS
from arch.isa import encode, most
from arch.machine import Machine
from arch.wide import MANTISSA_BITS, OFFSET_BITS, PRODUCT_UNITS, TABLE_CODES, Range, Scale
from compiler.backend.job import Job, WideCodes
from compiler.backend.requantising.array_thresholds import SumRelation
from compiler.backend.requantising.threshold_forms import ThresholdBlock
from compiler.errors import UnsupportedError
from golden.network import Product, Thresholds
from golden.operators import leading_bits, product_codes, shifted

MOST_DOUBLINGS = most(Range, "doublings")
MOST_PLACES = 62
FINER = range(MOST_DOUBLINGS - 1, -1, -2)
"""Doublings of sums that are tried where an offset is no whole number without them."""
NEAR = 2
"""Mantissas that are tried to either side of the one that should do."""
POINTS = 33
"""Offsets that are looked at together."""


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

    def fits(self, low: int, high: int) -> bool:
        """Whether the machine can hold it, and the differences of the sums low..high from it."""
        half, most = 1 << OFFSET_BITS - 1, 1 << OFFSET_BITS
        ends = (self.offset - (end << self.doublings) for end in (low, high))
        return (
            all(-half <= offset < half for offset in (self.offset, self.second_offset))
            and all(-most < end < most for end in ends)
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
            row_product(job.wide, relations[0], channel, f"layer {job.name!r}"),
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


def row_product(wide: WideCodes, relation: SumRelation, channel: int, where: str) -> RowProduct:
    """The product of one channel, checked on both sides of each of its levels."""
    low, high = int(relation.low[channel]), int(relation.high[channel])
    for candidate in _candidates(wide, relation, channel):
        if candidate.fits(low, high) and _gives(candidate, wide.levels, relation, channel):
            return candidate
    raise UnsupportedError(
        f"{where}, channel {channel}: no product of 24 by 24 bits gives the codes of its sums; "
        "supported are codes of 5 to 8 bits as QuantizeLinear makes them of a Conv whose weights, "
        "input and bias are integers times their scales (QDQ), and other functions of the sum "
        "that are straight between their limits. Export the layer that way, with codes of up to "
        "4 bits, or with a quantiser in front of the function"
    )


def _candidates(wide: WideCodes, relation: SumRelation, channel: int) -> Iterator[RowProduct]:
    """Products that may do, the network's own first."""
    own = [] if wide.product is None else _of_network(wide.product, relation, channel)
    if wide.levels is None:
        yield from own
        return
    # Codes that are always passed, or never reached: sums beyond do not occur, or are limited.
    levels, sign = wide.levels.levels[channel], int(wide.levels.sign[channel])
    least = int((levels <= -Thresholds.FAR).sum())
    most = int((levels < Thresholds.FAR).sum())
    for each in own:
        yield replace(each, low=max(each.low, least), high=min(each.high, most))
    if least == most:
        yield RowProduct(zero=least)
        return
    for each in _of_levels(levels[least:most], sign, relation, channel):
        yield replace(each, zero=least, low=least, high=most)


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
    top = factor * int(relation.base[channel]) + relation.divisor * bias
    twos = (slope & -slope).bit_length() - 1
    if slope >> twos == 1 and twos <= MOST_DOUBLINGS:
        mantissa, places = _mantissa(multiplier / relation.divisor)
        return [
            RowProduct(offset=top, mantissa=mantissa, places=places, doublings=twos, **limits)
        ]
    # The machine only doubles sums: a third of the offset, as finely as it can, may do.
    found = []
    for doublings in FINER:
        mantissa, places = _mantissa(multiplier * slope / (relation.divisor << doublings))
        finest = RowProduct(
            offset=round(Fraction(top << doublings, slope)),
            mantissa=mantissa,
            places=places,
            doublings=doublings,
            **limits,
        )
        near = sorted(range(-NEAR, NEAR + 1), key=abs)
        found += [replace(finest, mantissa=mantissa + move) for move in near]
    return found


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
    levels: np.ndarray, sign: int, relation: SumRelation, channel: int
) -> Iterator[RowProduct]:
    """Products that give the codes of rising levels [L] of sign * v, which start with code 0.

    With d = offset - sum * 2^doublings, code k is reached where d * scale = k + 1/2. In units of d
    level k lies between two numbers; so, for an offset, does the distance of one code.
    """
    base, step = int(relation.base[channel]), relation.step
    places = np.arange(levels.size) + 0.5
    for doublings in FINER[::-1]:
        # d = offset - top + unit * v, or the negative of that.
        unit = float(Fraction(relation.divisor << doublings, step))
        top, rest = divmod(Fraction(base << doublings, step), 1)
        rest = float(rest) if sign < 0 else -float(rest)
        reached, before = levels * unit, (levels - 1) * unit
        distance = max(1.0, float(reached[-1] - reached[0]) / max(1, levels.size - 1))
        middle = round(distance / 2 - float(reached[0]) + unit / 2)
        ends = middle - int(2 * unit) - 1, middle + int(2 * unit) + 1
        while True:
            # The room that an offset leaves for a distance above 0 has a single peak.
            moves = np.unique(np.linspace(*ends, POINTS).astype(np.int64))
            least = ((before[:, None] + (moves + rest)) / places[:, None]).max(axis=0)
            most = ((reached[:, None] + (moves + rest)) / places[:, None]).min(axis=0)
            best = int(np.minimum(most - least, most).argmax())
            if moves.size < POINTS:
                break
            ends = moves[max(best - 1, 0)], moves[min(best + 1, POINTS - 1)]
        for index in range(max(best - 1, 0), min(best + 2, moves.size)):
            if not 0 < most[index] > least[index]:
                continue
            distance = float(max(least[index], most[index] / 2) + most[index]) / 2
            mantissa, shift = _mantissa(1 / Fraction(distance))
            yield RowProduct(
                offset=int(top) + sign * int(moves[index]),
                mantissa=mantissa,
                places=shift,
                doublings=doublings,
                negative=int(sign < 0),
            )


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
