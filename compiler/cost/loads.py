"""When loads happen: the gate, the read port and the loader.

Every function takes and returns cycles; cycle 0 is the first one in which the machine is busy. The
recurrences are those of the docstrings in ``hw/``, which name the cycles likewise.
"""

from collections import deque
from collections.abc import Iterator, Sequence

from arch.formats import PAGE_BYTES
from arch.isa import Opcode
from arch.loads import steps_of
from arch.machine import Machine
from arch.memory import Memory
from compiler.cost.dispatch import QueueTimes
from compiler.cost.port import Served
from golden.program import Instruction

TRANSFER_DEPTH = 8
"""LOADs that the read port may be ahead of the loader (``hw.load.loader``)."""
REQUEST_TO_BURST = 2
BURST_INTERVAL = 2
BURST_TO_ADDRESS = 1
"""``hw.load.read_port``: a burst starts 2 cycles after its request or the burst before it; its
address is on the port a cycle later."""
TRANSFER_TO_BEAT = 2
BEAT_TO_TRANSFER = 2
"""``hw.load.transfer_beats``: from taking a transfer to its first beat, from its last beat to the
next transfer."""
BEAT_TO_COUNT = 6
"""``hw.load.loader``: from a LOAD's last beat to the cycle in which it is counted."""


class LoadTimes:
    """The cycles of one LOAD after the other.

    Memory takes every address at once, since fewer reads are under way than it has room for, and
    keeps what it has read until it is taken.
    """

    def __init__(
        self,
        machine: Machine,
        memory: Memory,
        loads: Sequence[Instruction],
        queue: QueueTimes,
        counters: tuple[list[int], list[int]],
        chunks: list[int],
    ):
        self.beat_bytes = machine.beat_bytes
        self.map_steps = machine.map_steps
        self.page_beats = PAGE_BYTES // machine.beat_bytes
        self.burst_beats = min(machine.max_burst, self.page_beats, 256)
        self.outstanding = machine.outstanding_reads
        self.to_beat = memory.read_latency - 1
        self.queue = queue
        #: Cycles in which the n-th compute, from 1, has been counted as computed, and the n-th for
        #: memory as stored.
        self.counters = counters
        self.chunks = chunks
        #: Cycles in which LOADs have been counted; the first one is the first chunk's.
        self.loaded: list[int] = []
        #: Bursts whose address has come and that memory has not served: (cycle, beats, LOAD).
        self.waiting: deque[tuple[int, int, int]] = deque()
        #: Cycles in which the gate held a LOAD back, and beats read: LOADER_WAIT, READ_BEATS.
        self.waited = 0
        self.beats = 0
        self._loads = loads
        #: Of the LOAD at the loader: bursts that have not been served, and beats that have.
        self._left: list[int] = []
        self._beats_served = 0
        self._transfers = QueueTimes(TRANSFER_DEPTH)
        #: Cycles of all served bursts' last beats.
        self._lasts: list[int] = []
        self._ready = 0
        self._loader_free = 0

    def run(self) -> Iterator[None]:
        """Ask for all bursts; yields where that depends on what is not known yet."""
        free = bursts = 0
        queue, transfers = self.queue, self._transfers
        computed, stored = self.counters
        for number, load in enumerate(self._loads):
            fields = load.fields
            while (
                len(queue.entered) <= number
                or len(computed) <= load.computed
                or len(stored) <= load.stored
            ):
                yield
            released = max(computed[load.computed], stored[load.stored])
            at_gate = queue.end(number)
            self.waited += max(0, released - at_gate)
            while not transfers.room_known:
                yield
            requested = max(max(at_gate, released) + 1, free, transfers.room())
            queue.taken.append(requested)
            transfers.entered.append(requested)
            lengths = self._bursts(fields)
            self._left.append(len(lengths))
            start = requested + REQUEST_TO_BURST
            for length in lengths:
                before = bursts - self.outstanding
                if before >= 0:
                    while len(self._lasts) <= before:
                        yield
                    start = max(start, self._lasts[before] + 1)
                self.waiting.append((start + BURST_TO_ADDRESS, length, number))
                bursts += 1
                free = start + 1
                start += BURST_INTERVAL

    def _bursts(self, load: dict) -> list[int]:
        """Return the beats of each burst of a LOAD."""
        lengths = []
        for row in range(load["rows"]):
            at = (load["address"] + row * load["row_bytes"]) // self.beat_bytes
            left = load["beats"]
            while left:
                length = min(left, self.burst_beats, self.page_beats - at % self.page_beats)
                lengths.append(length)
                at += length
                left -= length
        self.beats += load["rows"] * load["beats"]
        return lengths

    def serve(self, served: Served) -> None:
        """Note when memory serves the oldest burst that waits."""
        _, _, number = self.waiting.popleft()
        fields, transfers = self._loads[number].fields, self._transfers
        if len(transfers.taken) == number:
            taken = max(transfers.end(number), self._loader_free)
            transfers.taken.append(taken)
            self._ready = taken + TRANSFER_TO_BEAT
            self._beats_served = 0
        last = self._take(fields, served)
        self._lasts.append(last)
        self._left[number] -= 1
        if not self._left[number]:
            kept = self._ready - last - 1
            self._loader_free = last + BEAT_TO_TRANSFER + kept
            self.loaded.append(last + BEAT_TO_COUNT + kept)
            if fields["opcode"] is Opcode.LOAD_PROGRAM:
                self.chunks.append(self.loaded[-1])

    def _take(self, fields: dict, served: Served) -> int:
        """Take a burst's beats; return the cycle of the last one."""
        length, steps = served.beats, steps_of(fields, self.map_steps)
        if steps[0] != steps[1]:
            for beat in range(length):
                last = max(self._ready, served.moved(beat + 1) + self.to_beat)
                self._ready = last + steps[(self._beats_served + beat) % 2]
        else:
            # The loader is the slower one for all of the beats, or memory is: beats move at most
            # every ``steps`` cycles, or at least.
            rest = steps[0] * (length - 1)
            last = max(
                self._ready + rest,
                served.moved(1) + self.to_beat + rest,
                served.moved(length) + self.to_beat,
            )
            self._ready = last + steps[0]
        self._beats_served += length
        return last
