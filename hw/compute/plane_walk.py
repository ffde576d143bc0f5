"""Walks the pairs of bit-planes that a compute's passes are run for."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.isa import Compute, shapes, width
from arch.machine import Machine

PAIR_FIELDS = ("activation_planes", "weight_planes")


class PlaneWalk(wiring.Component):
    """From the highest pair of planes down to the lowest, as docs/machine.md, section 4, says.

    The walk goes to and fro along the diagonals of equal weight, so each step takes or gives one
    stride of each operand at most, and needs no multiplier and no memory of where a diagonal began.
    It begins and ends a block with the highest pair, whose operands lie where the entries say.

    Timing: ``last`` and the flags tell of the current pair, in the cycle in which a pass is walked.
    ``next`` in t: they are those of the next pair in t + 1, and the distances follow in t + 2: they
    are those of the pass that was walked in the cycle before. A pair may have one pass only.

    Members
    -------
    start : ``In(1)``
        A new compute begins behind the last pair of the one before; its ``fields`` are taken.
    fields : ``In(Compute)``
    next : ``In(1)``
        The current pair's last pass is walked in this cycle.
    last : ``Out(1)``
        It is the last pair.
    turns : ``Out(1)``
        It is the last pair of its weight, and there are lower ones.
    repeats : ``Out(1)``
        It is not the first pair.
    highest : ``Out(1)``
        Of several weight planes, it has the highest.
    positions : ``Out(position_bits)``, words : ``Out(weight_bits)``
        How far its operands lie below those of the highest pair.
    """

    def __init__(self, machine: Machine):
        self.machine = machine
        super().__init__({
            "start": In(1),
            "fields": In(Compute),
            "next": In(1),
            "last": Out(1),
            "turns": Out(1),
            "repeats": Out(1),
            "highest": Out(1),
            "positions": Out(machine.position_bits),
            "words": Out(machine.weight_bits),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        bits = width(Compute, PAIR_FIELDS[0])
        most = [Signal(shape, name=name) for name, shape in shapes(Compute, *PAIR_FIELDS).items()]
        strides = Signal.like(self.positions), Signal.like(self.words)

        # How many planes below the highest one either operand is, and which one goes further down.
        below = Signal(bits, name="activation"), Signal(bits, name="weight")
        downwards = Signal()  # 0: the weights, 1: the activations
        at_top = [each == 0 for each in below]
        at_end = Signal(2)  # from registers, as much waits for it
        further, back = Signal(2), Signal(2)
        turns = Signal()
        for operand in (0, 1):
            other = 1 - operand
            goes = downwards if operand == 0 else ~downwards
            m.d.comb += [
                # Behind the other operand's end the diagonals begin one further down.
                further[operand].eq((goes & ~at_end[operand]) | (~goes & at_end[other])),
                back[operand].eq(~goes & ~at_end[other] & ~at_top[operand]),
            ]
        m.d.comb += [
            # The diagonal ends where one of the two cannot follow.
            turns.eq(
                (downwards & (at_end[0] | at_top[1])) | (~downwards & (at_end[1] | at_top[0]))
            ),
            self.last.eq(at_end[0] & at_end[1]),
            self.turns.eq(turns & ~self.last),
            self.repeats.eq(Cat(*below).any()),
            self.highest.eq(at_top[1] & (most[1] != 0)),
        ]
        with m.If(self.next):
            m.d.sync += downwards.eq((downwards ^ turns) & ~self.last)
            for operand, each in enumerate(below):
                with m.If(self.last):
                    m.d.sync += [each.eq(0), at_end[operand].eq(most[operand] == 0)]
                with m.Elif(further[operand]):
                    m.d.sync += [each.eq(each + 1), at_end[operand].eq(each + 1 == most[operand])]
                with m.Elif(back[operand]):
                    m.d.sync += [each.eq(each - 1), at_end[operand].eq(0)]
        with m.If(self.start):
            m.d.sync += [
                *(each.eq(self.fields[name]) for each, name in zip(most, PAIR_FIELDS, strict=True)),
                at_end.eq(Cat(self.fields[name] == 0 for name in PAIR_FIELDS)),
                strides[0].eq(self.fields.plane_stride),
                strides[1].eq(self.fields.weight_stride),
            ]

        # The distances follow a cycle later.
        ends = Signal()
        m.d.sync += ends.eq(self.next & self.last)
        for operand, (distance, stride) in enumerate(
            zip((self.positions, self.words), strides, strict=True)
        ):
            moves, backwards = Signal(name=f"moves{operand}"), Signal(name=f"backwards{operand}")
            m.d.sync += [
                moves.eq(self.next & (further[operand] | back[operand])),
                backwards.eq(back[operand]),
            ]
            turned = stride ^ backwards.replicate(len(stride))
            with m.If(ends):
                m.d.sync += distance.eq(0)
            with m.Elif(moves):
                m.d.sync += distance.eq(distance + turned + backwards)
        return m
