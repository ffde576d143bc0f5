"""The cycles of a program of LOADs, from the docstrings of hw/: what a cost model has to reckon."""

from arch.isa import INSTRUCTION_BITS
from hw.load.loader import TRANSFER_DEPTH
from tests.hw.load_model import interval


def cut(machine, load):
    """Return the bursts (address, beats) of a load, as docs/machine.md has them."""
    bursts = []
    for row in range(load["rows"]):
        address = load["address"] + row * load["row_bytes"]
        left = load["beats"]
        while left:
            beats = min(left, machine.max_burst, (4096 - address % 4096) // machine.beat_bytes)
            bursts.append((address, beats))
            address += beats * machine.beat_bytes
            left -= beats
    return bursts


class QueueTiming:
    """hw.streams.queue: `push` and `pop` return cycles, entry by entry."""

    def __init__(self, depth):
        self.depth = depth
        self.moves = []  # to the output register
        self.pops = []

    def room(self):
        """Return the first cycle in which the next entry may be pushed."""
        return self.moves[1 - self.depth] + 1 if len(self.moves) >= self.depth - 1 else 0

    def push(self, cycle):
        """Push in this cycle, after the entry before was popped; return when the entry is at the
        end.

        The queue's entries must be popped in between, or at least their cycles known: see
        `predict`."""
        self.moves.append(max(cycle + 1, self.pops[-1] if self.pops else 0))
        return self.moves[-1] + 1

    def pop(self, cycle):
        self.pops.append(cycle)


def predict(machine, loads, latency):
    """Return when each LOAD (the boot load first) is counted, and CYCLES at the END behind them.

    Cycle 0 is the first busy cycle. The memory takes addresses at once and answers after `latency`.
    """
    beats_per_instruction = INSTRUCTION_BITS // machine.axi_data_bits
    queue, transfers = QueueTiming(machine.queue_depth), QueueTiming(TRANSFER_DEPTH)
    rises, lasts, counted = [], [], []
    dispatched, free, last_beat = 0, 0, 0
    for number, load in enumerate(loads):
        # The dispatcher: boot in cycle 0, then one instruction per interval.
        if number == 1:
            dispatched = counted[0] + beats_per_instruction + 1
        elif number > 1:
            dispatched += beats_per_instruction + 2
        dispatched = max(dispatched, queue.room())

        # The gate: when both the read port and the queue of transfers have room.
        passes = max(queue.push(dispatched) + 1, transfers.room(), rises[-1] if rises else 0)
        queue.pop(passes)

        # Transfers.
        begins = max(transfers.push(passes), free)
        transfers.pop(begins)
        beat = max(begins + 2, last_beat + 1)

        # Bursts and their beats.
        number_in_row = 0
        for place, (_, count) in enumerate(cut(machine, load)):
            rise = rises[-1] + 2 if place else passes + 3
            if len(rises) >= machine.outstanding_reads:
                rise = max(rise, lasts[-machine.outstanding_reads] + 2)
            rises.append(rise)
            for _ in range(count):
                last_beat = max(beat, rise + latency)
                beat = last_beat + interval(machine, load, number_in_row)
                number_in_row += 1
            lasts.append(last_beat)
        extra = interval(machine, load, load["beats"] - 1) - 1
        free = last_beat + 2 + extra
        counted.append(last_beat + 6 + extra)
    if len(loads) == 1:
        end = counted[0] + beats_per_instruction + 1
    else:
        end = dispatched + beats_per_instruction + 2
    return counted, max(end, counted[-1]) + 2
