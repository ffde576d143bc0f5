"""Turns sums into wide codes: a product with the two roundings of float32, row after row."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import WIDE_BITS
from arch.machine import Machine
from arch.wide import MANTISSA_BITS, OFFSET_BITS, PRODUCT_UNITS, Range, Scale
from hw.compute.multiplier import LATENCY, multiplier
from hw.fabric import checked_fabric
from hw.memories.lut_ram import WORDS, padded
from hw.streams.delay import delayed

HALF = MANTISSA_BITS // 2
WHOLE_BITS = 10
"""Of the product's whole part: up to 512, as more than any code is as good as 512."""
FRACTION_BITS = MANTISSA_BITS + 1 - WHOLE_BITS
"""What the smallest shift leaves of a mantissa."""


def place_bits(machine: Machine) -> int:
    """Bits of a product's place in a lane: its set, above the number of its row."""
    return 1 + (machine.wide_cycles - 1).bit_length()


def product_write(machine: Machine) -> data.StructLayout:
    """Return a write of some units of the product at ``place``."""
    return data.StructLayout({"units": PRODUCT_UNITS, "place": place_bits(machine)})


def rounds_up(odd: Value, half: Value, rest: Value) -> Value:
    """Whether half to even is up: the last bit that stays, the first that goes, all the others."""
    return half & (rest.any() | odd)


