"""Sends beats of results to the activation memory instead of to memory."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from arch.isa import ChipPlace, Planes, shapes
from arch.machine import Machine
from hw.results.write_combiner import chip_beat_layout

NARROW = (Planes.ONE, Planes.TWO, Planes.FOUR)
"""Planes of results that stay on chip: those of codes that thresholds make."""


def chip_words_layout(machine: Machine) -> data.StructLayout:
    """Return S words of 16 lanes, where each of them goes, and whether it does."""
    return data.StructLayout({
        "positions": data.ArrayLayout(machine.position_bits, machine.slots),
        "words": data.ArrayLayout(machine.group_lanes, machine.slots),
        "written": machine.slots,
        **shapes(ChipPlace, "groups"),
    })  # fmt: skip


class ChipWriter(wiring.Component):
    """Says where each word of a beat goes: with n = S / P positions in a beat, word w of beat b is

        plane w mod P of position v = b n + w / P of the map, at chip position
        destination + f(v) + (w mod P) * plane_stride

    f(v) = v, or (v >> 1) + (v & 1) * odd_offset if odd_offset is not 0

    and word w of signs is of the position that is w after ``within``, an even one, of the beat.

    Latency: ``latency`` = 3 cycles (planes and columns, offsets, positions). Beats come at least 2
    cycles apart, and each may wait for one cycle at ``o``.

    Members
    -------
    i : ``In(chip_beat_layout)``
    o : ``Out(stream.Signature(chip_words_layout))``
    """

    latency = 3

    def __init__(self, machine: Machine):
        self.machine = machine
        super().__init__({
            "i": In(chip_beat_layout(machine)),
            "o": Out(stream.Signature(chip_words_layout(machine))),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        slots, bits = self.machine.slots, self.machine.position_bits

        def register(name, size=bits):
            return Signal(size, name=name, reset_less=True)

        # First cycle: how far planes and columns lie apart.
        beat = self.i
        place = beat.place
        stride, odd_offset = place.plane_stride[:bits], place.odd_offset[:bits]
        split = odd_offset.any()
        planes = [register(f"plane{i}") for i in range(Planes.FOUR.count)]
        columns = [register(f"column{k}") for k in range(slots)]
        start = register("start")
        came = Signal.like(beat, reset_less=True)
        m.d.sync += [
            came.eq(beat),
            *(plane.eq(step) for plane, step in zip(
                planes, (0, stride, stride << 1, stride + (stride << 1)), strict=True
            )),
        ]  # fmt: skip
        with m.If(split):
            m.d.sync += [
                columns[k].eq((k >> 1) + (odd_offset if k & 1 else 0)) for k in range(slots)
            ]
        with m.Else():
            m.d.sync += [columns[k].eq(k) for k in range(slots)]
        with m.Switch(beat.planes):
            for count in NARROW:
                shift = (slots // count.count).bit_length() - 1
                with m.Case(count):
                    if shift:
                        halved = Cat(Const(0, shift - 1), beat.number)
                        m.d.sync += start.eq(Mux(split, halved, halved << 1))
                    else:  # an odd position is a beat of its own
                        odd = split & beat.number[0]
                        m.d.sync += [
                            start.eq(Mux(split, beat.number >> 1, beat.number)),
                            columns[0].eq(Mux(odd, odd_offset, 0)),
                        ]

        if self.machine.signs:
            with m.If(beat.signs):
                halved = Cat(beat.within[1:], beat.number)
                m.d.sync += start.eq(Mux(split, halved, halved << 1))

        # Second cycle: the first position of the beat, and how far from it its words go.
        first = register("first")
        offsets = [register(f"offset{w}") for w in range(slots)]
        placed = Signal.like(beat, reset_less=True)
        m.d.sync += [placed.eq(came), first.eq(start + came.place.destination)]
        with m.Switch(came.planes):
            for count in NARROW:
                size = count.count
                with m.Case(count):
                    m.d.sync += [
                        offset.eq(columns[w // size] + planes[w % size])
                        for w, offset in enumerate(offsets)
                    ]

        # Third cycle: the positions. They stay until they are taken.
        out = Signal(self.o.payload.shape(), reset_less=True)
        valid = [Signal(name=f"valid{stage}") for stage in range(2)]
        m.d.comb += self.o.payload.eq(out)
        m.d.sync += [valid[0].eq(beat.valid), valid[1].eq(valid[0])]
        with m.If(valid[1]):
            m.d.sync += [
                self.o.valid.eq(1),
                out.written.eq(placed.beat.written),
                out.groups.eq(placed.place.groups),
                *(out.words[w].eq(placed.beat.words[w]) for w in range(slots)),
                *(out.positions[w].eq(first + offsets[w]) for w in range(slots)),
            ]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m
