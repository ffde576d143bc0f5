"""Combines pieces of positions into transfers of the memory port."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import WRITTEN_ADDRESS_BITS
from arch.isa import SUM_PIECES_BITS, Planes
from arch.machine import Machine
from hw.results.output_positions import OnChip, placed_layout


def transfer_layout(machine: Machine) -> data.StructLayout:
    """Return what is written at a time: words of ``rows`` bits, and whether each is written."""
    return data.StructLayout({
        "words": data.ArrayLayout(unsigned(machine.rows), machine.slots),
        "written": machine.slots,
    })  # fmt: skip


def combined_layout(machine: Machine) -> data.StructLayout:
    """Return a transfer on its way to the output buffer.

    ``number`` is its address in transfers. ``follows``: it is the one after the one before;
    ``skips``: it is the next but one, of a machine whose beats have two. ``last``: of its compute.
    """
    return data.StructLayout({
        "valid": 1,
        "number": WRITTEN_ADDRESS_BITS - (machine.transfer_bytes - 1).bit_length(),
        "follows": 1,
        "skips": 1,
        "last": 1,
        "transfer": transfer_layout(machine),
    })  # fmt: skip


def chip_beat_layout(machine: Machine) -> data.StructLayout:
    """Return a beat on its way to the activation memory.

    ``number``: the beat of its map, as P planes of S / P positions each. ``signs``, on machines
    that have them: it begins with position ``within`` of that, and goes on in the next one.
    """
    return data.StructLayout({
        "valid": 1,
        "number": machine.position_bits,
        "planes": Planes,
        "place": OnChip,
        "beat": transfer_layout(machine),
        **({"signs": 1, "within": range(machine.slots)} if machine.signs else {}),
    })  # fmt: skip


class WriteCombiner(wiring.Component):
    """Puts each written piece of P planes into the S words of its transfer:

        word w = plane w mod P, written if w / P = (address mod transfer_bytes) / (P R / 8)

    and joins pieces that come in a row for the same transfer of the same compute. A transfer leaves
    when a piece of another one comes, or one cycle after its compute's last piece.

    A piece of signs is a whole transfer: word w = position w, written if that is inside.

    Latency: ``latency`` = 2 cycles from the piece that makes a transfer leave (arrange, combine); 3
    from the last one of a compute. One piece per cycle. ``address`` must be a multiple of P R / 8.

    Members
    -------
    placed : ``In(placed_layout)``
    combined : ``Out(combined_layout)``
        Never waits: the sequencer has reserved room.
    chip : ``Out(chip_beat_layout)``
        Beats of computes whose results stay on chip; these are not in ``combined``.
    released : ``Out({valid, pieces})``
        All pieces of a capture for memory, ``pieces`` + 1 a column, have become transfers, or the
        one still open.
    settled : ``Out(1)``
        The last beat of a compute for the chip leaves in this cycle.
    computed : ``Out(16)``
        Computes whose last transfer has left here, modulo 2^16.
    """

    latency = 2

    def __init__(self, machine: Machine):
        self.machine = machine
        super().__init__({
            "placed": In(placed_layout(machine)),
            "combined": Out(combined_layout(machine)),
            "chip": Out(chip_beat_layout(machine)),
            "settled": Out(1),
            "released": Out(data.StructLayout({"valid": 1, "pieces": SUM_PIECES_BITS})),
            "computed": Out(16),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        machine, placed = self.machine, self.placed
        slots, rows = machine.slots, machine.rows
        transfer = transfer_layout(machine)
        low_bits = (machine.transfer_bytes - 1).bit_length()
        beat_bits = (machine.beat_bytes // machine.transfer_bytes - 1).bit_length()

        # Stage 1: the planes in their words, and where this transfer lies: in the beat of the one
        # before or in the next beat, and where in its beat.
        number = placed.address[low_bits:WRITTEN_ADDRESS_BITS]
        slot = placed.address[(machine.plane_bytes - 1).bit_length() : low_bits]
        arranged = Signal(transfer, reset_less=True)
        arranged_number = Signal.like(number, reset_less=True)
        beat, within = number[beat_bits:], number[:beat_bits]
        beat_after = Signal.like(beat, reset_less=True)
        here, ends, last = Signal(), Signal(), Signal()
        pieces = Signal(SUM_PIECES_BITS, reset_less=True)
        same_beat, next_beat = Signal(), Signal()
        moved = Signal(beat_bits)  # to the other place in its beat
        together = len(placed.codes[0])
        planes = [Cat(placed.codes[row][i] for row in range(rows)) for i in range(together)]
        with m.Switch(placed.planes):
            for count in (planes for planes in Planes if planes.count <= together):
                size = count.count
                with m.Case(count):
                    m.d.sync += [
                        *(arranged.words[w].eq(planes[w % size]) for w in range(slots)),
                        arranged.written.eq(
                            Cat(slot[count.value :] == w // size for w in range(slots))
                        ),
                    ]
        if machine.signs:
            with m.If(placed.signs):
                m.d.sync += [
                    *(arranged.words[w].eq(planes[w]) for w in range(slots)),
                    arranged.written.eq(placed.inside),
                ]
        m.d.sync += [
            here.eq(placed.valid & placed.written),
            ends.eq(placed.valid & placed.ends),
            last.eq(placed.valid & placed.last),
            pieces.eq(placed.pieces),
            same_beat.eq(beat == arranged_number[beat_bits:]),
            next_beat.eq(beat == beat_after),
            moved.eq(within ^ arranged_number[:beat_bits]),
        ]
        on_chip = Signal()
        placed_planes, place = Signal(Planes, reset_less=True), Signal(OnChip, reset_less=True)
        if machine.keeps_results:
            m.d.sync += [
                on_chip.eq(placed.on_chip),
                placed_planes.eq(placed.planes),
                place.eq(placed.place),
            ]
        with m.If(placed.valid & placed.written):
            m.d.sync += [arranged_number.eq(number), beat_after.eq(beat + 1)]
        same = same_beat & ~moved.any()
        if machine.signs:
            signs, within = Signal(), Signal(range(slots), reset_less=True)
            m.d.sync += [signs.eq(placed.signs), within.eq(slot)]
            # A beat for the chip says where it begins, and two that overlap are two.
            same &= ~(signs & on_chip)
        skips = next_beat & ~moved.any() if beat_bits else Const(0)
        # Upwards within the beat, or from its end to the next one's start.
        follows = (
            Mux(arranged_number[:beat_bits].any(), same_beat, next_beat) & moved.any()
            if beat_bits
            else next_beat
        )

        # Stage 2: the open transfer. It is closed in the cycle after its compute's last piece.
        out, chip = self.combined, self.chip
        opened, closing, leaves = Signal(), Signal(), Signal()
        open_on_chip = Signal()
        fresh = Signal()
        open_transfer = Signal(transfer, reset_less=True)
        open_number = Signal.like(number, reset_less=True)
        m.d.comb += [
            out.transfer.eq(open_transfer),
            out.number.eq(open_number),
            fresh.eq(~opened | closing | ~same),
            leaves.eq(opened & (closing | (here & ~same))),
            out.valid.eq(leaves & ~open_on_chip),
            out.last.eq(closing),
            self.released.valid.eq(ends & ~on_chip),
            self.released.pieces.eq(pieces),
            chip.valid.eq(leaves & open_on_chip),
            chip.number.eq(open_number),
            chip.beat.eq(open_transfer),
            self.settled.eq(closing & open_on_chip),
        ]
        m.d.sync += closing.eq(last)
        with m.If(here):
            m.d.sync += [
                opened.eq(1),
                open_transfer.written.eq(Mux(fresh, 0, open_transfer.written) | arranged.written),
            ]
            for w in range(slots):
                with m.If(arranged.written[w]):
                    m.d.sync += open_transfer.words[w].eq(arranged.words[w])
            with m.If(fresh):
                m.d.sync += [
                    open_number.eq(arranged_number),
                    out.follows.eq(follows),
                    out.skips.eq(skips),
                ]
                if machine.keeps_results:
                    m.d.sync += [
                        open_on_chip.eq(on_chip),
                        chip.planes.eq(placed_planes),
                        chip.place.eq(place),
                    ]
                    if machine.signs:
                        m.d.sync += [chip.signs.eq(signs), chip.within.eq(within)]
        with m.Elif(closing):
            m.d.sync += opened.eq(0)
        with m.If(closing):
            m.d.sync += self.computed.eq(self.computed + 1)
        return m