class ProductLane(wiring.Component):
    """With f rounding to 24 leading bits and rint to a whole number, both half to even,

        n    = rint(f(f(offset - total * 2^doublings) * mantissa) / 2^places), -n if negative
        code = n + zero, at least low and at most high (``unlimited``: 0 and 255)

    where total = sum + ones_sum. A leading 1 is looked for once, in front of the multiplication:
    the product of two numbers with one has it in one of two places, and a shift by more than 25
    makes 0 of it, one by less than 15 more than any code.

    Latency: ``latency`` = 15 cycles. One row per cycle. A write is seen by rows that come 2 cycles
    later.

    Parameters
    ----------
    fabric : "ecp5" (four of its multipliers), or others (plain operators)

    Members
    -------
    sum, ones_sum : ``In(accumulator_bits)``
    place : ``In(place_bits)``
        Of the row's product.
    second : ``In(1)``
        The second offset counts.
    unlimited : ``In(1)``
    write : ``In(product_write)``, word : ``In(32)``
        The word becomes the units of which the bits are 1.
    code : ``Out(8)``
    low, high : ``Out(8)``, absent : ``Out(1)``
        What the product says, beside its code.
    """

    latency = 13 + LATENCY

    def __init__(self, machine: Machine, fabric: str):
        self.machine = machine
        self.fabric = checked_fabric(fabric)
        super().__init__({
            "sum": In(machine.accumulator_bits),
            "ones_sum": In(machine.accumulator_bits),
            "place": In(place_bits(machine)),
            "second": In(1),
            "unlimited": In(1),
            "write": In(product_write(machine)),
            "word": In(OFFSET_BITS),
            "code": Out(WIDE_BITS),
            "low": Out(WIDE_BITS),
            "high": Out(WIDE_BITS),
            "absent": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()

        def later(value: Value, cycles: int, name: str) -> Value:
            return delayed(m, value, cycles, name, reset_less=True)

        def register(value: Value, name: str) -> Signal:
            signal = Signal(Value.cast(value).shape(), name=name, reset_less=True)
            m.d.sync += signal.eq(value)
            return signal

        # Where a row's product lies, and so what its numbers are, follows it from stage to stage.
        places = [self.place]
        for stage in range(self.latency):
            places.append(register(places[-1], f"place{stage + 1}"))

        def number(unit: int, stage: int, first: int, bits: int, name: str) -> Value:
            words = memory.Memory(shape=bits, depth=max(WORDS, 1 << len(self.place)), init=[])
            m.submodules[name] = words
            write, read = words.write_port(), words.read_port(domain="comb")
            m.d.comb += [
                write.addr.eq(padded(self.write.place)),
                write.data.eq(self.word[first : first + bits]),
                write.en.eq(self.write.units[unit]),
                read.addr.eq(padded(places[stage])),
            ]
            return read.data

        def field(layout: type[data.Struct], unit: int, name: str, stage: int) -> Value:
            at = data.Layout.cast(layout)[name]
            # From a register: reading takes half a cycle.
            return register(number(unit, stage - 1, at.offset, at.width, name), f"{name}{stage}")

        # 1: the sum; 2: what is left of the offset; 3: its sign and magnitude.
        offsets = [number(unit, 0, 0, OFFSET_BITS, f"offset{unit}") for unit in (0, 3)]
        offset = register(Mux(self.second, offsets[1], offsets[0]), "offset")
        total = register(self.sum + self.ones_sum, "total")
        doubled = total << field(Range, 2, "doublings", 1)
        whole = register((offset.as_signed() - doubled)[: OFFSET_BITS + 1].as_signed(), "whole")
        sign = register(whole[-1], "sign")
        magnitude = register(Mux(whole[-1], -whole, whole)[:OFFSET_BITS], "magnitude")

        # 4 and 5: shifted left until the highest bit is 1.
        zeros = []
        for steps, stage in (((16, 8), 4), ((4, 2, 1), 5)):
            for step in steps:
                none = ~magnitude[-step:].any()
                zeros.append(none)
                magnitude = Mux(none, magnitude << step, magnitude)[:OFFSET_BITS]
            magnitude = register(magnitude, f"shifted{stage}")
            zeros = [register(Cat(*zeros), f"zeros{stage}")]
        zeros = Cat(*reversed(zeros[0]))

        # 6: rounded to 24 bits. Where that makes one more, it is a power of two.
        spare = OFFSET_BITS - MANTISSA_BITS
        up = rounds_up(magnitude[spare], magnitude[spare - 1], magnitude[: spare - 1])
        rounded = magnitude[spare:] + up
        left = register(
            Cat(rounded[: MANTISSA_BITS - 1], rounded[MANTISSA_BITS - 1] | rounded[-1]), "left"
        )
        # The shift that will be left, from 15 on, as far as it is known.
        rest = OFFSET_BITS - 1 + FRACTION_BITS
        shift = register((zeros.as_unsigned() - rounded[-1] - rest).as_signed(), "shift6")

        # 8: four products of halves; 9 and 10: their sum.
        right = field(Scale, 1, "mantissa", 6)
        low, high = slice(0, HALF), slice(HALF, MANTISSA_BITS)
        low_low, low_high, high_low, high_high = (
            self._product(m, f"product{index}", left[a], right[b])[:MANTISSA_BITS]
            for index, (a, b) in enumerate(((low, low), (low, high), (high, low), (high, high)))
        )
        middle = register(low_high + high_low, "middle")
        outer = register(Cat(low_low, high_high), "outer")
        product = register((outer + (middle << HALF))[: 2 * MANTISSA_BITS], "product")

        # 11: rounded to 24 bits, and by how much it is to be shifted.
        top = product[-1]
        mantissa = Mux(top, product[MANTISSA_BITS:], product[MANTISSA_BITS - 1 : -1])
        half = Mux(top, product[MANTISSA_BITS - 1], product[MANTISSA_BITS - 2])
        below = Cat(product[: MANTISSA_BITS - 2], top & product[MANTISSA_BITS - 2])
        rounded = register(mantissa + rounds_up(mantissa[0], half, below), "rounded")
        some = register(product[-2:].any(), "some")
        known = later(shift, 4, "shift")
        shift = register((known + field(Range, 2, "places", 10) - top).as_signed(), "shift11")

        # 12: shifted; 13: rounded to a whole number.
        most = WHOLE_BITS
        moved = Cat(Const(0, most), rounded) >> Mux(shift[:4] > most, most, shift[:4])
        fraction = register(moved[: most + FRACTION_BITS], "fraction")
        integer = register(moved[most + FRACTION_BITS :][:WHOLE_BITS], "integer")
        large = register((shift < 0) & some, "large")
        small = register(shift > most, "small")
        up = rounds_up(integer[0], fraction[-1], fraction[:-1])
        count = register(
            Mux(large, (1 << WHOLE_BITS) - 1, Mux(small, 0, integer + up))[:WHOLE_BITS], "count"
        )

        # 14: the zero; 15: the limits.
        falls = later(sign, 10, "sign") ^ field(Range, 2, "negative", 13)
        zero = field(Scale, 1, "zero", 13)
        code = Signal(signed(WHOLE_BITS + 2), reset_less=True)
        m.d.sync += code.eq(Mux(falls, -count, count) + zero)
        least, greatest = field(Range, 2, "low", 14), field(Range, 2, "high", 14)
        unlimited = later(self.unlimited, 14, "unlimited")
        m.d.sync += [
            self.code.eq(limited(code, least, greatest, unlimited)),
            self.low.eq(least),
            self.high.eq(greatest),
            self.absent.eq(field(Range, 2, "absent", 14)),
        ]
        return m

    def _product(self, m: Module, name: str, left: Value, right: Value) -> Value:
        """The product, ``LATENCY`` cycles later."""
        if self.fabric == "ecp5":
            return multiplier(m, name, left, right)
        operands = Signal(len(left) + len(right), name=f"{name}_operands", reset_less=True)
        product = Signal(len(left) + len(right), name=f"{name}_product", reset_less=True)
        m.d.sync += [
            operands.eq(Cat(left, right)),
            product.eq(operands[: len(left)] * operands[len(left) :]),
        ]
        return product


def limited(value: Value, low: Value, high: Value, unlimited: Value) -> Value:
    """``value``, with a sign, at least ``low`` and then at most ``high``; unlimited: 0 and 255.

    All is compared at once: one comparison behind the other was the longest path of a board.
    """
    least, most = Mux(unlimited, 0, low), Mux(unlimited, (1 << WIDE_BITS) - 1, high)
    under = value < least
    over = Mux(under, least > most, value > most)
    return Mux(over, most, Mux(under, least, value))[:WIDE_BITS]
