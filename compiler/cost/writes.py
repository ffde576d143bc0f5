"""When results reach memory: bursts, their acknowledgement, and room in the output buffer."""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass

from arch.machine import Machine
from arch.memory import Memory
from compiler.cost.port import Port, Served
from compiler.cost.results import CostError, Results, WriteBurst

ARRAY_LATENCY = 8
"""``hw.array.cluster``: from a capture to a cluster's results; and a cycle for each on the way."""
ALIGNED_READ_LATENCY = 4
"""``hw.compute.aligned_read``: and a cycle for every two bits of the rotation."""
SEARCH_LATENCY = 7
POOL_LATENCY = 2
COLUMN_TO_BEAT = 3
"""From a column of codes to the cycle in which the beat before it leaves the combiner; the last
beat of a compute leaves a cycle later."""
BEAT_TO_COMPUTED = 1
PLACED_TO_COMPUTED = 5
"""From counting the position of a compute's last piece to counting the compute."""
COMPLETE_TO_ADDRESS = 4
"""From the cycle in which a burst is complete to its address on the port; its first beat is there a
cycle later."""
OUTSTANDING = 16
"""Bursts that may wait for their acknowledgement (``hw.results.axi_write``, ``sim/memory.v``)."""
FETCHED = 8
"""Beats that have left the buffer's memory and wait at its output (``hw.streams.block_queue``)."""
LEVEL_TO_ROOM = 2
"""``hw.compute.sequencer``: a capture looks at the buffer's level of 2 cycles before."""


@dataclass(frozen=True, slots=True)
class Flight:
    """A capture whose pieces have not all been combined in beats.

    ``beats`` are reserved for it up to the cycle ``released``. Beats leave the combiner in the
    cycles ``base + offsets[first:end]``.
    """

    released: int
    beats: int
    base: int
    offsets: list[int]
    first: int
    end: int

    def left(self, cycle: int) -> int:
        """Return how many of its beats have left at the end of ``cycle``."""
        return bisect_right(self.offsets, cycle - self.base, self.first, self.end) - self.first


