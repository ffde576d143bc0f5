"""When memory serves a burst: docs/memory.md, for bursts whose data are there in time.

Read beats are kept until they are taken, and written beats wait in the output buffer, so that
serving depends on nothing but the order in which addresses come.
"""

from dataclasses import dataclass

from arch.machine import Machine
from arch.memory import Memory


@dataclass(frozen=True)
class Served:
    """One burst: beat i (from 0) moves in cycle ``start + ceil((i + 1) * cost / gain) - 1``."""

    start: int
    beats: int
    cost: int
    gain: int

    def moved(self, count: int) -> int:
        """Return the cycle in which the ``count``-th beat moves; for 0 the one before the start."""
        return self.start - 1 - -count * self.cost // self.gain

    def by(self, cycle: int) -> int:
        """Return how many beats have moved at the end of ``cycle``."""
        moved = (cycle + 1 - self.start) * self.gain // self.cost
        return min(max(moved, 0), self.beats)


class Port:
    """Serves bursts, each begun as soon as its port is free."""

    def __init__(self, machine: Machine, memory: Memory):
        self.shared = memory.shared
        self.burst_cycles = memory.burst_cycles
        #: Of bursts whose beats have so many bytes.
        sizes = machine.beat_bytes, machine.transfer_bytes
        self.paces = {size: memory.pace(size) for size in sizes}
        #: Last cycles of the latest burst of either kind.
        self._busy = [-1, -1]

    def first_move(self, arrival: int, *, write: bool) -> int:
        """Return a cycle before which no beat moves of a burst that is not served yet."""
        return max(arrival, self._busy[write]) + 1 + self.burst_cycles

    def serve(self, arrival: int, beats: int, beat_bytes: int, *, write: bool) -> Served:
        """Serve the next burst of a kind, whose address came in ``arrival``."""
        served = Served(self.first_move(arrival, write=write), beats, *self.paces[beat_bytes])
        self._busy[write] = served.moved(beats)
        if self.shared:
            self._busy[not write] = self._busy[write]
        return served
