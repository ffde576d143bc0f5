"""Lets raw sums leave in pieces of four planes, in line with the codes."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import RAW_CHUNK_PLANES
from arch.machine import Machine
from hw.memories.lut_ram import WORDS, padded
from hw.results.running_maximum import RunningMaximum, codes_layout, column_layout
from hw.results.threshold_search import ThresholdSearch


def piece_layout(machine: Machine) -> data.StructLayout:
    """Return four planes of a column: its codes, or one chunk of its sums.

    ``starts``: it is the column's first piece. ``leaves``: the column goes on. ``ends``: it is the
    last piece of a capture (of a raw one: ``raw``); ``last``: of its compute.
    """
    return data.StructLayout({
        "valid": 1,
        "starts": 1,
        "leaves": 1,
        "raw": 1,
        "ends": 1,
        "last": 1,
        "codes": codes_layout(machine),
    })  # fmt: skip


class RawSums(wiring.Component):
    """Passes codes on; of a raw column sends planes 4k..4k+3 of its totals, k = 0..raw_chunks - 1.

    Latency: ``latency`` = 1 cycle. A column of codes is one piece; the raw columns of a capture
    that starts in t are pieces without a gap: piece k of column c in t + 1 + c * raw_chunks + k. No
    column may come before these are through: captures after a raw one are C * raw_chunks cycles
    apart.

    Members
    -------
    totals : ``In(ArrayLayout(sum_bits, rows))``
    keep : ``In(1)``
        ``totals`` is a raw column; ``TOTAL_LEAD`` cycles before it comes at ``columns``.
    columns : ``In(column_layout)``
    pieces : ``Out(piece_layout)``
    """

    latency = 1
    TOTAL_LEAD = ThresholdSearch.latency + RunningMaximum.latency - ThresholdSearch.total_latency

    def __init__(self, machine: Machine):
        self.machine = machine
        super().__init__({
            "totals": In(data.ArrayLayout(unsigned(machine.sum_bits), machine.rows)),
            "keep": In(1),
            "columns": In(column_layout(machine)),
            "pieces": Out(piece_layout(machine)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        chunks, columns = self.machine.raw_chunks, self.machine.columns

        # A column is read last TOTAL_LEAD + c * (raw_chunks - 1) + raw_chunks - 1 cycles after it
        # was written, and that of the next capture written C * raw_chunks after it: C words are
        # enough for C >= TOTAL_LEAD. LUT RAM: it is wide and has at most a few words more than its
        # 16.
        depth = columns
        while depth < self.TOTAL_LEAD:
            depth *= 2
        m.submodules.sums = sums = memory.Memory(
            shape=self.totals.shape().size, depth=max(WORDS, depth), init=[]
        )
        write, read = sums.write_port(), sums.read_port(domain="comb")
        written, taken = Signal(range(depth)), Signal(range(depth))
        m.d.comb += [
            write.addr.eq(padded(written)),
            write.data.eq(self.totals),
            write.en.eq(self.keep),
            read.addr.eq(padded(taken)),
        ]
        with m.If(self.keep):
            m.d.sync += written.eq(written + 1)

        column = Signal(range(columns))
        chunk = Signal(range(chunks))
        under_way = Signal()
        starts = self.columns.valid & self.columns.raw & ~under_way
        unpacking = Signal()
        chunk_last, ends = Signal(), Signal()
        held = Signal(data.StructLayout({"leaves": 1, "last": 1}))
        m.d.comb += [
            unpacking.eq(starts | under_way),
            chunk_last.eq(chunk == chunks - 1),
            ends.eq(chunk_last & (column == columns - 1)),
        ]
        with m.If(starts):
            m.d.sync += [
                under_way.eq(1),
                held.leaves.eq(self.columns.leaves),
                held.last.eq(self.columns.last),
            ]
        with m.If(unpacking):
            m.d.sync += chunk.eq(chunk + 1)
            with m.If(chunk_last):
                m.d.sync += [chunk.eq(0), column.eq(column + 1), taken.eq(taken + 1)]
            with m.If(ends):
                m.d.sync += under_way.eq(0)

        pieces = self.pieces
        codes = Signal(codes_layout(self.machine), reset_less=True)
        m.d.comb += pieces.codes.eq(codes)
        with m.If(unpacking):
            m.d.sync += [
                pieces.valid.eq(1),
                pieces.starts.eq(chunk == 0),
                pieces.leaves.eq(Mux(starts, self.columns.leaves, held.leaves)),
                pieces.ends.eq(ends),
                pieces.last.eq(ends & held.last),
            ]
        with m.Else():
            m.d.sync += [
                pieces.valid.eq(self.columns.valid),
                pieces.starts.eq(1),
                pieces.leaves.eq(self.columns.leaves),
                pieces.ends.eq(self.columns.ends),
                pieces.last.eq(self.columns.ends & self.columns.last),
            ]
        m.d.sync += pieces.raw.eq(unpacking)

        padding = Const(0, chunks * RAW_CHUNK_PLANES - self.machine.sum_bits)
        for row in range(self.machine.rows):
            total = Cat(data.View(self.totals.shape(), read.data)[row], padding)
            m.d.sync += codes[row].eq(
                Mux(unpacking, total.word_select(chunk, RAW_CHUNK_PLANES), self.columns.codes[row])
            )
        return m
