"""When results reach memory: columns, beats, bursts and their acknowledgement."""

from collections import deque

import numpy as np

from arch.errors import OnefourError
from arch.formats import PAGE_BYTES, RAW_CHUNK_BYTES
from arch.machine import Machine

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
BURST_TO_DATA = 5
"""From the cycle in which a burst is complete to its first beat on the port."""
OUTSTANDING = 16
"""Bursts that may wait for their acknowledgement (``hw.results.axi_write``, ``sim/memory.v``)."""


class CostError(OnefourError):
    """A machine, memory or program whose cycles this model does not tell exactly."""


class WriteTimes:
    """The cycles of one COMPUTE's results after the other, from its captures on.

    Why the sequencer never waits for room in the output buffer, which is what
    :class:`compiler.cost.passes.PassTimes` takes for granted. Beats come at most one per cycle.
    While a complete burst waits, beats leave one per cycle: bursts are announced up to 16 ahead,
    and the acknowledgement of burst k - 16 is there before the data of burst k - 1 are through,
    since those of the bursts between take 15 cycles at least and ``write_latency`` is at most 14.
    So the buffer never holds more than an incomplete burst and what was complete for less than
    ``BURST_TO_DATA`` cycles: max_burst + 5 beats. Captures reserve as many beats as they are
    cycles apart, from their issue until their last column is combined: those under way make at most
    the latency plus twice the longest such time. A greater ``write_latency`` makes bursts wait for
    each other; then the buffer's level is looked at, beat by beat.
    """

    def __init__(self, machine: Machine, write_latency: int):
        self.machine = machine
        self.write_latency = write_latency
        self.codes_latency = codes_latency(machine)
        #: Beats written: WRITE_BEATS.
        self.beats = 0
        self._sent = -1
        #: Last beat and length of the bursts that were not sent when the latest beat came.
        self._held = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._acknowledged = deque([-BURST_TO_DATA] * OUTSTANDING, maxlen=OUTSTANDING)
        reserved = self.codes_latency + COLUMN_TO_BEAT + 2 * machine.block_beats
        #: Beats that the buffer may hold whatever the captures have reserved.
        self._room = machine.output_beats - machine.block_beats - reserved - 1
        if machine.max_burst + BURST_TO_DATA > self._room:
            raise CostError(
                f"machine {machine.name!r}: output_beats {machine.output_beats} may fill up, which "
                f"the cost model leaves out; it needs "
                f"{machine.output_beats - self._room + machine.max_burst + BURST_TO_DATA}"
            )

    def run(self, compute: dict, captures: np.ndarray, last: int) -> tuple[int, int]:
        """Return the cycles in which a COMPUTE has been counted as computed and as stored.

        ``captures`` [n] are the cycles of those whose results go on, ``last`` is the cycle of its
        last capture.
        """
        raw = bool(compute["raw"])
        span = self.machine.block_beats if raw else self.machine.columns
        closed = last + self.codes_latency + COLUMN_TO_BEAT + span
        numbers, cycles = self._beats(compute, captures, raw)
        # A beat leaves with the first piece of the next one.
        leaves = np.append(cycles[1:], closed)
        lengths, complete = self._bursts(numbers, leaves)
        self.beats += len(numbers)
        sent = self._send(lengths, complete, leaves)
        return closed + BEAT_TO_COMPUTED, sent + self.write_latency + 1

    def _beats(
        self, compute: dict, captures: np.ndarray, raw: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return number (address in beats) and cycle of the first piece of every beat."""
        machine = self.machine
        columns = machine.columns
        chunks = machine.raw_chunks if raw else 1
        index = np.arange(captures.size * columns)
        y, x = np.divmod(index, compute["row_length"])
        written = (x < compute["width"]) & (y < compute["height"])
        pair = compute["pair"] and not raw
        if pair:
            written &= x & 1 == 1
            x = x >> 1
        index, y, x = index[written], y[written], x[written]
        if not index.size:
            raise CostError("a compute writes nothing: the program would wait for it forever")
        block, column = np.divmod(index, columns)
        address = compute["address"] + y * compute["row_bytes"] + x * compute["position_bytes"]
        cycle = captures[block] + self.codes_latency + COLUMN_TO_BEAT + column * chunks
        if raw:
            piece = np.arange(chunks)
            address = (address[:, None] + RAW_CHUNK_BYTES * piece).ravel()
            cycle = (cycle[:, None] + piece).ravel()
        numbers = address // machine.beat_bytes
        fresh = np.append(True, numbers[1:] != numbers[:-1])
        return numbers[fresh], cycle[fresh]

    def _bursts(self, numbers: np.ndarray, leaves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return length and cycle of completion of every burst."""
        page = PAGE_BYTES // self.machine.beat_bytes
        index = np.arange(numbers.size)
        at_end = numbers % page == page - 1
        apart = np.append(True, (numbers[1:] != numbers[:-1] + 1) | at_end[:-1])
        run = np.maximum.accumulate(np.where(apart, index, 0))
        first = np.flatnonzero((index - run) % self.machine.max_burst == 0)
        after = np.append(first[1:], numbers.size)
        lengths = after - first
        # It is complete when its last beat says so, or else when another beat comes.
        ended = at_end[after - 1] | (lengths == self.machine.max_burst)
        ended[-1] = True
        following = leaves[np.minimum(after, numbers.size - 1)]
        return lengths, np.where(ended, leaves[after - 1] + 1, following)

    def _send(self, lengths: np.ndarray, complete: np.ndarray, leaves: np.ndarray) -> int:
        """Send a compute's bursts; return the cycle of the last beat."""
        ready = complete + BURST_TO_DATA
        if self.write_latency <= OUTSTANDING - 2:
            done = np.cumsum(lengths)
            # Some burst starts when it is ready, and from there on beat follows beat.
            start = max(int((ready - (done - lengths)).max()), self._sent + 1)
            self._sent = start + int(done[-1]) - 1
            return self._sent
        ends = []
        for length, cycle in zip(lengths.tolist(), ready.tolist(), strict=True):
            start = max(cycle, self._sent + 1, self._acknowledged[0] + 2)
            self._sent = start + length - 1
            self._acknowledged.append(self._sent + self.write_latency)
            ends.append(self._sent)
        self._check_level(np.array(ends), lengths, leaves)
        return self._sent

    def _check_level(self, ends: np.ndarray, lengths: np.ndarray, leaves: np.ndarray) -> None:
        """Raise :class:`CostError` unless the buffer has room for each beat that comes."""
        held_ends, held_lengths = self._held
        arrived = held_lengths.sum() + np.arange(1, leaves.size + 1)
        ends, lengths = np.append(held_ends, ends), np.append(held_lengths, lengths)
        sent = np.append(0, np.cumsum(lengths))[np.searchsorted(ends, leaves)]
        if int((arrived - sent).max()) > self._room:
            raise CostError(
                f"memory that acknowledges writes after {self.write_latency} cycles lets the "
                f"output buffer fill up, which the cost model leaves out"
            )
        held = ends >= leaves[-1]
        self._held = ends[held], lengths[held]


def codes_latency(machine: Machine) -> int:
    """Return the cycles from a capture to its first column of codes at the output writer."""
    read = ALIGNED_READ_LATENCY + -(-machine.column_bits // 2)
    down, right = machine.rows // machine.cluster - 1, machine.columns // machine.cluster - 1
    return read + ARRAY_LATENCY + down + right + SEARCH_LATENCY + POOL_LATENCY
