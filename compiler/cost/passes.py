"""When passes are issued: ``hw.compute.sequencer``, in closed form for each compute."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from arch.machine import Machine

TAKEN_TO_ISSUE = 5
"""Cycles from taking a compute to issuing its first pass, if nothing is in the way."""
WALKED_AHEAD = 17
"""A pass is walked at the earliest in the cycle after the one 17 before it was issued."""
PLACEMENT_DEPTH = 16
PLACEMENT_INTERVAL = 3
"""``hw.results.output_positions``: placements that may wait, and cycles from one to the next."""


def block_passes(compute: dict) -> int:
    """Return the passes of a block: a COMPUTE's (its fields') table span, for every plane pair."""
    pairs = (compute["activation_planes"] + 1) * (compute["weight_planes"] + 1)
    return pairs * (compute["table_last"] - compute["table_start"] + 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Issue:
    """The passes of one compute: ``passes`` of them, the same ``captures`` in every block."""

    taken: int
    #: Cycles in which the first and the last pass are issued.
    first: int
    last: int
    passes: int
    #: Cycles of the captures [blocks, captures of a block].
    captures: np.ndarray
    #: Cycles that the sequencer waited for loads, and its captures for results to leave.
    load_wait: int
    drain_wait: int
    #: Of which pass of a block the captures are [captures of a block].
    places: np.ndarray
    block_passes: int

    def cycle_of(self, number: int) -> int:
        """Return the cycle in which pass ``number`` of the compute is issued."""
        block, place = divmod(number, self.block_passes)
        index = block * len(self.places) + int(np.searchsorted(self.places, place, "right")) - 1
        if index < 0:
            return self.first + number
        block, capture = divmod(index, len(self.places))
        known = block * self.block_passes + int(self.places[capture])
        return int(self.captures[block, capture]) + number - known


class PassTimes:
    """The cycles of one COMPUTE's passes after the other, if the output buffer has always room.

    With T(n) the cycle in which compute n is taken, its first pass is issued in

        I = max(T(n) + 5, last issue of compute n - 1 + 1)

    and the others follow one per cycle, but a capture comes C cycles (after a raw one C *
    raw_chunks) after the capture before it at the earliest. T(n) waits for the last pass of compute
    n - 1 to be walked, which is

        W = max(T(n - 1) + its number of passes, issue of the pass 17 before it + 1).
    """

    def __init__(self, machine: Machine):
        self.columns = machine.columns
        self.block_beats = machine.block_beats
        #: Passes issued: PASSES.
        self.passes = 0
        self._taken = -1
        self._walked = -1
        self._last = -1
        self._capture_free = 0
        self._recent: deque[Issue] = deque(maxlen=WALKED_AHEAD + 1)
        #: Cycles in which STALL_LOAD does not count: a compute is walked, or passes are left.
        self._busy: deque[tuple[int, int]] = deque(maxlen=2 * WALKED_AHEAD + 2)
        self._placed = deque([-PLACEMENT_INTERVAL] * PLACEMENT_DEPTH, maxlen=PLACEMENT_DEPTH)
        self._pieces_end = 0

    def span(self, raw: bool) -> int:
        """Return the cycles that a capture's results take to leave."""
        return self.block_beats if raw else self.columns

    def run(self, compute: dict, places: np.ndarray, ready: int, loaded: int) -> Issue:
        """Run a COMPUTE (its fields) whose passes number ``places`` of each block capture.

        ``ready`` is the cycle in which it is at its queue's end, ``loaded`` the one in which its
        loads have been counted.
        """
        seen = max(ready, self._taken + 1)
        load_wait = self._idle(seen + 1, loaded)
        startable = max(seen, loaded, self._placed[0] + PLACEMENT_INTERVAL)
        taken = max(startable + 1, self._walked)

        in_block = block_passes(compute)
        blocks = compute["block_rows"] * compute["row_blocks"]
        gap = self.span(compute["raw"])
        first = max(taken + TAKEN_TO_ISSUE, self._last + 1)
        first_capture = max(first + int(places[0]), self._capture_free)
        # Cycles from each capture of a block to the next one, the last one's to the next block.
        steps = np.maximum(np.diff(places, append=places[0] + in_block), gap)
        period = int(steps.sum())
        offsets = np.cumsum(steps) - steps
        captures = first_capture + np.arange(blocks)[:, None] * period + offsets
        last = int(captures[-1, -1])
        passes = blocks * in_block
        drain_wait = last - (first + passes - 1)
        issue = Issue(
            taken=taken,
            first=first if places[0] else first_capture,
            last=last,
            passes=passes,
            captures=captures,
            load_wait=load_wait,
            drain_wait=drain_wait,
            places=places,
            block_passes=in_block,
        )
        self._note(issue, first, last + gap)
        return issue

    def _note(self, issue: Issue, filled: int, capture_free: int) -> None:
        """Remember what the next compute depends on; ``filled``: a pass waits from here on."""
        self._recent.append(issue)
        self._taken = issue.taken
        self._walked = max(issue.taken + issue.passes, self._issued(WALKED_AHEAD) + 1)
        self._last = issue.last
        self._capture_free = capture_free
        self._busy.append((issue.taken + 1, self._walked))
        self._busy.append((filled, issue.last))
        self.passes += issue.passes

    def place(self, issue: Issue, pieces_end: int) -> None:
        """Note when the last piece of the compute has its position: a placement becomes free."""
        placed = max(issue.taken + 1, self._pieces_end, self._placed[-1] + PLACEMENT_INTERVAL)
        self._placed.append(placed)
        self._pieces_end = pieces_end

    def _issued(self, before: int) -> int:
        """Return the cycle of the pass ``before`` places before the latest one."""
        for issue in reversed(self._recent):
            if before < issue.passes:
                return issue.cycle_of(issue.passes - 1 - before)
            before -= issue.passes
        return -2

    def _idle(self, first: int, last: int) -> int:
        """Return how many of the cycles ``first`` to ``last`` are not busy."""
        idle = 0
        for start, end in sorted(self._busy):
            if start > last:
                break
            if end >= first:
                idle += max(0, start - first)
                first = end + 1
        return idle + max(0, last - first + 1)
