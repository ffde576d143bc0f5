"""Checks many random networks: ``python -m tests.random_networks.run --count 1000 --jobs 2``.

Every graph must be computed alike by the ONNX file in float64, by the integer network and by the
program; with ``--rtl`` also by the accelerator, in exactly the cycles predicted. Ends with status 1
where anything differs or breaks, and prints the seeds.
"""

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from arch.machine import MACHINES, TINY, Machine
from tests.random_networks.check import FAILURES, Outcome, check
from tests.random_networks.graphs import random_model
from tests.samples.plane_loops import SHORT_TABLE

RACES_EVERY = 10
"""Of so many graphs one is also checked for results that depend on timing."""
REPORT_SECONDS = 60
MOST_PRINTED = 20
"""Seeds of each kind that are described; of all others only the number is printed."""


SMALL = (TINY, SHORT_TABLE)
"""The machines that are simulated; every other seed has memory that stalls."""
CHOICES: dict[str, Machine] = {**MACHINES, SHORT_TABLE.name: SHORT_TABLE}
"""With a short table, half of the layers run their passes for every pair of planes."""


def machine_of(name: str, seed: int, *, rtl: bool = False) -> Machine:
    """The machine for a seed: the one named, or all in turn."""
    if rtl:
        return SMALL[seed // 2 % len(SMALL)]
    machines = list(CHOICES.values())
    return machines[seed % len(machines)] if name == "all" else CHOICES[name]


def one(seed: int, machine: str, rtl: bool) -> tuple[int, str, Outcome, int]:
    """(seed, machine, what came of it, cycles simulated)."""
    chosen = machine_of(machine, seed, rtl=rtl)
    outcome = check(random_model(seed), seed, chosen, races=seed % RACES_EVERY == 0)
    cycles = 0
    if rtl and outcome.compiled is not None:
        from tests.random_networks.rtl import simulate

        cycles, wrong = simulate(outcome.compiled, outcome.picture, seed)
        if wrong:
            outcome = Outcome("differs", f"RTL: {wrong}")
    compact = Outcome(
        outcome.kind, outcome.reason, outcome.graph_codes, outcome.program_codes
    )  # the rest need not travel between processes
    return seed, chosen.name, compact, cycles


def outcomes(arguments: argparse.Namespace) -> Iterator[tuple[int, str, Outcome, int]]:
    seeds = range(arguments.first, arguments.first + arguments.count)
    fixed = arguments.machine, arguments.rtl
    if arguments.jobs == 1:
        yield from (one(seed, *fixed) for seed in seeds)
        return
    with ProcessPoolExecutor(arguments.jobs) as pool:
        machines, rtls = ([value] * len(seeds) for value in fixed)
        yield from pool.map(one, seeds, machines, rtls, chunksize=8)


def parse(given: list[str] | None) -> argparse.Namespace:
    name = "python -m tests.random_networks.run"
    parser = argparse.ArgumentParser(prog=name, description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--count", type=int, default=1000, help="graphs (default: 1000)")
    parser.add_argument("--machine", choices=[*CHOICES, "all"], default="all")
    parser.add_argument("--rtl", action="store_true", help="simulate too, on small machines")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    arguments = parse(given)
    kinds: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    seeds: dict[str, list[int]] = defaultdict(list)
    graph_codes = program_codes = cycles = 0
    start = reported = time.monotonic()
    for seed, machine, outcome, counted in outcomes(arguments):
        kinds[outcome.kind] += 1
        graph_codes += outcome.graph_codes
        program_codes += outcome.program_codes
        cycles += counted
        if outcome.kind == "refused":
            reasons[outcome.reason] += 1
        elif outcome.kind != "equal":
            seeds[outcome.kind].append(seed)
        if seed in seeds[outcome.kind][:MOST_PRINTED]:
            print(f"seed {seed} on {machine}: {outcome.kind}: {outcome.reason}", flush=True)
        if time.monotonic() - reported > REPORT_SECONDS:
            reported = time.monotonic()
            print(f"{sum(kinds.values())} graphs, {reported - start:.0f} s", flush=True)
    for kind, found in seeds.items():
        if found:
            print(f"seeds that came to {kind}: {' '.join(map(str, found))}")
    for reason, count in reasons.most_common():
        print(f"{count:6}  {reason}")
    total = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    print(f"seeds {arguments.first} to {arguments.first + arguments.count - 1}: {total}")
    print(
        f"codes compared: {graph_codes} of networks with their graphs, {program_codes} of programs"
        + (f"; {cycles} cycles of RTL, as predicted" if arguments.rtl else "")
        + f"; {time.monotonic() - start:.0f} s"
    )
    return int(any(kinds[kind] for kind in FAILURES))


if __name__ == "__main__":
    sys.exit(main())
