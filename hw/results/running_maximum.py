"""The running maximum of codes over the captures of a pooling window."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import CODE_BITS
from arch.machine import Machine
from hw.memories.lut_ram import WORDS, padded


def codes_layout(machine: Machine) -> data.ArrayLayout:
    """Return the codes of one column."""
    return data.ArrayLayout(unsigned(CODE_BITS), machine.rows)


def column_layout(machine: Machine) -> data.StructLayout:
    """Return a column of codes with its place in its capture.

    ``leaves``: it goes on (pool_last). ``ends``: it is its capture's last column; ``last``: of the
    last capture of its compute. ``raw``: the codes mean nothing, the sums go on.
    """
    return data.StructLayout({
        "valid": 1,
        "column": range(machine.columns),
        "starts": 1,
        "leaves": 1,
        "raw": 1,
        "ends": 1,
        "last": 1,
        "codes": codes_layout(machine),
    })  # fmt: skip


def larger(a, b):
    """Return the greater code of each row, for codes as ``codes_layout``."""
    return [Mux(x > y, x, y) for x, y in zip(a, b, strict=True)]


class RunningMaximum(wiring.Component):
    """For each row, and column c of the block, over the captures of a pooling window:

        maximum[c] = code if starts (pool_first) else max(maximum[c], code)

    Latency: ``latency`` = 2 cycles. One column per cycle; a column's number comes again after 4
    cycles at the earliest (columns >= 4).

    Members
    -------
    i : ``In(column_layout)``
    o : ``Out(column_layout)``
        ``codes`` is the maximum so far.
    """

    latency = 2

    def __init__(self, machine: Machine):
        self.machine = machine
        super().__init__({"i": In(column_layout(machine)), "o": Out(column_layout(machine))})

    def elaborate(self, platform):
        m = Module()
        # LUT RAM: a few words that are wide.
        codes = codes_layout(self.machine)
        m.submodules.maxima = maxima = memory.Memory(
            shape=codes, depth=max(WORDS, self.machine.columns), init=[]
        )
        read, write = maxima.read_port(domain="comb"), maxima.write_port()
        before = Signal(codes, reset_less=True)
        o_codes = Signal(codes, reset_less=True)
        column_codes = Signal(codes, reset_less=True)
        column = Signal.like(self.i)  # all but its codes
        m.d.comb += [
            read.addr.eq(padded(self.i.column)),
            write.addr.eq(padded(self.o.column)),
            write.data.eq(o_codes),
            self.o.codes.eq(o_codes),
            write.en.eq(self.o.valid & ~self.o.raw),
        ]
        m.d.sync += [column_codes.eq(self.i.codes), before.eq(read.data), o_codes.eq(column_codes)]
        for name in ("valid", "column", "starts", "leaves", "raw", "ends", "last"):
            m.d.sync += [column[name].eq(self.i[name]), self.o[name].eq(column[name])]
        with m.If(~column.starts):
            m.d.sync += [
                code.eq(greater)
                for code, greater in zip(o_codes, larger(before, column_codes), strict=True)
            ]
        return m
