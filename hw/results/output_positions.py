"""Counts positions: which pieces are written, and where."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from arch.formats import ADDRESS_BITS
from arch.isa import (
    CHIP_PLACE_FIELDS,
    SUM_PIECES_BITS,
    ChipPlace,
    Compute,
    Planes,
    subset,
    width,
)
from arch.machine import Machine
from hw.results.capture import TAG_DEPTH, placement_layout
from hw.results.running_maximum import codes_layout, larger, piece_layout, planes_layout
from hw.streams.short_queue import ShortQueue

OnChip = subset(ChipPlace, "destination", "plane_stride", "odd_offset", "groups")
"""What is left of a chip place once positions have been counted."""


def placed_layout(machine: Machine) -> data.StructLayout:
    """Return a piece with its address.

    ``written``: it goes to memory, or with ``on_chip`` to ``place``: then its address is 2 P times
    the position v of its map. ``signs``, on machines that have them: the piece is of the ``slots``
    positions from there on, of which those in ``inside`` are written. ``valid`` without
    ``written``: only ``ends``, ``pieces`` and ``last`` mean something.
    """
    return data.StructLayout({
        "valid": 1,
        "written": 1,
        "address": ADDRESS_BITS,
        "planes": Planes,
        "on_chip": 1,
        "place": OnChip,
        "pieces": SUM_PIECES_BITS,
        "ends": 1,
        "last": 1,
        "codes": planes_layout(machine),
        **({"signs": 1, "inside": machine.slots} if machine.signs else {}),
    })  # fmt: skip


class Positions(wiring.Component):
    """Per column that leaves: position (y, x), then x + 1, or (y + 1, 0) after x = row_length - 1.

        written = x < width and y < height and (x odd if pair)
        address = placement.address + y * row_bytes + (x >> pair) * position_bytes + P R / 8 * piece
        on chip:  2 P (y * 2 * row_pairs + (x >> pair) * (1 + apart))
        codes   = max(codes at x - 1, codes) if pair else codes

    Signs come S positions at a time: x + S in the place of x + 1, and S places on.

    Latency: ``latency`` = 2 cycles (count, address). One piece per cycle, also from the last of a
    compute to the first of the next one. A placement must come at least 4 cycles before its first
    piece, and a compute has at least 4 pieces.

    Members
    -------
    placements : ``In(stream.Signature(placement_layout))``
        Up to ``TAG_DEPTH`` wait here.
    pieces : ``In(piece_layout)``
    placed : ``Out(placed_layout)``
    """

    latency = 2

    def __init__(self, machine: Machine):
        self.machine = machine
        super().__init__({
            "placements": In(stream.Signature(placement_layout(machine))),
            "pieces": In(piece_layout(machine)),
            "placed": Out(placed_layout(machine)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.waiting = waiting = ShortQueue(placement_layout(self.machine), TAG_DEPTH)
        connect(m, flipped(self.placements), waiting.i)
        head = waiting.o.payload

        # A placement's fields are taken by each stage in its own cycle, so that the stages behind
        # can still work with the one before.
        pieces = self.pieces
        placing = Signal()
        take_count, take_address, take_piece = Signal(), Signal(), Signal()
        m.d.comb += [
            take_count.eq(
                waiting.o.valid
                & ~take_address
                & ~take_piece
                & (~placing | (pieces.valid & pieces.last))
            ),
            waiting.o.ready.eq(take_piece),
        ]
        m.d.sync += [take_address.eq(take_count), take_piece.eq(take_address)]
        with m.If(take_count):
            m.d.sync += placing.eq(1)
        with m.Elif(pieces.valid & pieces.last):
            m.d.sync += placing.eq(0)

        # Stage 1: the position.
        pair = Signal()
        signs = Signal() if self.machine.signs else None
        slots = self.machine.slots

        def at_once(signs: Value | None) -> Value | int:
            """Positions of a piece."""
            return 1 if signs is None else Mux(signs, slots, 1)

        row_last, kept_width, height, x, y = (
            Signal(width(Compute, field), name=name, reset_less=True)
            for name, field in (
                ("row_last", "row_length"),
                ("width", "width"),
                ("height", "height"),
                ("x", "row_length"),
                ("y", "height"),
            )
        )
        counted = Signal.like(pieces)  # all but its codes
        counted_codes = Signal(planes_layout(self.machine), reset_less=True)
        row_ends, forward, inside = Signal(), Signal(), Signal()
        leaves = pieces.valid & pieces.starts & pieces.leaves
        at_end = x == row_last
        before = Signal(codes_layout(self.machine), reset_less=True)
        with m.If(leaves):
            m.d.sync += [
                x.eq(Mux(at_end, 0, x + at_once(signs))),
                y.eq(y + at_end),
                *(kept.eq(code) for kept, code in zip(before, pieces.codes, strict=True)),
            ]
        with m.If(take_count):
            m.d.sync += [
                pair.eq(head.pair),
                row_last.eq(head.row_length - at_once(None if signs is None else head.signs)),
                kept_width.eq(head.width),
                height.eq(head.height),
                x.eq(0),
                y.eq(0),
            ]
        complete = ~pair | x[0]
        m.d.sync += [
            *(
                counted[name].eq(pieces[name])
                for name in ("valid", "starts", "pieces", "ends", "last")
            ),
            counted_codes.eq(pieces.codes),
            row_ends.eq(leaves & at_end),
            forward.eq(leaves & complete),
            inside.eq(leaves & complete & (x < kept_width) & (y < height)),
        ]
        if signs is not None:
            columns_inside = Signal(slots, reset_less=True)
            left = Signal(len(kept_width))
            m.d.comb += left.eq(kept_width - x)  # where the first one is inside
            with m.If(take_count):
                m.d.sync += signs.eq(head.signs)
            m.d.sync += columns_inside.eq(Cat(left > column for column in range(slots)))
        with m.If(pair & x[0]):
            m.d.sync += [
                code.eq(greater)
                for code, greater in zip(counted_codes, larger(before, pieces.codes), strict=True)
            ]

        # Stage 2: the address.
        row, here, row_bytes, position_bytes = (
            Signal(width(Compute, field), name=name, reset_less=True)
            for name, field in (
                ("row", "address"),
                ("here", "address"),
                ("row_bytes", "row_bytes"),
                ("position_bytes", "position_bytes"),
            )
        )
        next_row = (row + row_bytes)[:ADDRESS_BITS]
        place = data.View(ChipPlace, Cat(head[name] for name in CHIP_PLACE_FIELDS))
        with m.If(take_address):
            m.d.sync += [
                row.eq(head.address),
                here.eq(head.address),
                row_bytes.eq(head.row_bytes),
                position_bytes.eq(head.position_bytes),
            ]
            if signs is not None:
                with m.If(head.signs):
                    m.d.sync += position_bytes.eq(self.machine.transfer_bytes)
            if self.machine.keeps_results:
                with m.If(head.on_chip):
                    size = head.planes.as_value()
                    m.d.sync += [
                        row.eq(0),
                        here.eq(0),
                        row_bytes.eq(place.row_pairs << 2 << size),
                        position_bytes.eq((place.apart + 1) << 1 << size),
                    ]
                    if signs is not None:
                        with m.If(head.signs):
                            m.d.sync += position_bytes.eq(2 * slots)
        with m.Elif(row_ends):
            m.d.sync += [row.eq(next_row), here.eq(next_row)]
        with m.Elif(forward):
            m.d.sync += here.eq(here + position_bytes)

        placed, machine = self.placed, self.machine
        step = Mux(placed.planes == Planes.EIGHT, machine.transfer_bytes, machine.piece_bytes)
        address = Signal(ADDRESS_BITS, reset_less=True)
        codes = Signal(planes_layout(self.machine), reset_less=True)
        m.d.comb += [placed.address.eq(address), placed.codes.eq(codes)]
        with m.If(take_piece):
            m.d.sync += placed.planes.eq(head.planes)
            if self.machine.keeps_results:
                m.d.sync += [
                    placed.on_chip.eq(head.on_chip),
                    *(placed.place[name].eq(place[name]) for name, _ in OnChip),
                ]
        if signs is not None:
            m.d.sync += placed.inside.eq(columns_inside)
            with m.If(take_piece):
                m.d.sync += placed.signs.eq(head.signs)
        m.d.sync += [
            placed.valid.eq(counted.valid),
            placed.pieces.eq(counted.pieces),
            placed.ends.eq(counted.valid & counted.ends),
            placed.last.eq(counted.valid & counted.last),
            codes.eq(counted_codes),
        ]
        with m.If(counted.valid):
            with m.If(counted.starts):
                m.d.sync += [placed.written.eq(inside), address.eq(here)]
            with m.Else():
                m.d.sync += address.eq(address + step)
                # The same codes again: they are only slow.
                with m.If(placed.on_chip if signs is None else placed.on_chip | placed.signs):
                    m.d.sync += placed.written.eq(0)
        return m
