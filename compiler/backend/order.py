"""Puts loads in an order, and in front of the right computes.

The machine runs loads in program order beside the computes, so a load that waits, or a long one,
holds up those behind it. The order is found by running both on estimated times: whenever the loader
is free it takes, of the loads that need not wait, the one that is needed first.
"""

from collections.abc import Sequence
from heapq import heappop, heappush

from compiler.backend.steps import ComputeStep, LoadStep, Step

STORE_CYCLES = 60
"""About how long after a compute its results can be loaded again."""
LOOK_AHEAD = 4
"""Computes dispatched ahead of a load that waits, so that the array has work meanwhile."""


def load_order(loads: Sequence[LoadStep], computes: Sequence[ComputeStep]) -> list[LoadStep]:
    """The loads in the order in which the loader should take them."""
    waiting: dict[int, list[int]] = {}
    for number, load in enumerate(loads):
        waiting.setdefault(load.awaits, []).append(number)
    left = [0] * len(computes)  # loads that each compute is the first to need
    for load in loads:
        left[load.needed] += 1
    loaded_by = [0] * len(computes)  # when the last of a compute's own loads is done
    ready: list[tuple[int, int]] = []  # loads that need not wait: (needed, number)
    later: list[tuple[int, int, int]] = []  # loads that wait: (start, needed, number)
    order: list[LoadStep] = []
    now = computed = 0
    at = -1

    def release(compute: int, time: int) -> None:
        for number in waiting.get(compute, []):
            load = loads[number]
            start = time + (STORE_CYCLES if load.stored == compute >= 0 else 0)
            heappush(later, (start, load.needed, number))

    release(-1, 0)
    while len(order) < len(loads):
        while at + 1 < len(computes) and left[at + 1] == 0:
            at += 1
            computed = max(computed, loaded_by[at]) + computes[at].cycles
            release(at, computed)
        while later and (later[0][0] <= now or not ready):
            start, needed, number = heappop(later)
            now = max(now, start) if not ready else now
            heappush(ready, (needed, number))
        load = loads[heappop(ready)[1]]
        now += load.cycles
        left[load.needed] -= 1
        loaded_by[load.needed] = max(loaded_by[load.needed], now)
        order.append(load)
    return order


def arrange(loads: Sequence[LoadStep], computes: Sequence[ComputeStep]) -> list[Step]:
    """Steps in program order: no load before the compute it waits for, none after who needs it.

    In between, a load stands a few computes late: dispatched too early, it would wait in front of
    computes that could run.
    """
    order = load_order(loads, computes)
    earliest, first = [], 0
    for load in order:
        first = max(first, load.awaits + 1)
        earliest.append(first)
    latest, last = [], len(computes)
    for load in reversed(order):
        last = min(last, load.needed)
        latest.append(last)
    steps: list[Step] = []
    at = 0
    for load, low, high in zip(order, earliest, reversed(latest), strict=True):
        place = min(high, low + LOOK_AHEAD)
        steps.extend(computes[at:place])
        at = max(at, place)
        steps.append(load)
    steps.extend(computes[at:])
    return steps
