"""Walks a compute's blocks and table entries: one pass of the array per cycle."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from arch.errors import ConfigurationError
from arch.isa import SUM_PIECES_BITS, Compute, Planes, width
from arch.machine import Machine
from hw.compute.plane_walk import PlaneWalk
from hw.memories.pass_table import PassTable, entry_layout
from hw.results.capture import (
    PLACEMENT_FIELDS,
    TAG_DEPTH,
    TAG_FIELDS,
    capture_tag,
    placement_layout,
)
from hw.results.wide_codes import WIDE_PIECES
from hw.streams.catch_queue import CatchQueue
from hw.streams.delay import delayed


def step_layout(machine: Machine) -> data.StructLayout:
    """Return one pass before its addresses are added up; ``after`` is ``base + columns``.

    ``pieces``: in how many cycles its sums leave, if it captures, minus 1 (codes: 0). ``signs``, on
    machines that have them: their signs leave.
    """
    return data.StructLayout({
        "valid": 1,
        "pieces": SUM_PIECES_BITS,
        "base": machine.position_bits,
        "after": machine.position_bits,
        "weight_base": machine.weight_bits,
        "entry": entry_layout(machine),
        **dict.fromkeys(("signs",) if machine.signs else (), 1),
    })  # fmt: skip


def walked_layout(machine: Machine) -> data.StructLayout:
    """Return a pass that waits to be issued."""
    return data.StructLayout({
        "base": machine.position_bits,
        "weight_base": machine.weight_bits,
        "tag": capture_tag(machine),
        "on_chip": 1,
        "entry": entry_layout(machine),
    })  # fmt: skip


WIDE_SETTLES = 16
"""Cycles by which a capture comes later after one with wide codes, unless it has them too."""
AHEAD = 16
"""Passes that may be walked and not yet on their way to the issue: one LUT RAM."""


class Sequencer(wiring.Component):
    """Issues the passes of docs/machine.md, section 4, in order:

        for by, bx, pair, e:   base = source + by * source_step + bx * C,   entry = table[e]

    with the base moved to the pair's planes, the weight base likewise.

    Timing. Compute n is taken in cycle T(n); pass j is walked (its entry is asked for) in cycle
    W(j), leaves the queue behind the table in cycle P(j), and is *issued* (``step.valid``) in I(j):

        T(n) = max(S(n) + 1, W(last pass of n - 1)),    S(n) > T(n - 1)
        W(j) = max(W(j - 1) + 1, P(j - AHEAD) + 1)      (first pass of n: T(n) for W(j - 1))
        P(j) = max(W(j) + 3, I(j - 1))
        I(j) = max(P(j) + 1, G(j))

    * S(n) is the first cycle after T(n - 1) in which compute n is at ``computes``,
      loads - after_load (modulo 2^16) < 2^15, ``placements.ready``, and with ``after_results`` as
      many computes with ``on_chip`` are settled, up to the cycle before, as have been taken. With
      nothing under way its first pass is issued in S(n) + START.
    * G(j), for a capture only, is the later of: the cycle of the capture before it, of any compute,
      + C for each cycle that its columns stay (raw: ``raw_cycles``; ``on_chip``: one for each
      piece; wide codes: wide_cycles; of signs a turn stays, sum_pieces + 1 cycles, and there are
      ``sign_turns``), and + WIDE_SETTLES if that one has wide codes and this one
      has none; and the first cycle with room: two cycles before, at least C (raw or wide:
      C * raw_chunks, however many its pieces are) + 1 beats of the output buffer were neither
      filled nor reserved. A capture reserves C beats (raw: C for each cycle; wide: 2 C) from the
      cycle after its issue until ``released``. With ``on_chip`` it needs no room and reserves none.

    So passes are issued without a bubble, in a compute and from one to the next, if S(n) comes in
    time; only captures wait, in front of themselves.

    Members
    -------
    computes : ``In(stream.Signature(Compute))``
    loads : ``In(16)``
        Loads complete, modulo 2^16.
    table_address : ``Out(table_bits)``, entry : ``In(entry_layout)``
        To and from :class:`hw.memories.pass_table.PassTable`.
    step : ``Out(step_layout)``
    tags : ``Out(stream.Signature(capture_tag))``
        One per capture, in its issue cycle. Never waits: the queue behind it holds what can be
        under way.
    placements : ``Out(stream.Signature(placement_layout))``
        One per compute, when it is taken.
    released : ``In({valid, pieces})``
        The last column of a capture for memory, of so many pieces + 1, is in the output buffer.
    settled : ``In(1)``
        Results of one more compute for the chip are on their way there, too late for no pass of a
        compute that is taken from now on.
    buffered : ``In(range(output_beats + 1))``
        Beats in the output buffer.
    waiting_load, waiting_output, waiting_drain : ``Out(1)``
        The next compute waits for a load, and nothing is left to issue; a capture waits for room in
        the output buffer; a capture waits for the results of the one before to leave the array.
    """

    START = 6

    def __init__(self, machine: Machine):
        self.machine = machine
        super().__init__({
            "computes": In(stream.Signature(Compute)),
            "loads": In(16),
            "table_address": Out(machine.table_bits),
            "entry": In(entry_layout(machine)),
            "step": Out(step_layout(machine)),
            "tags": Out(stream.Signature(capture_tag(machine))),
            "placements": Out(stream.Signature(placement_layout(machine))),
            "settled": In(1),
            "released": In(data.StructLayout({"valid": 1, "pieces": SUM_PIECES_BITS})),
            "buffered": In(range(machine.output_beats + 1)),
            "waiting_load": Out(1),
            "waiting_output": Out(1),
            "waiting_drain": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        machine = self.machine
        if machine.output_beats <= machine.write_burst + machine.block_beats:
            raise ConfigurationError(
                f"machine {machine.name!r}: output_beats must be more than write_burst and one raw "
                f"block ({machine.write_burst + machine.block_beats}), not {machine.output_beats}"
            )
        m = Module()
        compute = self.computes.payload
        positions, words = machine.position_bits, machine.weight_bits
        m.submodules.queue = queue = CatchQueue(walked_layout(machine), PassTable.latency, AHEAD)
        m.submodules.planes = planes = PlaneWalk(machine)

        # Whether the compute at the head may start.
        late = Signal(16)
        met, blocked = Signal(), Signal()
        start = Signal()
        running, step, ending = Signal(), Signal(), Signal()
        m.d.comb += [
            late.eq(self.loads - compute.after_load),
            start.eq(met & (~running | ending)),
            self.computes.ready.eq(start),
        ]
        kept = compute.on_chip & int(machine.keeps_results)
        unsettled = Signal()  # by results for the chip that passes could miss
        if machine.keeps_results:
            pending = Signal(range(TAG_DEPTH + 2))
            m.d.sync += pending.eq(pending + (start & compute.on_chip) - self.settled)
            m.d.comb += unsettled.eq(compute.after_results & pending.any())
        m.d.sync += [
            met.eq(self.computes.valid & ~start & ~late[15] & self.placements.ready & ~unsettled),
            blocked.eq(self.computes.valid & ~start & late[15]),
        ]

        # The walk.
        entry = Signal(machine.table_bits)
        first_entry, last_but_one = Signal.like(entry), Signal.like(entry)
        span_ends, single = Signal(), Signal()  # of one entry only
        base, row_base, row_step = Signal(positions), Signal(positions), Signal(positions)
        across, down = width(Compute, "row_blocks"), width(Compute, "block_rows")
        blocks, blocks_left, rows_left = Signal(across), Signal(across), Signal(down)
        weight_base = Signal(words)
        tag, on_chip = Signal(capture_tag(machine)), Signal()
        mode = Value.cast(compute.post_mode)
        wide = mode.any() if machine.wide_rows else Const(0)
        # An even number of pieces, where two are a transfer.
        twos = machine.pieces_together > 1
        together = compute.raw & compute.sum_pieces[0] if twos else Const(0)
        # No bits of codes, and no other way to make them.
        stretched = compute.raw | kept  # results take as long as sum_pieces says
        if machine.signs:
            signs = ~compute.raw & ~wide & (compute.code_bits == 0)
            stretched |= signs
        eight = wide & (compute.planes == Planes.EIGHT)
        block_ends, row_ends = Signal(), Signal()
        doubles = Signal()
        next_row = (row_base + row_step)[:positions]
        m.d.comb += [
            step.eq(running & queue.ready),
            block_ends.eq(span_ends & planes.last),
            row_ends.eq(blocks_left == 1),
            ending.eq(step & block_ends & row_ends & (rows_left == 1)),
            planes.start.eq(start),
            planes.fields.eq(compute),
            planes.next.eq(step & span_ends),
        ]
        with m.If(start):
            m.d.sync += [
                running.eq(1),
                entry.eq(compute.table_start),
                first_entry.eq(compute.table_start),
                last_but_one.eq(compute.table_last - 1),
                single.eq(compute.table_start == compute.table_last),
                span_ends.eq(compute.table_start == compute.table_last),
                base.eq(compute.source),
                row_base.eq(compute.source),
                row_step.eq(compute.source_step),
                blocks.eq(compute.row_blocks),
                blocks_left.eq(compute.row_blocks),
                rows_left.eq(compute.block_rows),
                weight_base.eq(compute.weight_base),
                *(tag[name].eq(compute[name]) for name in TAG_FIELDS),
                *([tag.together.eq(together)] if twos else []),
                tag.sum_pieces.eq(
                    Mux(
                        stretched,
                        Mux(together, compute.sum_pieces >> 1, compute.sum_pieces),
                        Mux(wide, machine.wide_cycles - 1, 0),
                    )
                ),
            ]
            if machine.signs:
                m.d.sync += [tag.raw.eq(compute.raw | signs), tag.signs.eq(signs)]
                if twos:
                    m.d.sync += tag.together.eq(together | signs)
            if machine.keeps_results:
                m.d.sync += on_chip.eq(kept)
            if machine.wide_rows:
                m.d.sync += [
                    tag.wide.eq(wide),
                    tag.looks_up.eq(mode[1:].any()),
                    tag.adds.eq(mode[2]),
                    tag.table.eq(mode[0]),
                    tag.eight.eq(eight),
                ]
        with m.Elif(step):
            m.d.sync += [
                running.eq(~ending),
                entry.eq(Mux(span_ends, first_entry, entry + 1)),
                span_ends.eq(Mux(span_ends, single, entry == last_but_one)),
            ]
            with m.If(block_ends):
                m.d.sync += [
                    base.eq(base + machine.columns),
                    blocks_left.eq(blocks_left - 1),
                ]
                with m.If(row_ends):
                    m.d.sync += [
                        base.eq(next_row),
                        row_base.eq(next_row),
                        blocks_left.eq(blocks),
                        rows_left.eq(rows_left - 1),
                    ]
        m.d.comb += [
            self.placements.valid.eq(start),
            self.placements.payload.pair.eq(compute.pair & ~compute.raw),
            self.placements.payload.planes.eq(
                Mux(together, Planes.EIGHT, Mux(compute.raw | eight, Planes.FOUR, compute.planes))
            ),
            *(
                self.placements.payload[name].eq(compute[name])
                for name in PLACEMENT_FIELDS
                if name not in ("pair", "planes")
            ),
            *([self.placements.payload.signs.eq(signs)] if machine.signs else []),
        ]

        with m.If(step):
            m.d.sync += doubles.eq(span_ends & planes.turns)

        # The entry, and what belongs to it, meet in the queue. The pair's planes are known a cycle
        # after the walk, and in the next one the sums.
        walked = Signal(walked_layout(machine))
        pair = Signal(data.StructLayout({"doubles": 1, "repeats": 1, "highest": 1, "last": 1}))
        moved = Signal(positions, reset_less=True), Signal(words, reset_less=True)
        m.d.sync += [
            moved[0].eq(delayed(m, base, 1, "base", reset_less=True) - planes.positions),
            moved[1].eq(delayed(m, weight_base, 1, "weight_base", reset_less=True) - planes.words),
        ]
        m.d.comb += [
            self.table_address.eq(entry),
            queue.ask.eq(step),
            pair.doubles.eq(doubles),
            pair.repeats.eq(planes.repeats),
            pair.highest.eq(planes.highest),
            pair.last.eq(planes.last),
            walked.tag.eq(tag),
            walked.tag.last.eq(ending),
            walked.on_chip.eq(on_chip),
        ]
        entered, pair = queue.payload, delayed(m, pair, PassTable.latency, "pair", reset_less=True)
        m.d.comb += [
            entered.eq(delayed(m, walked, PassTable.latency, "walked", reset_less=True)),
            entered.base.eq(moved[0]),
            entered.weight_base.eq(moved[1]),
            entered.entry.eq(self.entry),
            entered.entry.clear.eq(self.entry.clear & ~pair.repeats),
            entered.entry.double.eq(self.entry.double | pair.doubles),
            entered.entry.capture.eq(self.entry.capture & pair.last),
            *(
                seen.ones.eq(group.ones & ~pair.highest)
                for seen, group in zip(entered.entry.group, self.entry.group, strict=True)
            ),
        ]

        # The issue. A capture waits until the one before has left the array and there is room.
        now = Signal(walked_layout(machine), reset_less=True)
        after = Signal(positions, reset_less=True)
        filled, go, capture = Signal(), Signal(), Signal()
        left = Signal(init=1)  # results of the capture before have left the array
        gap = Signal(machine.column_bits + SUM_PIECES_BITS)
        room_codes, room_raw = Signal(init=1), Signal(init=1)
        # Wide codes are made in more stages: others must not overtake them.
        is_wide = now.tag.wide if machine.wide_rows else Const(0)
        settled, settling = Signal(init=1), Signal(range(WIDE_SETTLES))
        open_now = left & (settled | is_wide)
        beats = Mux(is_wide, WIDE_PIECES - 1, now.tag.sum_pieces)
        room = now.on_chip | Mux(now.tag.raw | is_wide, room_raw, room_codes)
        waits = filled & now.entry.capture
        m.d.comb += queue.o.ready.eq(~filled | go)
        with m.If(queue.o.ready):
            m.d.sync += [
                filled.eq(queue.o.valid),
                now.eq(queue.o.payload),
                after.eq(queue.o.payload.base + machine.columns),
            ]
        m.d.comb += [
            go.eq(filled & (~now.entry.capture | (open_now & room))),
            capture.eq(waits & open_now & room),
            self.step.valid.eq(go),
            self.step.pieces.eq(now.tag.sum_pieces),
            self.step.base.eq(now.base),
            self.step.after.eq(after),
            self.step.weight_base.eq(now.weight_base),
            self.step.entry.eq(now.entry),
            *([self.step.signs.eq(now.tag.signs)] if machine.signs else []),
            self.tags.valid.eq(capture),
            self.tags.payload.eq(now.tag),
            self.tags.payload.pool_first.eq(now.entry.pool_first),
            self.tags.payload.pool_last.eq(now.entry.pool_last),
            self.waiting_drain.eq(waits & ~open_now),
            self.waiting_output.eq(waits & open_now & ~room),
            self.waiting_load.eq(blocked & ~running & ~filled),
        ]
        # C * (sum_pieces + 1) - 2; C is a power of two. So is the number of turns.
        stays = Cat(Const(machine.columns - 2, machine.column_bits), now.tag.sum_pieces)
        if machine.signs:
            turns = machine.sign_turns
            if turns == 1:
                signs_stay = (now.tag.sum_pieces - 1)[:SUM_PIECES_BITS]
            else:
                signs_stay = Cat(Const(turns - 2, turns.bit_length() - 1), now.tag.sum_pieces)
            stays = Mux(now.tag.signs, signs_stay, stays)
        with m.If(capture):
            m.d.sync += [left.eq(0), gap.eq(stays)]
        with m.Elif(gap == 0):
            m.d.sync += left.eq(1)
        with m.Else():
            m.d.sync += gap.eq(gap - 1)
        if machine.wide_rows:
            with m.If(capture):
                m.d.sync += [settled.eq(~is_wide), settling.eq(WIDE_SETTLES - 1)]
            with m.Elif(left & ~settled):
                m.d.sync += [settling.eq(settling - 1), settled.eq(settling == 0)]

        # Beats that captures on their way may still fill; one more for the beat being combined.
        reserved = Signal.like(self.buffered)
        used = Signal(range(2 * machine.output_beats + 1))
        taken = Mux(capture & ~now.on_chip, beats + 1, 0) << machine.column_bits
        freed = Mux(self.released.valid, self.released.pieces + 1, 0) << machine.column_bits
        m.d.sync += [
            reserved.eq(reserved + taken - freed),
            used.eq(reserved + self.buffered),
            room_codes.eq(used < machine.output_beats - machine.columns),
            room_raw.eq(used < machine.output_beats - machine.block_beats),
        ]
        return m
