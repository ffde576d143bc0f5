"""The sequencer issues the right passes, in the cycles that its docstring gives."""

import random
from dataclasses import replace

import pytest
from amaranth.hdl import Fragment, Module

from arch.errors import ConfigurationError
from arch.isa import Compute, Entry, encode
from arch.machine import TINY
from hw.compute.sequencer import Sequencer
from hw.memories.pass_table import PassTable
from tests.hw.compute_model import Chip, cycles_of, issue_cycles, random_compute
from tests.hw.cycles import run_benches, value_of

MACHINE = replace(TINY, activation_words=64, weight_words=16, table_entries=256, output_beats=128,
                  max_burst=32)  # fmt: skip


class Run:
    """A sequencer with its table. Capture k is released `delays[k]` cycles after its issue.

    `buffered(cycle)`: beats in the output buffer. `loads(cycle)`: loads complete. `placing(cycle)`:
    whether a placement is taken.
    """

    def __init__(
        self, chip, computes, delays, buffered, placing=lambda cycle: 1, loads=lambda cycle: 0
    ):
        self.chip, self.computes, self.delays = chip, computes, delays
        self.buffered, self.placing, self.loads = buffered, placing, loads
        self.sequencer = Sequencer(MACHINE)
        self.table = PassTable(MACHINE, "generic")
        self.issued, self.tags, self.placements, self.seen = [], [], [], []
        self.waits = {"waiting_load": [], "waiting_output": [], "waiting_drain": []}

    async def bench(self, ctx):
        unit = self.sequencer
        for e, entry in enumerate(self.chip.table):
            ctx.set(
                self.table.write,
                value_of(
                    self.table.write, {"valid": 1, "address": e, "data": encode(Entry, entry)}
                ),
            )
            await ctx.tick()
        ctx.set(self.table.write.valid, 0)
        waiting = list(self.computes)
        expected = sum(
            compute["block_rows"] * compute["row_blocks"] * len(list(self.chip.span(compute)))
            for compute in waiting
        )
        releases, cycle = {}, 0
        while len(self.issued) < expected:
            ctx.set(unit.computes.valid, bool(waiting))
            if waiting:
                ctx.set(unit.computes.payload, Compute.from_bits(encode(Compute, waiting[0])))
            ctx.set(unit.loads, self.loads(cycle))
            ctx.set(unit.buffered, self.buffered(cycle))
            ctx.set(unit.placements.ready, self.placing(cycle))
            ctx.set(
                unit.released,
                value_of(
                    unit.released, {"valid": cycle in releases, "pieces": releases.get(cycle, 0)}
                ),
            )
            _, _, step, taken, tagged, tag, placed, placement, *waits = await ctx.tick().sample(
                unit.step,
                unit.computes.ready,
                unit.tags.valid,
                unit.tags.payload,
                unit.placements.valid,
                unit.placements.payload,
                *(getattr(unit, name) for name in self.waits),
            )
            if step.valid:
                self.issued.append((cycle, step))
            if tagged:
                at = cycle + self.delays[len(self.tags)]
                while at in releases:
                    at += 1
                releases[at] = tag.sum_pieces
                self.tags.append((cycle, tag, at))
            if taken and waiting:
                waiting.pop(0)
            if placed:
                self.placements.append((cycle, placement))
            for cycles, wait in zip(self.waits.values(), waits, strict=True):
                if wait:
                    cycles.append(cycle)
            cycle += 1
            assert cycle < 20000

    def run(self):
        m = Module()
        m.submodules.sequencer, m.submodules.table = self.sequencer, self.table
        m.d.comb += [
            self.table.address.eq(self.sequencer.table_address),
            self.sequencer.entry.eq(self.table.entry),
        ]
        run_benches(m, self.bench)
        return self

    def room(self, cycle, raw):
        """As the docstring says it, from what was issued, released and filled two cycles before."""
        used = MACHINE.columns * sum(
            tag.sum_pieces + 1 for issue, tag, release in self.tags if issue < cycle - 2 <= release
        )
        wanted = MACHINE.block_beats if raw else MACHINE.columns
        return MACHINE.output_beats - used - self.buffered(cycle - 2) >= wanted + 1


def program(seed, count=12, **wanted):
    chance = random.Random(seed)
    chip = Chip.random(MACHINE, chance, reach=1)
    return chip, [random_compute(chip, chance, 0, **wanted)[0] for _ in range(count)]