class WriteTimes:
    """Bursts in the order in which memory gets them, and the output buffer that they come from.

    What a capture reserves, and when there is room for it, is told by
    :class:`hw.compute.sequencer.Sequencer` (G), how bursts are formed and sent by
    :class:`hw.results.axi_write.AxiWrite`. While memory has taken all but what is fetched ahead
    (``FETCHED``), there is always room.
    """

    def __init__(self, machine: Machine, memory: Memory, port: Port):
        self.latency = codes_latency(machine) + COLUMN_TO_BEAT
        self.write_latency = memory.write_latency
        self.output_beats = machine.output_beats
        self.port = port
        #: Cycles in which the n-th compute, from 1, has been counted as computed, and the n-th of
        #: those that write to memory as stored.
        self.computed = [0]
        self.stored = [0]
        #: Bursts that memory has not served, and whether each ends its compute.
        self.waiting: deque[tuple[WriteBurst, bool]] = deque()
        #: Cycle in which the address of the first of them comes.
        self.arrival = 0
        #: Beats written: WRITE_BEATS.
        self.beats = 0
        self._results: Results
        self._leaving = 0
        self._addressed = -1
        self._acknowledged = deque([-COMPLETE_TO_ADDRESS] * OUTSTANDING, maxlen=OUTSTANDING)
        # The buffer, as it was looked at last: in cycle `_now`.
        self._now = 0
        self._flights: deque[Flight] = deque()
        self._reserved = 0
        #: Beats that captures so far make, those combined for certain, and those taken for certain.
        self._made = self._combined = self._taken = 0
        self._served: deque[Served] = deque()
        most_reserved = self.latency + 2 * machine.block_beats
        needed = most_reserved + machine.block_beats + 2 * FETCHED
        if machine.output_beats <= needed:
            raise CostError(
                f"machine {machine.name!r}: output_beats {machine.output_beats} is less than the "
                f"cost model needs: {needed + 1}"
            )

    def begin(self, results: Results) -> None:
        """Begin a compute."""
        self._results, self._leaving = results, 0
        self.beats += results.beats

    def capture(self, cycle: int, beats: int, *, leaves: bool) -> None:
        """Note a capture of ``beats`` beats at most, whose results go on if it ``leaves``."""
        base, results, number = cycle + self.latency, self._results, self._leaving
        if results.on_chip:
            return
        self._reserved += beats
        if not leaves:
            self._flights.append(Flight(base + beats - 1, beats, 0, [], 0, 0))
            return
        first, end = results.bounds[number : number + 2]
        self._flights.append(Flight(base + beats - 1, beats, base, results.offsets, first, end))
        self._made += end - first
        first, end = results.burst_bounds[number : number + 2]
        for burst in results.bursts[first:end]:
            self._complete(base, burst, last=False)
        self._leaving = number + 1

    def close(self, last: int, beats: int) -> None:
        """End a compute, whose last capture was issued in ``last``."""
        closed = last + self.latency + beats
        self.computed.append(closed + BEAT_TO_COMPUTED)
        if self._results.on_chip:
            return
        self._flights.append(Flight(closed, 0, closed, [0], 0, 1))
        self._made += 1
        closing = self._results.closing
        for number, burst in enumerate(closing, 1):
            self._complete(closed, burst, last=number == len(closing))

    def _complete(self, base: int, burst: WriteBurst, *, last: bool) -> None:
        self.waiting.append((burst._replace(cycle=base + burst.cycle), last))
        if len(self.waiting) == 1:
            self._address()

    def _address(self) -> None:
        complete = self.waiting[0][0].cycle
        earlier = max(self._addressed, self._acknowledged[0])
        self.arrival = max(complete + COMPLETE_TO_ADDRESS, earlier + 1)

    def serve(self, served: Served) -> None:
        """Note when memory serves the oldest burst that waits."""
        burst, last = self.waiting.popleft()
        self._served.append(served)
        self._addressed = self.arrival
        response = max(served.moved(burst.beats) + self.write_latency, self._acknowledged[-1] + 1)
        self._acknowledged.append(response)
        if last:
            self.stored.append(response + 1)
        if self.waiting:
            self._address()

    def room(self, cycle: int, beats: int) -> int | None:
        """Return the first cycle from ``cycle`` on that has room for ``beats``; None: not known."""
        most = self.output_beats - beats - 1
        now = max(self._now, cycle - LEVEL_TO_ROOM)
        while True:
            self._forget(now)
            if self._reserved + self._made - self._taken <= most:
                return now + LEVEL_TO_ROOM
            # What memory takes is known up to here.
            known = None
            if self.waiting:
                known = self.port.first_move(self.arrival, write=True) - 1
                if now - 2 > known:
                    return None
            taken, level = self._level(now)
            over = self._reserved + level - most
            if over <= 0:
                return now + LEVEL_TO_ROOM
            # It cannot be sooner than at the next release, or when as many more are taken.
            sooner = []
            if self._flights:
                sooner.append(self._flights[0].released + 1)
            if (moved := self._moved(taken + over)) is not None:
                sooner.append(moved + 2)
            elif known is not None:
                sooner.append(known + 3)
            now = self._now = min(sooner)

    def _forget(self, now: int) -> None:
        """Count what is done for certain in cycle ``now``."""
        self._now = now
        while self._flights and self._flights[0].released < now:
            flight = self._flights.popleft()
            self._reserved -= flight.beats
            self._combined += flight.end - flight.first
        while self._served and self._served[0].moved(self._served[0].beats) <= now - 2:
            self._taken += self._served.popleft().beats

    def _level(self, now: int) -> tuple[int, int]:
        """Return the beats taken at the end of ``now`` - 2, and those in the buffer in ``now``."""
        taken = self._taken
        for served in self._served:
            moved = served.by(now - 2)
            taken += moved
            if not moved:
                break
        combined = self._combined + sum(flight.left(now - 1) for flight in self._flights)
        return taken, max(0, combined - taken - FETCHED)

    def _moved(self, count: int) -> int | None:
        """Return the cycle in which memory takes the ``count``-th beat; None: not known."""
        count -= self._taken
        for served in self._served:
            if count <= served.beats:
                return served.moved(count)
            count -= served.beats
        return None


def codes_latency(machine: Machine) -> int:
    """Return the cycles from a capture to its first column of codes at the output writer."""
    read = ALIGNED_READ_LATENCY + -(-machine.column_bits // 2)
    down, right = machine.rows // machine.cluster - 1, machine.columns // machine.cluster - 1
    return read + ARRAY_LATENCY + down + right + SEARCH_LATENCY + POOL_LATENCY
