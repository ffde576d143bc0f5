"""Turns sums into codes: how many of its row's thresholds does a sum reach?"""

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import CODE_BITS, RAW_CHUNK_PLANES
from arch.isa import Compute, width
from arch.machine import Machine
from hw.array.carry_chain import CarryChain
from hw.fabric import checked_fabric
from hw.load.unit_writer import threshold_write
from hw.memories.lut_ram import WORDS, padded
from hw.streams.delay import delayed


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
    enable, write : ``In``
        A write, and whether its row is this one.
    word : ``In(sum_bits)``
        What is written.
    code : ``Out(CODE_BITS)`` [B + 2]
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
            "enable": In(1),
            "set": In(1),
            "index": In(CODE_BITS),
            "word": In(machine.sum_bits),
            "code": Out(CODE_BITS),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        total, found = Signal(self.sum_bits, reset_less=True), Signal(0)
        m.d.sync += total.eq(self.sum + self.ones_sum)

        for stage in range(CODE_BITS):
            bit = CODE_BITS - 1 - stage
            here = self.enable & (self.index[: bit + 1] == 1 << bit)
            threshold = Signal(self.sum_bits, name=f"threshold{bit}")
            if stage == 0:
                # Registers that stand for a memory of two words: like one, they outlast a reset.
                of_set = [
                    Signal(self.sum_bits, name=f"middle{which}", reset_less=True)
                    for which in range(2)
                ]
                for which in range(2):
                    with m.If(here & (self.set == which)):
                        m.d.sync += of_set[which].eq(self.word)
                m.d.comb += threshold.eq(Mux(self.sets[stage], of_set[1], of_set[0]))
            else:
                # LUT RAM: few words, and the next stage needs the answer in the next cycle.
                words = memory.Memory(shape=self.sum_bits, depth=max(WORDS, 2 << stage), init=[])
                m.submodules[f"thresholds{bit}"] = words
                write, read = words.write_port(), words.read_port(domain="comb")
                m.d.comb += [
                    write.addr.eq(padded(Cat(self.index[bit + 1 :], self.set))),
                    write.data.eq(self.word),
                    write.en.eq(here),
                    read.addr.eq(padded(Cat(found, self.sets[stage]))),
                    threshold.eq(read.data),
                ]
            reached = Signal(name=f"reached{bit}")
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

        # A chunk of the total, when that is in the last stage.
        chunk = Signal(RAW_CHUNK_PLANES, reset_less=True)
        chunks = (
            total[RAW_CHUNK_PLANES * k :][:RAW_CHUNK_PLANES]
            & self.picked[k].replicate(min(RAW_CHUNK_PLANES, self.sum_bits - RAW_CHUNK_PLANES * k))
            for k in range(self.raw_chunks)
        )
        m.d.sync += chunk.eq(reduce(or_, chunks))

        # Index 0 of a set holds the row's flip.
        flips = Signal(2, reset_less=True)
        flip = Signal()
        with m.If(self.enable & (self.index == 0)):
            m.d.sync += flips.bit_select(self.set, 1).eq(self.word[0])
        m.d.sync += [
            flip.eq(flips.bit_select(self.sets[-1], 1)),
            self.code.eq((found ^ Mux(flip, self.coded, 0)) | chunk),
        ]
        return m

    def _at_least(self, m: Module, name: str, total: Value, threshold: Value) -> Value:
        if self.fabric == "generic":
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

    by successive approximation, one comparison and one cycle per code bit.

    Latency: ``latency`` = 7 cycles (gate, sum, one per code bit, flip). One column per cycle. A
    write is seen by columns that enter in its cycle or later.

    Parameters
    ----------
    fabric : "generic" (plain operators) or "ecp5" (comparators in carry cells)

    Members
    -------
    write : ``In(threshold_write)``
        Only the low sum_bits bits of a word are kept.
    sums : ``In(ArrayLayout(accumulator_bits, rows))``, ones_sum : ``In(accumulator_bits)``
    add_ones, threshold_set, raw : ``In(1)``, code_bits : as :class:`arch.isa.Compute` has it
    chunk : ``In(range(raw_chunks))``
        Of the same column.
    codes : ``Out(ArrayLayout(CODE_BITS, rows))``
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
            "codes": Out(data.ArrayLayout(unsigned(CODE_BITS), machine.rows)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()

        # All lanes add the same ones: a register between the gate and its way to them.
        sums = Signal.like(self.sums, reset_less=True)
        ones_sum = Signal.like(self.ones_sum, reset_less=True)
        m.d.sync += [sums.eq(self.sums), ones_sum.eq(Mux(self.add_ones, self.ones_sum, 0))]

        # What a column brings along: the set and the active bits, stage by stage.
        threshold_set = delayed(m, self.threshold_set, 1, "threshold_set")
        code_bits = delayed(m, Mux(self.raw, 0, self.code_bits), 1, "code_bits")
        sets = Signal(CODE_BITS)
        active = Signal(CODE_BITS)
        working = Signal(CODE_BITS)  # bit k: stage k works, for the column that enters
        coded = delayed(m, Cat(code_bits > b for b in range(CODE_BITS)), CODE_BITS + 1, "coded")
        m.d.comb += working.eq(Cat(code_bits > CODE_BITS - 1 - k for k in range(CODE_BITS)))
        m.d.sync += sets.eq(Cat(threshold_set, sets))
        chunk = delayed(m, Cat(self.raw, self.chunk), CODE_BITS, "chunk")
        picked = Signal(self.machine.raw_chunks)
        m.d.sync += picked.eq(
            Cat(chunk[0] & (chunk[1:] == k) for k in range(self.machine.raw_chunks))
        )
        for stage in range(CODE_BITS):
            m.d.comb += active[stage].eq(delayed(m, working[stage], stage + 1, f"active{stage}"))

        words = len(self.write.words)
        for row in range(self.machine.rows):
            m.submodules[f"lane{row}"] = lane = ThresholdLane(self.machine, self.fabric)
            m.d.comb += [
                lane.sum.eq(sums[row]),
                lane.ones_sum.eq(ones_sum),
                lane.sets.eq(sets),
                lane.active.eq(active),
                lane.coded.eq(coded),
                lane.picked.eq(picked),
                lane.enable.eq(self.write.valid & (self.write.row == row - row % words)),
                lane.set.eq(self.write.set),
                lane.index.eq(self.write.index),
                lane.word.eq(self.write.words[row % words]),
                self.codes[row].eq(lane.code),
            ]
        return m
