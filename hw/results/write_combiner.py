"""Combines pieces of positions into beats of the memory port."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import CODE_BITS, WRITTEN_ADDRESS_BITS
from arch.isa import SUM_PIECES_BITS, Planes
from arch.machine import Machine
from hw.results.output_positions import placed_layout


def beat_layout(machine: Machine) -> data.StructLayout:
    """Return a beat as it is buffered: per 16-bit word, ``rows`` bits and whether it is written."""
    return data.StructLayout({
        "words": data.ArrayLayout(unsigned(machine.rows), machine.slots),
        "written": machine.slots,
    })  # fmt: skip


def combined_layout(machine: Machine) -> data.StructLayout:
    """Return a beat on its way to the output buffer.

    ``number`` is its address in beats. ``follows``: it is the beat after the one before. ``last``:
    of its compute. A machine of 8 rows writes one byte of each word: the high one with
    ``upper_half``, in all beats of a compute.
    """
    return data.StructLayout({
        "valid": 1,
        "number": WRITTEN_ADDRESS_BITS - (machine.beat_bytes - 1).bit_length(),
        "follows": 1,
        "last": 1,
        "upper_half": 1,
        "beat": beat_layout(machine),
    })  # fmt: skip


class WriteCombiner(wiring.Component):
    """Puts each written piece of P planes into the words of its beat:

        word w of the beat = plane w mod P, written if w / P = (address mod beat_bytes) / (2 P)

    and joins pieces that come in a row for the same beat of the same compute. A beat leaves when a
    piece of another beat comes, or one cycle after its compute's last piece.

    Latency: ``latency`` = 2 cycles from the piece that makes a beat leave (arrange, combine); 3
    from the last one of a compute. One piece per cycle. ``address`` must be a multiple of 2 P.

    Members
    -------
    placed : ``In(placed_layout)``
    combined : ``Out(combined_layout)``
        Never waits: the sequencer has reserved room.
    released : ``Out({valid, pieces})``
        All pieces of a capture, ``pieces`` + 1 a column, have become beats, or the one beat still
        open.
    computed : ``Out(16)``
        Computes whose last beat has left here, modulo 2^16.
    """

    latency = 2

    def __init__(self, machine: Machine):
        self.machine = machine
        super().__init__({
            "placed": In(placed_layout(machine)),
            "combined": Out(combined_layout(machine)),
            "released": Out(data.StructLayout({"valid": 1, "pieces": SUM_PIECES_BITS})),
            "computed": Out(16),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        machine, placed = self.machine, self.placed
        slots, rows = machine.slots, machine.rows
        beat = beat_layout(machine)
        low_bits = (machine.beat_bytes - 1).bit_length()

        # Stage 1: the planes in their words, and whether this beat is the one before or follows it.
        number = placed.address[low_bits:WRITTEN_ADDRESS_BITS]
        slot = placed.address[1:low_bits]
        arranged = Signal(beat, reset_less=True)
        arranged_number = Signal.like(number, reset_less=True)
        number_after = Signal.like(number, reset_less=True)
        upper_half = Signal(reset_less=True)
        here, ends, last = Signal(), Signal(), Signal()
        pieces = Signal(SUM_PIECES_BITS, reset_less=True)
        same, follows = Signal(), Signal()
        planes = [Cat(placed.codes[row][i] for row in range(rows)) for i in range(CODE_BITS)]
        with m.Switch(placed.planes):
            for count in (planes for planes in Planes if planes.count <= CODE_BITS):
                size = count.count
                with m.Case(count):
                    m.d.sync += [
                        *(arranged.words[w].eq(planes[w % size]) for w in range(slots)),
                        arranged.written.eq(
                            Cat(slot[count.value :] == w // size for w in range(slots))
                        ),
                    ]
        m.d.sync += [
            upper_half.eq(placed.upper_half),
            here.eq(placed.valid & placed.written),
            ends.eq(placed.valid & placed.ends),
            last.eq(placed.valid & placed.last),
            pieces.eq(placed.pieces),
            same.eq(number == arranged_number),
            follows.eq(number == number_after),
        ]
        with m.If(placed.valid & placed.written):
            m.d.sync += [arranged_number.eq(number), number_after.eq(number + 1)]

        # Stage 2: the open beat. It is closed in the cycle after its compute's last piece.
        out = self.combined
        opened, closing = Signal(), Signal()
        fresh = Signal()
        open_beat = Signal(beat, reset_less=True)
        open_number = Signal.like(number, reset_less=True)
        open_upper_half = Signal(reset_less=True)
        m.d.comb += [
            out.beat.eq(open_beat),
            out.number.eq(open_number),
            out.upper_half.eq(open_upper_half),
            fresh.eq(~opened | closing | ~same),
            out.valid.eq(opened & (closing | (here & ~same))),
            out.last.eq(closing),
            self.released.valid.eq(ends),
            self.released.pieces.eq(pieces),
        ]
        m.d.sync += closing.eq(last)
        with m.If(here):
            m.d.sync += [
                opened.eq(1),
                open_beat.written.eq(Mux(fresh, 0, open_beat.written) | arranged.written),
            ]
            for w in range(slots):
                with m.If(arranged.written[w]):
                    m.d.sync += open_beat.words[w].eq(arranged.words[w])
            with m.If(fresh):
                m.d.sync += [
                    open_number.eq(arranged_number),
                    open_upper_half.eq(upper_half),
                    out.follows.eq(follows),
                ]
        with m.Elif(closing):
            m.d.sync += opened.eq(0)
        with m.If(closing):
            m.d.sync += self.computed.eq(self.computed + 1)
        return m
