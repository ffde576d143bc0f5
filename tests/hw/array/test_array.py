"""The array against sums of popcounts in NumPy."""

import numpy as np
import pytest

from arch.machine import TINY
from hw.array.array import Array
from hw.fabric import checked_fabric
from tests.hw.cycles import run_benches
from tests.samples.machines import TWO_TURNS


def random_passes(rng, machine, blocks, idle=0.0, longest=None) -> list[dict]:
    """Blocks of random length back to back, some in several pieces; the shortest take as long as
    the one before needs to leave."""
    longest = longest or 2 * machine.columns
    pieces = [0, *rng.integers(0, machine.raw_chunks, blocks - 1)]
    pieces = [int(more) if rng.integers(2) else 0 for more in pieces]
    spans = [machine.columns * (more + 1) for more in pieces]
    extra = [0, *rng.integers(0, longest + 1 - machine.columns, blocks - 1)]
    lengths = [span + more for span, more in zip([machine.columns, *spans], extra, strict=False)]
    passes = []
    for length, more in zip(lengths, pieces, strict=True):
        for index in range(length):
            while rng.random() < idle:
                passes.append(random_pass(rng, machine) | {"valid": 0})
            entry = random_pass(rng, machine)
            entry["capture"] = int(index == length - 1)
            entry["pieces"] = more if entry["capture"] else int(rng.integers(8))
            entry["clear"] = int(index == 0 or rng.random() < 0.1)
            passes.append(entry)
    return passes


def random_pass(rng, machine) -> dict:
    words = rng.integers(0, 1 << machine.lanes, machine.rows + machine.columns, dtype=np.uint64)
    # All-zero and all-one operands reach the ends of the popcount.
    words[rng.random(len(words)) < 0.1] = 0
    words[rng.random(len(words)) < 0.1] = (1 << machine.lanes) - 1
    names = ("clear", "double", "capture", *(("less", "signs") if machine.signs else ()))
    flags = {name: int(rng.integers(2)) for name in names}
    ones = int(rng.integers(1 << machine.lane_groups))
    words = [int(word) for word in words]
    return {"valid": 1, **flags, "ones": ones,
            "weights": words[: machine.rows], "activations": words[machine.rows :]}  # fmt: skip


def expected_sums(machine, passes) -> list[tuple[int, int, list[int]]]:
    """(cycle of the capture, cycles since, sums of the rows and of the ones row) as they leave."""
    group = (1 << machine.group_lanes) - 1
    sums = np.zeros((machine.rows + 1, machine.columns), np.int64)
    leaving = []
    for cycle, entry in enumerate(passes):
        if not entry["valid"]:
            continue
        ones = sum(
            group << machine.group_lanes * g
            for g in range(machine.lane_groups)
            if entry["ones"] >> g & 1
        )
        weights = np.array([*entry["weights"], ones], np.uint64)
        products = weights[:, None] ^ np.array(entry["activations"], np.uint64)[None, :]
        pop = np.bitwise_count(products).astype(np.int64)
        kept = 0 if entry["clear"] else 2 * sums if entry["double"] else sums
        pop -= machine.lanes * entry.get("less", 0)
        sums = (pop + kept) % (1 << machine.accumulator_bits)
        if entry["capture"]:
            stays = entry["pieces"] + 1
            if entry.get("signs"):
                turns = sign_turns(machine, sums)
                leaving += [
                    (cycle, since, turns[since // stays].tolist())
                    for since in range(len(turns) * stays)
                ]
                continue
            leaving += [
                (cycle, since, sums[:, since // stays].tolist())
                for since in range(machine.columns * stays)
            ]
    return leaving


def sign_turns(machine, sums) -> np.ndarray:
    """A bit for each column of each turn: int64 [turns, rows + 1]; of the ones row none."""
    signs = sums >> machine.accumulator_bits - 1
    signs[machine.rows] = 0
    turns = signs.reshape(machine.rows + 1, machine.sign_turns, machine.slots)
    return (turns << np.arange(machine.slots)).sum(2).T


def simulate(machine, fabric, passes) -> list[tuple[int, int, list[int]]]:
    """What leaves, in the form of :func:`expected_sums`."""
    dut = Array(machine, fabric)
    leaving = []
    last = machine.block_beats + dut.latency

    async def bench(ctx):
        since = None
        for cycle in range(len(passes) + last):
            entry = passes[cycle] if cycle < len(passes) else {"valid": 0}
            ctx.set(dut.passes, entry)
            sums = ctx.get(dut.sums)
            assert sums.valid or not sums.first
            if sums.valid:
                since = 0 if sums.first else since + 1
                rows = [int(sums.sums[row]) for row in range(machine.rows)]
                leaving.append((cycle - dut.latency - since, since, [*rows, sums.ones_sum]))
            await ctx.tick()

    run_benches(dut, bench)
    return leaving


@pytest.mark.parametrize("machine", [TINY, TWO_TURNS], ids=lambda machine: machine.name)
@pytest.mark.parametrize("idle", [0.0, 0.4])
def test_sums(rng, idle, machine):
    passes = random_passes(rng, machine, blocks=12, idle=idle)
    assert simulate(machine, "generic", passes) == expected_sums(machine, passes)


def test_accumulator_wraps(rng):
    passes = random_passes(rng, TINY, blocks=2, longest=40)
    for entry in passes:
        entry["double"] = 1
    assert simulate(TINY, "generic", passes) == expected_sums(TINY, passes)


def test_fabric_is_checked():
    with pytest.raises(ValueError, match="fabric must be one of generic, ecp5, gowin, not 'ice40'"):
        checked_fabric("ice40")
