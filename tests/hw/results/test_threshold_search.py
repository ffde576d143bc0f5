"""ThresholdSearch counts the thresholds that a sum reaches."""

import random
from dataclasses import replace

import pytest

from arch.machine import ECP5_85F, TINY
from hw.fabric import FABRICS
from hw.results.threshold_search import ThresholdSearch
from sim.cells import logic_cells
from tests.hw.cycles import play
from tests.hw.fabric_miter import check_forms
from tests.long_runs import slow

SETS, INDICES = 2, 16


def loading(search, words):
    """Cycles that write `words[set][row][index]`, beats in a random order of indices."""
    machine = search.machine
    at_once = len(search.write.words)
    return [
        {
            "write": {
                "valid": 1,
                "set": which,
                "index": k,
                "row": row,
                "words": [words[which][row + i][k] for i in range(at_once)],
            }
        }
        for which in range(SETS)
        for k in range(INDICES)
        for row in range(0, machine.rows, at_once)
    ]


def code_of(words, total, bits):
    top = (1 << bits) - 1
    return sum(words[k] <= total for k in range(1, top + 1)) ^ (top if words[0] & 1 else 0)


def raw_planes(total, column):
    size = 8 if column["together"] else 4
    return total >> size * column["chunk"] & (1 << size) - 1


def random_words(machine, chance, most):
    """Rising thresholds; in some rows equal ones, 0, and one that no sum reaches."""
    never = (1 << machine.sum_bits) - 1

    def row():
        values = sorted(
            chance.choice((0, never, chance.randrange(most), chance.randrange(most)))
            for _ in range(INDICES - 1)
        )
        return [chance.getrandbits(32), *values]

    return [[row() for _ in range(machine.rows)] for _ in range(SETS)]


@pytest.mark.parametrize("machine", [TINY, ECP5_85F], ids=lambda machine: machine.name)
@pytest.mark.parametrize("most", [40, 1 << 22])
def test_codes(machine, most, seed):
    """A column in every cycle, each with its own set, number of bits and ones sum, or raw."""
    chance = random.Random(seed)
    search = ThresholdSearch(machine)
    words = random_words(machine, chance, most)
    columns = []
    for _ in range(200):
        column = {
            "sums": [chance.randrange(most) for _ in range(machine.rows)],
            "ones_sum": chance.randrange(most),
            "add_ones": chance.getrandbits(1),
            "threshold_set": chance.getrandbits(1),
            "code_bits": chance.randint(1, 4),
            "raw": int(chance.random() < 0.3),
            "chunk": chance.randrange(machine.raw_chunks),
            "together": 0,
        }
        if machine.pieces_together == 2 and chance.getrandbits(1):
            column |= {"together": 1, "chunk": column["chunk"] // 2}
        if chance.random() < 0.3:  # exactly a threshold
            column["add_ones"] = 0
            row = chance.randrange(machine.rows)
            column["sums"][row] = words[column["threshold_set"]][row][chance.randint(1, 15)] % most
        columns.append(column)
    load = [*loading(search, words), {"write": {"valid": 0}}]
    seen = play(search, [*load, *columns, *({},) * search.latency], ("codes",))
    for index, column in enumerate(columns, len(load)):
        totals = [total + column["ones_sum"] * column["add_ones"] for total in column["sums"]]
        assert list(seen[index + search.latency]["codes"]) == [
            raw_planes(total, column)
            if column["raw"]
            else code_of(words[column["threshold_set"]][row], total, column["code_bits"])
            for row, total in enumerate(totals)
        ]


def test_write_while_searching(seed):
    """One set is written while columns use the other."""
    chance = random.Random(seed)
    search = ThresholdSearch(TINY)
    before, after = (random_words(TINY, chance, 1000) for _ in range(2))
    words = [before[0], after[1]]
    load = loading(search, before)
    reload = [cycle for cycle in loading(search, words) if cycle["write"]["set"] == 1]
    columns = [
        cycle | {"sums": [chance.randrange(1000)] * TINY.rows, "threshold_set": 0, "code_bits": 4}
        for cycle in reload
    ]
    late = [{"write": {"valid": 0}, "threshold_set": 1, "sums": [500] * TINY.rows}]
    seen = play(search, [*load, *columns, *late, *({},) * search.latency], ("codes",))
    for index, column in enumerate([*columns, *late], len(load)):
        expected = [
            code_of(words[column["threshold_set"]][row], total, 4)
            for row, total in enumerate(column["sums"])
        ]
        assert list(seen[index + search.latency]["codes"]) == expected


BENCH = """
module bench(input clk);
    reg [SUMS-1:0] sums = 0;
    reg [WRITE-1:0] write = 0;
    reg [BITS-1:0] ones_sum = 0;
    reg [2:0] chunk = 0, code_bits = 0;
    reg raw = 0, add_ones = 0, threshold_set = 0;
    wire differ;
    integer cycle = 0, k;
    miter dut(.clk(clk), .rst(1'b0), .sums(sums), .write(write), .ones_sum(ones_sum), .raw(raw),
              .chunk(chunk), .code_bits(code_bits), .add_ones(add_ones),
              .threshold_set(threshold_set), .differ(differ));
    always @(posedge clk) begin
        // Few bits differ from one row or column to the next, so that many comparisons are close.
        for (k = 0; k < SUMS; k = k + 1) sums[k] <= k % BITS < 5 ? $urandom & 1 : k % BITS == 9;
        for (k = 0; k < WRITE; k = k + 1) write[k] <= $urandom & 1;
        if ($urandom & 1) write[WRITE-1 -: 32] <= 512 + $urandom % 32;
        ones_sum <= $urandom % 4;
        {raw, add_ones, threshold_set} <= $urandom;
        chunk <= $urandom % 6;
        code_bits <= 1 + $urandom % 4;
        if (differ) begin $display("differ in cycle %0d", cycle); $finish; end
        cycle = cycle + 1;
        if (cycle == 20000) begin $display("agree"); $finish; end
    end
endmodule
"""


@pytest.mark.cosim
@pytest.mark.parametrize("bits", [20, *slow(22)])
def test_fabrics_agree(bits, tmp_path):
    machine = replace(TINY, accumulator_bits=bits)
    forms = [ThresholdSearch(machine, fabric) for fabric in FABRICS]
    sizes = {
        "SUMS": bits * TINY.rows,
        "BITS": bits,
        "WRITE": forms[0].write.shape().size,
    }
    assert "CCU2C" in check_forms(forms, "codes", BENCH, sizes, logic_cells(), tmp_path)
