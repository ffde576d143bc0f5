"""The running maximum of codes over the captures of a pooling window."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import CODE_BITS, RAW_CHUNK_PLANES
from arch.isa import SUM_PIECES_BITS
from arch.machine import Machine
from hw.memories.lut_ram import WORDS, padded


def codes_layout(machine: Machine) -> data.ArrayLayout:
    """Return the codes of one column."""
    return data.ArrayLayout(unsigned(CODE_BITS), machine.rows)


def planes_layout(machine: Machine) -> data.ArrayLayout:
    """Return what of one column leaves in a cycle: its codes, or a chunk of its raw sums, or as
    many chunks as are a transfer."""
    return data.ArrayLayout(unsigned(RAW_CHUNK_PLANES * machine.pieces_together), machine.rows)


def piece_layout(machine: Machine) -> data.StructLayout:
    """Return planes of a column: its codes, or chunks of its raw sums.

    ``pools``: earlier captures of its window count, too. ``starts``: it is the column's first
    piece. ``leaves``: the column goes on (pool_last). ``pieces``: how many the column has, minus 1.
    ``ends``: it is the last piece of a capture; ``last``: of a compute.
    """
    return data.StructLayout({
        "valid": 1,
        "column": range(machine.columns),
        "pools": 1,
        "starts": 1,
        "leaves": 1,
        "pieces": SUM_PIECES_BITS,
        "ends": 1,
        "last": 1,
        "codes": planes_layout(machine),
    })  # fmt: skip


def larger(a, b):
    """Return the greater code of each row, for codes as ``codes_layout`` or ``planes_layout``."""
    pairs = ((x[:CODE_BITS], y[:CODE_BITS]) for x, y in zip(a, b, strict=True))
    return [Mux(x > y, x, y) for x, y in pairs]


class RunningMaximum(wiring.Component):
    """For each row, and column c of the block, over the captures of a pooling window:

        maximum[c] = max(maximum[c], code) if pools else code

    Chunks of sums pass; the first codes that come after them do not pool. Latency: ``latency`` = 2
    cycles. One piece per cycle; the number of a column of codes comes again after 4 cycles at the
    earliest (columns >= 4).

    Members
    -------
    i : ``In(piece_layout)``, of codes where it ``pools``
    o : ``Out(piece_layout)``
        ``codes`` is the maximum so far.
    """

    latency = 2

    def __init__(self, machine: Machine):
        self.machine = machine
        super().__init__({"i": In(piece_layout(machine)), "o": Out(piece_layout(machine))})

    def elaborate(self, platform):
        m = Module()
        # LUT RAM: a few words that are wide.
        codes = codes_layout(self.machine)
        m.submodules.maxima = maxima = memory.Memory(
            shape=codes, depth=max(WORDS, self.machine.columns), init=[]
        )
        read, write = maxima.read_port(domain="comb"), maxima.write_port()
        before = Signal(codes, reset_less=True)
        planes = planes_layout(self.machine)
        o_codes = Signal(planes, reset_less=True)
        column_codes = Signal(planes, reset_less=True)
        column = Signal.like(self.i)  # all but its codes
        m.d.comb += [
            read.addr.eq(padded(self.i.column)),
            write.addr.eq(padded(self.o.column)),
            *(kept.eq(code) for kept, code in zip(write.data, o_codes, strict=True)),
            self.o.codes.eq(o_codes),
            write.en.eq(self.o.valid),
        ]
        m.d.sync += [column_codes.eq(self.i.codes), before.eq(read.data), o_codes.eq(column_codes)]
        for name, _ in piece_layout(self.machine):
            if name != "codes":
                m.d.sync += [column[name].eq(self.i[name]), self.o[name].eq(column[name])]
        with m.If(column.pools):
            m.d.sync += [
                code.eq(greater)
                for code, greater in zip(o_codes, larger(before, column_codes), strict=True)
            ]
        return m
