"""Post modes of wide codes: columns of sums in, pieces of codes out."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import CODE_BITS, WIDE_BITS
from arch.machine import Machine
from arch.wide import CODE_ENTRY_BITS, PRODUCT_UNITS, SHARE_FRACTION
from hw.load.unit_writer import threshold_write
from hw.memories.lut_ram import WORDS, padded
from hw.results.capture import capture_tag
from hw.results.code_tables import CodeTables, code_write
from hw.results.product_lane import ProductLane, limited, product_write
from hw.results.running_maximum import piece_layout
from hw.streams.delay import delayed

WIDE_PIECES = 2
"""Pieces of four planes that a column of wide codes has, and that its capture reserves room for."""


class WideCodes(wiring.Component):
    """Takes ``wide_rows`` rows of a column in each of the ``wide_cycles`` cycles that it stays.

        gate and row -> ProductLane -> CodeTables -> running maximum, or sum of shares -> pieces

    A piece is four planes of the column's codes. Two come if they travel as 8 planes, else one;
    also of columns that do not go on.

    Latency: ``latency`` = 22 cycles from the last of a column's cycles to its first piece; the
    second one follows it. A column every ``wide_cycles``; the number of a column comes again after
    16 cycles at the earliest. Writes as in :class:`ProductLane` and :class:`CodeTables`.

    Members
    -------
    write : ``In(threshold_write)``
        Units of products come as thresholds do: units 0 to 3 are taken here as well.
    codes : ``In(code_write)``
    valid : ``In(1)``
        A column whose tag is ``wide`` is here.
    sums : ``In(ArrayLayout(accumulator_bits, rows))``, ones_sum : ``In(accumulator_bits)``
    tag : ``In(capture_tag)``
    column : ``In(range(columns))``, cycle : ``In(range(raw_chunks))``
        Its number, and which of its cycles this is.
    ends : ``In(1)``
        This is its capture's last cycle.
    pieces : ``Out(piece_layout)``
    """

    latency = ProductLane.latency + CodeTables.latency + 5

    def __init__(self, machine: Machine, fabric: str):
        self.machine = machine
        self.fabric = fabric
        sums = data.ArrayLayout(unsigned(machine.accumulator_bits), machine.rows)
        super().__init__({
            "write": In(threshold_write(machine)),
            "codes": In(code_write()),
            "valid": In(1),
            "sums": In(sums),
            "ones_sum": In(machine.accumulator_bits),
            "tag": In(capture_tag(machine)),
            "column": In(range(machine.columns)),
            "cycle": In(range(machine.raw_chunks)),
            "ends": In(1),
            "pieces": Out(piece_layout(machine)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        machine, tag = self.machine, self.tag
        together, cycles = machine.wide_rows, machine.wide_cycles
        cycle = self.cycle[: (cycles - 1).bit_length()]

        def later(value, count, name):
            return delayed(m, value, count, name, reset_less=True)

        # A write reaches the lanes a cycle later, from registers, and so does a code.
        write, words, codes = (
            Signal(product_write(machine), name="write", reset_less=True),
            Signal.like(self.write.words, name="words", reset_less=True),
            Signal(code_write(), name="codes", reset_less=True),
        )
        first = self.write.index < PRODUCT_UNITS
        m.d.sync += [
            write.units.eq(
                Cat(
                    self.write.valid & first & (self.write.index == unit)
                    for unit in range(PRODUCT_UNITS)
                )
            ),
            write.place.eq(Cat(self.write.row[(together - 1).bit_length() :], self.write.set)),
            words.eq(self.write.words),
            codes.eq(self.codes),
        ]

        # What a row brings along, from the cycle behind the gate on.
        entered = Signal(data.StructLayout({
            "valid": 1, "cycle": len(cycle), "column": range(machine.columns), "set": 1,
            "table": 1, "first": 1, "adds": 1, "looks_up": 1, "leaves": 1, "eight": 1, "ends": 1,
            "last": 1,
        }), reset_less=True)  # fmt: skip
        ones_sum = Signal.like(self.ones_sum, reset_less=True)
        m.d.sync += [
            entered.valid.eq(self.valid),
            entered.cycle.eq(cycle),
            entered.column.eq(self.column),
            entered.set.eq(tag.threshold_set),
            entered.table.eq(tag.table),
            entered.first.eq(tag.pool_first),
            entered.adds.eq(tag.adds),
            entered.looks_up.eq(tag.looks_up),
            entered.leaves.eq(tag.pool_last),
            entered.eight.eq(tag.eight),
            entered.ends.eq(self.ends),
            entered.last.eq(self.ends & tag.last),
            ones_sum.eq(Mux(tag.add_ones, self.ones_sum, 0)),
        ]
        product_time, table_time = ProductLane.latency, CodeTables.latency
        coded = later(entered, product_time, "coded")
        found = later(coded, table_time, "found")

        made = []
        for index in range(together):
            m.submodules[f"lane{index}"] = lane = ProductLane(machine, self.fabric)
            m.submodules[f"tables{index}"] = tables = CodeTables(self.fabric)
            total = Signal(machine.accumulator_bits, name=f"sum{index}", reset_less=True)
            with m.Switch(cycle):
                for number in range(cycles):
                    with m.Case(number):
                        m.d.sync += total.eq(self.sums[number * together + index])
            m.d.comb += [
                lane.sum.eq(total),
                lane.ones_sum.eq(ones_sum),
                lane.place.eq(Cat(entered.cycle, entered.set)),
                lane.second.eq(entered.adds & ~entered.first),
                lane.unlimited.eq(entered.adds),
                lane.write.eq(write),
                lane.word.eq(words[index]),
                tables.write.eq(codes),
                tables.entry.eq(Cat(lane.code, coded.adds & ~coded.first, coded.table)),
            ]
            limits = later(Cat(lane.low, lane.high, lane.absent), table_time + 1, f"limits{index}")
            code = later(lane.code, table_time, f"code{index}")
            made.append(self._joined(m, index, found, code, tables.data, limits))

        # Rows come one after the other; with the last ones the column is complete.
        joined = later(found, 2, "joined")
        collected = Signal(machine.rows * WIDE_BITS, reset_less=True)
        m.d.sync += collected.eq(Cat(collected, *made)[together * WIDE_BITS :])
        complete = later(joined, 1, "complete")
        comes = delayed(m, self.valid & (cycle == cycles - 1), self.latency - 1, "comes")
        pieces = self.pieces
        low, high, upper = (
            Signal(data.ArrayLayout(unsigned(CODE_BITS), machine.rows), name=name, reset_less=True)
            for name in ("low", "high", "upper")
        )
        for row in range(machine.rows):
            code = collected.word_select(row, WIDE_BITS)
            m.d.comb += [low[row].eq(code[:CODE_BITS]), high[row].eq(code[CODE_BITS:])]
        second, ends, last = Signal(), Signal(), Signal()
        m.d.sync += [
            pieces.valid.eq(comes | second),
            pieces.starts.eq(comes),
            pieces.leaves.eq(complete.leaves),
            pieces.ends.eq(Mux(second, ends, complete.ends & ~complete.eight)),
            pieces.last.eq(Mux(second, last, complete.last & ~complete.eight)),
            *(
                code.eq(Mux(second, late, now))
                for code, late, now in zip(pieces.codes, upper, low, strict=True)
            ),
            upper.eq(high),
            second.eq(comes & complete.eight),
            ends.eq(complete.ends),
            last.eq(complete.last),
        ]
        m.d.comb += pieces.pieces.eq(WIDE_PIECES - 1)
        return m

    def _joined(self, m: Module, index: int, found, code, entry, limits) -> Signal:
        """The codes of the captures of a window joined, 2 cycles later: maximum or sum."""
        machine = self.machine
        depth = machine.wide_cycles * machine.columns
        words = memory.Memory(shape=CODE_ENTRY_BITS, depth=max(WORDS, depth), init=[])
        m.submodules[f"before{index}"] = words
        write, read = words.write_port(), words.read_port(domain="comb")
        place = Cat(found.cycle, found.column)
        before = read.data
        total = Signal(CODE_ENTRY_BITS, name=f"total{index}", reset_less=True)
        result = Signal(WIDE_BITS, name=f"result{index}", reset_less=True)
        after = delayed(m, found, 1, f"after{index}", reset_less=True)

        newest = Mux(found.looks_up, entry[:WIDE_BITS], code)
        larger = Mux(newest > before[:WIDE_BITS], newest, before[:WIDE_BITS])
        m.d.sync += total.eq(
            Mux(
                found.adds,
                entry + Mux(found.first, 0, before),
                Mux(found.first, newest, larger),
            )
        )
        m.d.comb += [
            read.addr.eq(padded(place)),
            write.addr.eq(padded(delayed(m, place, 1, f"place{index}", reset_less=True))),
            write.data.eq(total),
            write.en.eq(after.valid),
        ]
        low, high, absent = limits[:WIDE_BITS], limits[WIDE_BITS : 2 * WIDE_BITS], limits[-1]
        whole = total[SHARE_FRACTION:].as_signed()
        with m.If(absent):
            m.d.sync += result.eq(0)
        with m.Elif(after.adds):
            m.d.sync += result.eq(limited(whole, low, high, 0))
        with m.Else():
            m.d.sync += result.eq(total)
        return result
