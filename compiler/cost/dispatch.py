"""When instructions come and enter the queues: ``hw.control``, ``hw.streams.queue``."""

from collections.abc import Iterator, Sequence

from arch.isa import CHUNK_BYTES, CHUNK_INSTRUCTIONS, INSTRUCTION_BITS, Opcode
from arch.machine import Machine
from golden.program import Instruction

QUEUE_LATENCY = 2
"""``hw.streams.queue``: from a payload's entry to the queue's end."""


class QueueTimes:
    """The cycles in which payloads of a ``hw.streams.queue.Queue`` enter and are taken, by number.

    Its timing is told there.
    """

    def __init__(self, depth: int):
        self.depth = depth
        self.entered: list[int] = []
        self.taken: list[int] = []

    def end(self, number: int) -> int:
        """Return the first cycle in which a payload stands at the end."""
        before = self.taken[number - 1] if number else -1
        return max(self.entered[number] + QUEUE_LATENCY, before + 1)

    @property
    def room_known(self) -> bool:
        """Whether enough payloads have been taken to say when the next one may enter."""
        return len(self.entered) - self.depth + 1 <= len(self.taken)

    def room(self) -> int:
        """Return the first cycle in which the next payload may enter."""
        number = len(self.entered) - self.depth + 1
        return self.end(number) if number >= 0 else 0


class DispatchTimes:
    """When instructions come, in order, and enter the queues of loads and computes."""

    def __init__(self, machine: Machine, program: Sequence[Instruction], chunks: list[int]):
        words = INSTRUCTION_BITS // machine.axi_data_bits
        self._latency = words + 1
        self._program = program
        #: Cycles in which chunks can be read: known as their loads are.
        self._chunks = chunks
        self._taken = -1
        self.loads = QueueTimes(machine.queue_depth)
        self.computes = QueueTimes(machine.queue_depth)
        #: Cycle in which END is there.
        self.ends: int | None = None

    def come(self, place: int) -> int:
        """Return the first cycle in which instruction ``place`` is there."""
        fetched = self._taken + 1
        if place % CHUNK_INSTRUCTIONS == 0:
            fetched = max(fetched, self._chunks[place // CHUNK_INSTRUCTIONS])
        return fetched + self._latency

    def take(self, cycle: int) -> None:
        """Note that an instruction was taken."""
        self._taken = cycle

    def run(self) -> Iterator[None]:
        """Dispatch all instructions; yields where that depends on what is not known yet."""
        self.loads.entered.append(0)  # the first chunk's LOAD_PROGRAM
        for instruction in self._program:
            while not self._there(instruction.place):
                yield
            comes = self.come(instruction.place)
            queue = self.loads if instruction.is_load else self.computes
            while not queue.room_known:
                yield
            queue.entered.append(max(comes, queue.room()))
            self.take(queue.entered[-1])
        while not self._there(len(self._program)):
            yield
        self.ends = self.come(len(self._program))

    def _there(self, place: int) -> bool:
        return place % CHUNK_INSTRUCTIONS or place // CHUNK_INSTRUCTIONS < len(self._chunks)


def loads_of(machine: Machine, program: Sequence[Instruction], address: int) -> list[Instruction]:
    """Return the LOADs of a program, and in front of them the one that fetches its first chunk."""
    boot = {
        "opcode": Opcode.LOAD_PROGRAM,
        "address": address,
        "rows": 1,
        "beats": CHUNK_BYTES // machine.beat_bytes,
        "row_bytes": 0,
    }
    return [Instruction(0, 0, 0, boot), *(one for one in program if one.is_load)]
