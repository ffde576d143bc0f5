"""When loads happen: their queue, the gate, the read port, memory and the loader.

Every function takes and returns cycles; cycle 0 is the first one in which the machine is busy. The
recurrences are those of the docstrings in ``hw/``, which name the cycles likewise.
"""

from collections import deque

from arch.formats import PAGE_BYTES, PICTURE_STEPS
from arch.isa import Opcode
from arch.machine import Machine

QUEUE_LATENCY = 2
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


class QueueTimes:
    """``hw.streams.queue``: the cycles in which payloads enter, stand at the end and are taken.

    A payload that enters in w is at the end in max(w + 2, the one before was taken + 1), and may
    enter once the one ``depth - 1`` places before it has come to the end.
    """

    def __init__(self, depth: int):
        self._ends: deque[int] = deque([0] * (depth - 1), maxlen=depth - 1)
        self._taken = -1

    def room(self) -> int:
        """Return the first cycle in which the next payload may enter."""
        return self._ends[0]

    def enter(self, cycle: int) -> int:
        """Let a payload enter; return the first cycle in which it is at the end."""
        self._ends.append(max(cycle + QUEUE_LATENCY, self._taken + 1))
        return self._ends[-1]

    def take(self, cycle: int) -> None:
        """Take the payload at the end."""
        self._taken = cycle


class LoadTimes:
    """The cycles of one LOAD after the other.

    Memory answers an address in a with a beat in a + ``read_latency``, then one beat per cycle. It
    takes every address at once, since fewer reads are under way than it has room for
    (``sim/memory.v``).
    """

    def __init__(self, machine: Machine, read_latency: int):
        self.beat_bytes = machine.beat_bytes
        self.page_beats = PAGE_BYTES // machine.beat_bytes
        self.burst_beats = min(machine.max_burst, self.page_beats, 256)
        self.first_beat = BURST_TO_ADDRESS + read_latency
        self.queue = QueueTimes(machine.queue_depth)
        #: Cycles in which the gate held a LOAD back, and beats read: LOADER_WAIT, READ_BEATS.
        self.waited = 0
        self.beats = 0
        self._transfers = QueueTimes(TRANSFER_DEPTH)
        #: Last beats of the bursts that may be under way.
        self._under_way = deque([-1] * machine.outstanding_reads, maxlen=machine.outstanding_reads)
        self._port_free = 0
        self._loader_free = 0

    def run(self, load: dict, entered: int, released: int) -> int:
        """Run a LOAD (its fields) that enters the queue in ``entered``.

        ``released`` is the cycle in which the counter that it waits for is there. Returns the cycle
        in which the LOAD has been counted.
        """
        at_gate = self.queue.enter(entered)
        self.waited += max(0, released - at_gate)
        requested = max(at_gate, released) + 1
        requested = max(requested, self._port_free, self._transfers.room())
        self.queue.take(requested)
        transferred = max(self._transfers.enter(requested), self._loader_free)
        self._transfers.take(transferred)

        steps = PICTURE_STEPS if load["opcode"] is Opcode.LOAD_PICTURE else 1
        last = self._read(load, requested + REQUEST_TO_BURST, transferred + TRANSFER_TO_BEAT, steps)
        self._loader_free = last + BEAT_TO_TRANSFER + steps - 1
        return last + BEAT_TO_COUNT + steps - 1

    def _read(self, load: dict, start: int, ready: int, steps: int) -> int:
        """Read all bursts: the first one starts in ``start`` at the earliest, its first beat is
        taken in ``ready`` at the earliest. Returns the cycle of the last beat."""
        under_way, first_beat, last = self._under_way, self.first_beat, ready
        for row in range(load["rows"]):
            at = (load["address"] + row * load["row_bytes"]) // self.beat_bytes
            left = load["beats"]
            while left:
                length = min(left, self.burst_beats, self.page_beats - at % self.page_beats)
                start = max(start, under_way[0] + 1)
                last = max(start + first_beat, ready) + steps * (length - 1)
                under_way.append(last)
                ready = last + steps
                start += BURST_INTERVAL
                at += length
                left -= length
        self.beats += load["rows"] * load["beats"]
        self._port_free = start - BURST_INTERVAL + 1
        return last
