"""When passes are issued: ``hw.compute.sequencer``."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from compiler.cost.dispatch import QueueTimes
from compiler.cost.results import Results
from compiler.cost.writes import PLACED_TO_COMPUTED, WriteTimes
from golden.program import Instruction

TAKEN_TO_ISSUE = 5
"""Cycles from taking a compute to issuing its first pass, if nothing is in the way."""
WALKED_AHEAD = 17
"""A pass is walked at the earliest in the cycle after the one 17 before it was issued."""
WIDE_SETTLES = 16
"""``hw.compute.sequencer``: by so much a capture comes later after one with wide codes."""
PLACEMENT_DEPTH = 16
PLACEMENT_INTERVAL = 3
"""``hw.results.output_positions``: placements that may wait, and cycles from one to the next."""


@dataclass(kw_only=True, eq=False)
class Issue:
    """The passes of one compute; what is not known yet is missing."""

    taken: int
    #: The first cycle in which its first pass may be issued.
    first: int = -1
    #: Number of its first pass among all passes, and how many it has.
    begins: int
    passes: int
    #: Cycles of its captures so far.
    captures: list[int] = field(default_factory=list)
    #: Cycles that the sequencer waited for loads, and its captures for results to leave and for
    #: room in the output buffer.
    load_wait: int = 0
    drain_wait: int = 0
    output_wait: int = 0
    #: Of which pass of a block the captures are.
    places: list[int]
    block_passes: int

    @property
    def last(self) -> int:
        """The cycle of its last capture, which is its last pass."""
        return self.captures[-1]

    def pass_of(self, capture: int) -> int:
        """Return which of its passes a capture is."""
        block, place = divmod(capture, len(self.places))
        return block * self.block_passes + self.places[place]

    def cycle_of(self, number: int) -> int:
        """Return the cycle in which pass ``number`` of the compute is issued."""
        block, place = divmod(number, self.block_passes)
        index = block * len(self.places) + int(np.searchsorted(self.places, place, "right")) - 1
        if index < 0:
            return self.first + number
        return self.captures[index] + number - self.pass_of(index)


class PassTimes:
    """The cycles of one COMPUTE's passes after the other.

    These are the recurrences T, W, P, I and G that :class:`hw.compute.sequencer.Sequencer` states.
    Passes follow each other without a gap, so it is enough to follow the captures, which alone wait
    for something.
    """

    def __init__(
        self,
        computes: Sequence[tuple[Instruction, Results]],
        queue: QueueTimes,
        loaded: list[int],
        writes: WriteTimes,
    ):
        self.computes = computes
        self.queue = queue
        self.loaded = loaded
        self.writes = writes
        #: Those whose first pass may be issued.
        self.issues: list[Issue] = []
        #: Passes issued: PASSES.
        self.passes = 0
        #: Captures issued, of all computes.
        self.captures = 0
        #: For each compute, the cycle in which the one before it has been walked.
        self._walked: list[int] = []
        #: When placements are free again, and the number of passes that are known.
        self._placed = [-PLACEMENT_INTERVAL] * PLACEMENT_DEPTH
        self._known = 0
        #: Cycles in which STALL_LOAD does not count: a compute is walked, or passes are left.
        self._busy: deque[tuple[int, int]] = deque(maxlen=2 * WALKED_AHEAD + 2)

    def take(self) -> Iterator[None]:
        """Take all computes; yields where that depends on what is not known yet."""
        queue, taken, begins = self.queue, self.queue.taken, 0
        computed, on_chip = self.writes.computed, 0
        for number, (compute, results) in enumerate(self.computes):
            settles = on_chip if compute.fields["after_results"] else 0
            while (
                len(queue.entered) <= number
                or len(self.loaded) <= compute.awaits
                or len(computed) <= settles
                or len(self._placed) <= number
                or self._known < begins - WALKED_AHEAD
            ):
                yield
            walked = -1
            if number:
                before = self.issues[-1]
                walked = max(before.taken + before.passes, self._issued(begins) + 1)
            # The first load is the first chunk's, which is there before the first compute.
            loaded = self.loaded[compute.awaits]
            startable = max(
                queue.end(number),
                loaded,
                computed[settles],
                self._placed[number] + PLACEMENT_INTERVAL,
            )
            blocks = compute.fields["block_rows"] * compute.fields["row_blocks"]
            passes = blocks * results.block_passes
            taken.append(max(startable + 1, walked))
            self._walked.append(walked)
            self.issues.append(
                Issue(
                    taken=taken[-1],
                    begins=begins,
                    passes=passes,
                    places=results.places,
                    block_passes=results.block_passes,
                )
            )
            begins += passes
            if results.on_chip:
                on_chip = number + 1
        self.passes = begins

    def issue(self) -> Iterator[None]:
        """Issue all passes; yields where that depends on what is not known yet."""
        writes, free, last = self.writes, 0, -1
        for number, (compute, results) in enumerate(self.computes):
            while len(self.issues) <= number:
                yield
            issue = self.issues[number]
            issue.first = max(issue.taken + TAKEN_TO_ISSUE, last + 1)
            issue.load_wait = self._load_wait(number, compute)
            self._place(number)
            writes.begin(results)
            places, gap = results.places, results.capture_cycles
            if number and self.computes[number - 1][1].wide and not results.wide:
                free += WIDE_SETTLES
            # Passes from each capture of a block to the next one, the last one's to the next block.
            steps = [after - at for at, after in pairwise(places)]
            steps.append(places[0] + issue.block_passes - places[-1])
            ready = issue.first + places[0]
            self._known = issue.begins + places[0]
            captures = issue.captures
            for _ in range(issue.passes // issue.block_passes):
                for step, leaves in zip(steps, results.leaves, strict=True):
                    least = max(ready, free)
                    cycle = least if results.on_chip else writes.room(least, results.room)
                    while cycle is None:
                        yield
                        cycle = writes.room(least, results.room)
                    issue.drain_wait += least - ready
                    issue.output_wait += cycle - least
                    captures.append(cycle)
                    writes.capture(cycle, leaves=leaves)
                    self._known += step
                    self.captures += 1
                    ready, free = cycle + step, cycle + gap
            # No pass comes behind the last capture.
            self._known = issue.begins + issue.passes
            last = issue.last
            writes.close(last)

    def _place(self, number: int) -> None:
        """Note when a compute's placement is free again: its predecessor's last piece is placed."""
        placed = max(self.issues[number].taken + 1, self._placed[-1] + PLACEMENT_INTERVAL)
        if number:
            placed = max(placed, self.writes.computed[number] - PLACED_TO_COMPUTED)
        self._placed.append(placed)

    def _issued(self, begins: int) -> int:
        """Return the cycle of the pass that the last pass before ``begins`` is walked behind."""
        wanted = begins - 1 - WALKED_AHEAD
        for issue in reversed(self.issues):
            if wanted >= issue.begins:
                return issue.cycle_of(wanted - issue.begins)
        return -2

    def _load_wait(self, number: int, compute: Instruction) -> int:
        """Return the cycles in which a compute waits for loads and nothing else is to be done."""
        if number:
            before = self.issues[number - 1]
            self._busy.append((before.taken + 1, self._walked[number]))
            self._busy.append((before.first, before.last))
        first, last = self.queue.end(number) + 1, self.loaded[compute.awaits]
        idle = 0
        for start, end in sorted(self._busy):
            if start > last:
                break
            if end >= first:
                idle += max(0, start - first)
                first = end + 1
        return idle + max(0, last - first + 1)
