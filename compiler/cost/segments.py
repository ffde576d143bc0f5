"""The cycles of a frame in several programs, between which the host computes.

The machine begins each of them anew, so their cycles add up; the host's time is in none of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from arch.machine import Machine
from arch.memory import IDEAL, Memory
from compiler.cost.frame import ComputeCycles, LoadCycles, Prediction, predict

MOMENTS = ("first_pass", "last_pass", "computed", "stored")
SUMS = (
    "cycles", "passes", "stall_load", "stall_output", "stall_drain", "loader_wait", "loads",
    "read_beats", "write_beats",
)  # fmt: skip


def predict_all(
    content: np.ndarray, addresses: Iterable[int], machine: Machine, memory: Memory = IDEAL
) -> Prediction:
    """Predict the frame of the programs at ``addresses``: see :func:`compiler.cost.frame.predict`.

    COMPUTEs and LOADs are numbered on, and their cycles count on, from one to the next.
    """
    return joined([predict(content, address, machine, memory) for address in addresses])


def joined(parts: Sequence[Prediction]) -> Prediction:
    """One prediction of several one after the other."""
    if len(parts) == 1:
        return parts[0]
    computes: list[ComputeCycles] = []
    loads: list[LoadCycles] = []
    before = 0
    for part in parts:
        for compute in part.computes:
            moved = {name: getattr(compute, name) + before for name in MOMENTS}
            computes.append(replace(compute, **moved))
        for load in part.load_times:
            moved = {"asked": load.asked + before, "counted": load.counted + before}
            loads.append(replace(load, **moved))
        before += part.cycles
    totals = {name: sum(getattr(part, name) for part in parts) for name in SUMS}
    return Prediction(computes=tuple(computes), load_times=tuple(loads), **totals)
