"""Turns sums into codes: how many of its row's thresholds does a sum reach?"""

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import CODE_BITS, RAW_CHUNK_PLANES
from arch.isa import Compute, width
from arch.machine import Machine
from hw.array.carry_chain import CarryChain
from hw.fabric import checked_fabric
from hw.load.unit_writer import threshold_write
from hw.memories.lut_ram import WORDS, padded
from hw.results.running_maximum import planes_layout
from hw.streams.delay import delayed


def lane_write() -> data.StructLayout:
    """Return a write of one row: which memory takes it (a stage's, or none), set and index."""
    return data.StructLayout({"stages": CODE_BITS, "flip": 1, "set": 1, "index": CODE_BITS})


class ThresholdLane(wiring.Component):
    """One row of :class:`ThresholdSearch`: stage k = 0..B - 1 finds code bit B - 1 - k (B =
    ``CODE_BITS``).

    The threshold that decides bit b has an index of the bits found so far, a one, and b zeros: each
    stage has a memory of its own, of 2^(B - 1 - b) thresholds for each of the two sets.

    Members, the cycle counted from ``sum``'s in brackets
    -----------------------------------------------------
    sum, ones_sum : ``In(accumulator_bits)`` [0]
        ``ones_sum`` is 0 where it is not to be added.
    sets : ``In(CODE_BITS)`` [bit k: 1 + k]
        The threshold set for stage k.
    active : ``In(CODE_BITS)`` [bit k: 1 + k]
        Stage k works; otherwise its code bit is 0.
    coded : ``In(CODE_BITS)`` [B + 1]
        2^code_bits - 1; 0 where no stage works.
    picked : ``In(raw_chunks)`` [B]
        Bit k: where no stage works, planes 4k..4k+3 of the total take the place of the code.
    upper : ``In(raw_chunks)`` [B]
        Likewise, four planes higher; odd k only.
    write : ``In(lane_write)``
    word : ``In(sum_bits)``
        What is written.
    code : ``Out(as planes_layout has it)`` [B + 2]
    """

    def __init__(self, machine: Machine, fabric: str):
        self.fabric = fabric
        self.raw_chunks = machine.raw_chunks
        self.sum_bits = machine.sum_bits
        super().__init__({
            "sum": In(machine.accumulator_bits),
            "ones_sum": In(machine.accumulator_bits),
            "sets": In(CODE_BITS),
            "active": In(CODE_BITS),
            "coded": In(CODE_BITS),
            "picked": In(machine.raw_chunks),
            "upper": In(machine.raw_chunks),
            "write": In(lane_write()),
            "word": In(machine.sum_bits),
            "code": Out(RAW_CHUNK_PLANES * machine.pieces_together),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        total, found = Signal(self.sum_bits, reset_less=True), Signal(0)
        m.d.sync += total.eq(self.sum + self.ones_sum)

        for stage in range(CODE_BITS):
            bit = CODE_BITS - 1 - stage
            here = self.write.stages[stage]
            threshold = Signal(self.sum_bits, name=f"threshold{bit}")
            if stage == 0:
                # Registers that stand for a memory of two words: like one, they outlast a reset.
                of_set = [
                    Signal(self.sum_bits, name=f"middle{which}", reset_less=True)
                    for which in range(2)
                ]
                for which in range(2):
                    with m.If(here & (self.write.set == which)):
                        m.d.sync += of_set[which].eq(self.word)
                m.d.comb += threshold.eq(Mux(self.sets[stage], of_set[1], of_set[0]))
            else:
                # LUT RAM: few words, and the next stage needs the answer in the next cycle.
                words = memory.Memory(shape=self.sum_bits, depth=max(WORDS, 2 << stage), init=[])
                m.submodules[f"thresholds{bit}"] = words
                write, read = words.write_port(), words.read_port(domain="comb")
                m.d.comb += [
                    write.addr.eq(padded(Cat(self.write.index[bit + 1 :], self.write.set))),
                    write.data.eq(self.word),
                    write.en.eq(here),
                    read.addr.eq(padded(Cat(found, self.sets[stage]))),
                    threshold.eq(read.data),
                ]
            reached = Signal(name=f"reached{bit}", reset_less=True)
            with m.If(self.active[stage]):
                m.d.sync += reached.eq(self._at_least(m, f"compare{bit}", total, threshold))
            with m.Else():
                m.d.sync += reached.eq(0)
            found_before = Signal(stage, name=f"found{bit}", reset_less=True)
            m.d.sync += found_before.eq(found)
            found = Cat(reached, found_before)
            if bit:
                total_before, total = (
                    total,
                    Signal(self.sum_bits, name=f"total{bit}", reset_less=True),
                )
                m.d.sync += total.eq(total_before)

        # Chunks of the total, when that is in the last stage.
        chunk = Signal.like(self.code, reset_less=True)
        chunks = [total[RAW_CHUNK_PLANES * k :][:RAW_CHUNK_PLANES] for k in range(self.raw_chunks)]

        def one_of(picked: Value, numbers: range) -> Value:
            planes = (chunks[k] & picked[k].replicate(len(chunks[k])) for k in numbers)
            return reduce(or_, planes)

        m.d.sync += chunk[:RAW_CHUNK_PLANES].eq(one_of(self.picked, range(self.raw_chunks)))
        if len(chunk) > RAW_CHUNK_PLANES:
            upper = one_of(self.upper, range(1, self.raw_chunks, 2))
            m.d.sync += chunk[RAW_CHUNK_PLANES:].eq(upper)

        # Index 0 of a set holds the row's flip.
        flips = Signal(2, reset_less=True)
        flip = Signal(reset_less=True)
        with m.If(self.write.flip):
            m.d.sync += flips.bit_select(self.write.set, 1).eq(self.word[0])
        code = Signal.like(self.code, reset_less=True)
        m.d.sync += [
            flip.eq(flips.bit_select(self.sets[-1], 1)),
            code.eq((found ^ Mux(flip, self.coded, 0)) | chunk),
        ]
        m.d.comb += self.code.eq(code)
        return m

    def _at_least(self, m: Module, name: str, total: Value, threshold: Value) -> Value:
        if self.fabric != "ecp5":
            return total >= threshold
        chain = CarryChain()
        reaches = chain.at_least(total, threshold)
        chain.close(m, name)
        return reaches[0]


class ThresholdSearch(wiring.Component):
    """For each row r of a column, with the thresholds T and flip of that row in ``threshold_set``,

        total = sum + (ones_sum if add_ones else 0)
        code  = number of k in 1..2^code_bits - 1 with T[k] <= total
        code  = 2^code_bits - 1 - code, if flip
        code  = planes 4 chunk .. 4 chunk + 3 of total instead, if raw
        code  = planes 8 chunk .. 8 chunk + 7, if they leave together

    by successive approximation, one comparison and one cycle per code bit.

    Latency: ``latency`` = 7 cycles (gate, sum, one per code bit, flip). One column per cycle. A
    write is seen by columns that enter in its cycle or later.

    Parameters
    ----------
    fabric : "ecp5" (comparators in carry cells), or others (plain operators)

    Members
    -------
    write : ``In(threshold_write)``
        Only the low sum_bits bits of a word are kept.
    sums : ``In(ArrayLayout(accumulator_bits, rows))``, ones_sum : ``In(accumulator_bits)``
    add_ones, threshold_set, raw : ``In(1)``, code_bits : as :class:`arch.isa.Compute` has it
    chunk : ``In(range(raw_chunks))``, together : ``In(1)``
        Of the same column.
    codes : ``Out(planes_layout)``
    """

    latency = CODE_BITS + 3

    def __init__(self, machine: Machine, fabric: str = "generic"):
        self.machine = machine
        self.fabric = checked_fabric(fabric)
        sums = data.ArrayLayout(unsigned(machine.accumulator_bits), machine.rows)
        super().__init__({
            "write": In(threshold_write(machine)),
            "sums": In(sums),
            "ones_sum": In(machine.accumulator_bits),
            "add_ones": In(1),
            "threshold_set": In(1),
            "code_bits": In(width(Compute, "code_bits")),
            "raw": In(1),
            "chunk": In(range(machine.raw_chunks)),
            "together": In(1),
            "codes": Out(planes_layout(machine)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()

        # All lanes add the same ones: a register between the gate and its way to them.
        sums = Signal.like(self.sums, reset_less=True)
        ones_sum = Signal.like(self.ones_sum, reset_less=True)
        m.d.sync += [sums.eq(self.sums), ones_sum.eq(Mux(self.add_ones, self.ones_sum, 0))]

        # What a column brings along: the set and the active bits, stage by stage.
        threshold_set, code_bits = (
            delayed(m, signal, 1, name, reset_less=True)
            for signal, name in (
                (self.threshold_set, "threshold_set"),
                (Mux(self.raw, 0, self.code_bits), "code_bits"),
            )
        )
        sets = Signal(CODE_BITS, reset_less=True)
        active = Signal(CODE_BITS)
        working = Signal(CODE_BITS)  # bit k: stage k works, for the column that enters
        coded = Cat(code_bits > b for b in range(CODE_BITS))
        coded = delayed(m, coded, CODE_BITS + 1, "coded", reset_less=True)
        m.d.comb += working.eq(Cat(code_bits > CODE_BITS - 1 - k for k in range(CODE_BITS)))
        m.d.sync += sets.eq(Cat(threshold_set, sets))
        raw, chunk = (
            delayed(m, signal, CODE_BITS, name)
            for signal, name in ((self.raw, "raw"), (self.chunk, "chunk"))
        )
        picked, upper = Signal(self.machine.raw_chunks), Signal(self.machine.raw_chunks)
        single = [raw & (chunk == k) for k in range(self.machine.raw_chunks)]
        m.d.sync += picked.eq(Cat(single))
        if self.machine.pieces_together > 1:
            with m.If(delayed(m, self.together, CODE_BITS, "together")):
                none = Const(0)
                m.d.sync += [
                    picked.eq(Cat(none if k % 2 else single[k // 2] for k in range(len(single)))),
                    upper.eq(Cat(single[k // 2] if k % 2 else none for k in range(len(single)))),
                ]
            with m.Else():
                m.d.sync += upper.eq(0)
        for stage in range(CODE_BITS):
            works = delayed(m, working[stage], stage + 1, f"active{stage}", reset_less=True)
            m.d.comb += active[stage].eq(works)

        # A write reaches the lanes a cycle later, from registers: they are spread far. Columns are
        # two cycles on their way to the first threshold, so they do not notice.
        words = len(self.write.words)
        index = self.write.index
        writes = []
        for first in range(0, self.machine.rows, words):
            write = Signal(lane_write(), name=f"write{first}", reset_less=True)
            here = self.write.valid & (self.write.row == first)
            stages = (here & (index[: bit + 1] == 1 << bit) for bit in reversed(range(CODE_BITS)))
            m.d.sync += [
                write.stages.eq(Cat(stages)),
                write.flip.eq(here & (index == 0)),
                write.set.eq(self.write.set),
                write.index.eq(index),
            ]
            writes.append(write)
        word = Signal(data.ArrayLayout(unsigned(self.machine.sum_bits), words), reset_less=True)
        m.d.sync += [word[k].eq(self.write.words[k]) for k in range(words)]

        for row in range(self.machine.rows):
            m.submodules[f"lane{row}"] = lane = ThresholdLane(self.machine, self.fabric)
            m.d.comb += [
                lane.sum.eq(sums[row]),
                lane.ones_sum.eq(ones_sum),
                lane.sets.eq(sets),
                lane.active.eq(active),
                lane.coded.eq(coded),
                lane.picked.eq(picked),
                lane.upper.eq(upper),
                lane.write.eq(writes[row // words]),
                lane.word.eq(word[row % words]),
                self.codes[row].eq(lane.code),
            ]
        return m
