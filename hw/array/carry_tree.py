"""A count of XOR products, on ECP5 in its carry cells."""

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.formats import GROUP_LANES, LANE_GROUPS
from hw.array.carry_chain import ADD_BITS, ADD_PRODUCTS, HIGH, CarryChain
from hw.fabric import checked_fabric

LANES = LANE_GROUPS * GROUP_LANES
LEVELS = 5
"""Adder levels; 2**(LEVELS + 1) - 1 = 63 lanes are counted."""
UNCOUNTED = LANES - 1
"""The lane left over: the accumulator has a carry input free for it."""


def lateness(lane: int) -> int:
    """Cycles after the punctual lanes at which a lane is due: the level that adds it, less one.

    In a lane group, lanes 0..11 enter level 1 (three to an adder), 12 and 13 level 2, 14 level 3;
    lane 15 enters level 4 in groups 0 and 2, level 5 in group 1, and the accumulator in group 3.
    """
    group, place = divmod(lane, GROUP_LANES)
    if place == GROUP_LANES - 1:
        return (3, 4, 3, 5)[group]
    return 0 if place < 12 else 1 if place < 14 else 2


class CarryTree(wiring.Component):
    """Counts the ones of ``activations ^ weights``, lane 63 left out.

    An n-bit adder takes n + 1 carry positions and a product of its own at its lowest
    (:class:`hw.array.carry_chain.CarryChain`): 16 * 2 + 8 * 3 + 4 * 4 + 2 * 5 + 6 = 88 positions,
    and 6 for the ends of the four chains. Each lane group is a chain: they are short enough that
    the (false) timing path along a whole chain does not count.

    Every level ends in registers, so a lane that is added late must be *presented* late, by
    :func:`lateness` cycles; clusters share these delays.

    Latency: ``latency`` = 5 cycles from a pass's punctual lanes to ``count``. Throughput: one pass
    per cycle.

    Members
    -------
    activations, weights : In(64), lane l late by lateness(l)
    count : Out(6)
    """

    latency = LEVELS

    def __init__(self, fabric: str = "ecp5"):
        self.fabric = checked_fabric(fabric)
        #: The registers of each level: 2**(LEVELS - level) sums of level + 1 bits.
        self.levels = {
            level: [
                Signal(level + 1, name=f"level{level}_{index}", reset_less=True)
                for index in range(1 << LEVELS - level)
            ]
            for level in range(1, LEVELS + 1)
        }
        super().__init__({
            "activations": In(LANES),
            "weights": In(LANES),
            "count": Out(LEVELS + 1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        if self.fabric == "ecp5":
            self._add_chains(m)
        else:
            self._add_luts(m)
        m.d.comb += self.count.eq(self.levels[LEVELS][0])
        return m

    def _add_luts(self, m: Module) -> None:
        """The same sums of the same lanes in full adders of LUTs: an adder of n bits takes 2 n.

        Synthesis would put each into a carry chain of its own, whose ends cost more than it.
        """
        product = self.activations ^ self.weights
        lanes = {level: [] for level in range(1, LEVELS + 1)}
        for group in range(LANE_GROUPS):
            first = GROUP_LANES * group
            lanes[1] += [first + 3 * index for index in range(4)]
            lanes[2] += [first + 12, first + 13]
            lanes[3].append(first + 14)
        lanes[4] = [GROUP_LANES * group + GROUP_LANES - 1 for group in (0, 2)]
        lanes[5] = [GROUP_LANES + GROUP_LANES - 1]
        for index, lane in enumerate(lanes[1]):
            total = _add(product[lane + 1], product[lane + 2], product[lane])
            m.d.sync += self.levels[1][index].eq(total)
        for level in range(2, LEVELS + 1):
            below = self.levels[level - 1]
            for index, lane in enumerate(lanes[level]):
                total = _add(below[2 * index], below[2 * index + 1], product[lane])
                m.d.sync += self.levels[level][index].eq(total)

    def _add_chains(self, m: Module) -> None:
        """Carry chains, one for each lane group."""
        levels = self.levels
        sums = []  # (register, bits): the bits are complete when the chain is

        def product(lane):
            return self.activations[lane], self.weights[lane]

        def add_products(chain, index, lane):
            operands = [(ADD_PRODUCTS, *product(lane + 1), *product(lane + 2))]
            sums.append((levels[1][index], chain.adder(product(lane), operands)))

        def add_sums(chain, level, index, lane):
            left, right = levels[level - 1][2 * index : 2 * index + 2]
            operands = [(ADD_BITS, x, HIGH, y, HIGH) for x, y in zip(left, right, strict=True)]
            sums.append((levels[level][index], chain.adder(product(lane), operands)))

        for group in range(LANE_GROUPS):
            first = GROUP_LANES * group
            chain = CarryChain()
            for index in range(4):
                add_products(chain, 4 * group + index, first + 3 * index)
            for index in range(2):
                add_sums(chain, 2, 2 * group + index, first + 12 + index)
            add_sums(chain, 3, group, first + 14)
            if group % 2 == 0:
                add_sums(chain, 4, group // 2, first + 15)
            elif group == 1:
                add_sums(chain, 5, 0, first + 15)
            chain.close(m, f"group{group}")

        for register, bits in sums:
            m.d.sync += register.eq(Cat(bits))


def _add(left: Value, right: Value, carry: Value) -> Value:
    """The sum of two words and a bit, from full adders."""
    bits = []
    for a, b in zip(left, right, strict=True):
        bits.append(a ^ b ^ carry)
        carry = (a & b) | (carry & (a ^ b))
    return Cat(*bits, carry)