def walk(chip, computes):
    """Yield (compute, base, weight base, entry, last) in the order of docs/machine.md."""
    for compute in computes:
        span = list(chip.span(compute))
        for by in range(compute["block_rows"]):
            for bx in range(compute["row_blocks"]):
                base = compute["source"] + by * compute["source_step"] + bx * MACHINE.columns
                block_last = by + 1 == compute["block_rows"] and bx + 1 == compute["row_blocks"]
                for index, (positions, words, entry) in enumerate(span):
                    yield (
                        compute,
                        (base - positions) % MACHINE.positions,
                        (compute["weight_base"] - words) % MACHINE.weight_words,
                        entry,
                        block_last and index == len(span) - 1,
                    )


def check_passes(run):
    """Steps, tags and placements."""
    tags = iter(run.tags)
    for (cycle, step), (compute, base, weight_base, entry, last) in zip(
        run.issued, walk(run.chip, run.computes), strict=True
    ):
        assert (step.base, step.after) == (base, (base + MACHINE.columns) % MACHINE.positions)
        assert step.weight_base == weight_base
        for name in ("offset", "ones"):
            assert [group[name] for group in step.entry.group] == [
                group[name] for group in entry["group"]
            ]
        for name in ("clear", "double", "capture"):
            assert step.entry[name] == entry[name]
        if entry["capture"]:
            at, tag, _ = next(tags)
            assert (at, tag.last) == (cycle, last)
            assert (tag.pool_first, tag.pool_last) == (entry["pool_first"], entry["pool_last"])
            for name in ("threshold_set", "add_ones", "raw", "code_bits"):
                assert tag[name] == compute[name]
            assert tag.sum_pieces == cycles_of(MACHINE, compute) - 1 == step.pieces
    assert next(tags, None) is None
    for (_, placement), compute in zip(run.placements, run.computes, strict=True):
        for name in (
            "pair",
            "row_length",
            "width",
            "height",
            "address",
            "row_bytes",
            "position_bytes",
        ):
            assert placement[name] == compute[name]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("most", [1, 3, 20])
def test_always_room(seed, most):
    chip, computes = program(seed, count=20 if most == 1 else 6, most=most, window=1)
    run = Run(chip, computes, [40] * 400, lambda cycle: 0).run()
    check_passes(run)
    expected = issue_cycles(MACHINE, chip, computes, 0)
    assert [cycle for cycle, _ in run.issued] == [
        cycle for passes in expected for cycle, _ in passes
    ]
    assert not run.waits["waiting_output"]


@pytest.mark.parametrize("seed", range(8))
def test_room(seed):
    """A capture goes in the first cycle in which everything it needs is there."""
    chance = random.Random(seed)
    chip, computes = program(seed, most=3)
    delays = [chance.randint(10, 150) for _ in range(400)]
    filled = [chance.choice((0, 60, 90, 100)) for _ in range(400)]
    run = Run(chip, computes, delays, lambda cycle: filled[cycle // 60]).run()
    check_passes(run)
    before, opens = -1, 0
    queued = 0  # passes issued without a pause are not looked at: the walk may have been late
    for (cycle, step), (compute, *_) in zip(run.issued, walk(chip, computes), strict=True):
        if step.entry.capture:
            waited = [
                at
                for at in range(before + 1, cycle)
                if at in run.waits["waiting_output"] or at in run.waits["waiting_drain"]
            ]
            assert cycle >= opens
            assert run.room(cycle, compute["raw"])
            for at in waited:
                assert at < opens or not run.room(at, compute["raw"])
                queued += 1
            opens = cycle + MACHINE.columns * cycles_of(MACHINE, compute)
        before = cycle
    assert queued


def test_waits_for_load(seed):
    """Loads come one by one, later than they are needed."""
    chip, computes = program(seed, count=4, blocks=1, most=2)
    for index, compute in enumerate(computes):
        compute["after_load"] = (65535 + index) % 65536
    ready = [100, 300, 500, 700]
    run = Run(
        chip,
        computes,
        [40] * 100,
        lambda cycle: 0,
        loads=lambda cycle: (65534 + sum(cycle >= at for at in ready)) % 65536,
    ).run()
    check_passes(run)
    firsts = [next(cycle for cycle, _ in run.issued if cycle >= at) for at in ready]
    assert firsts == [at + Sequencer.START for at in ready]
    assert len(run.waits["waiting_load"]) > 500


def test_waits_for_placement(seed):
    chip, computes = program(seed, count=3, blocks=1)
    run = Run(
        chip, computes, [40] * 100, lambda cycle: 0, placing=lambda cycle: cycle % 200 == 150
    ).run()
    check_passes(run)
    assert [cycle for cycle, _ in run.placements] == [151, 351, 551]


def test_small_output_buffer():
    machine = replace(TINY, output_beats=128, max_burst=128)
    with pytest.raises(ConfigurationError, match="more than write_burst and one raw block"):
        Fragment.get(Sequencer(machine), None)
