"""About how long memory is busy with what is loaded and stored.

Only for choosing between tilings and orders: bursts that a page's end cuts in two are counted on
average, and nothing waits for anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from arch.formats import PAGE_BYTES, THRESHOLD_BYTES
from arch.loads import loader_cycles
from arch.machine import Machine
from arch.memory import Memory
from arch.wide import PRODUCT_BYTES
from compiler.backend.job import Job
from compiler.backend.storage import Layout

THRESHOLD_SETS = 2
"""Row blocks whose thresholds are on chip."""
LOAD_OVERHEAD = 10
"""Cycles of a LOAD beside those of its beats."""


@dataclass(frozen=True)
class Traffic:
    """Cycles of memory, as the port of a machine sees it."""

    machine: Machine
    memory: Memory

    def rows(self, rows: int, beats: int) -> int:
        """Return the cycles of loading so many rows of beats that follow each other."""
        return self._busy(rows, beats, self.machine.beat_bytes, self.machine.max_burst)

    def _busy(self, rows: int, beats: int, beat_bytes: int, longest: int) -> int:
        """``longest``: of a burst, in beats."""
        bursts = rows * -(-beats // longest)
        bursts += rows * beats * beat_bytes // PAGE_BYTES
        return self.memory.busy(bursts, rows * beats, beat_bytes)

    def bytes(self, size: int) -> int:
        """Return the cycles of loading ``size`` bytes that follow each other."""
        return self.rows(1, -(-size // self.machine.beat_bytes))

    def load(self, fields: dict) -> int:
        """Return the cycles that a LOAD takes, of memory or of the loader."""
        rows, beats = fields["rows"], fields["beats"]
        loader = loader_cycles(fields, self.machine.map_steps)
        return max(loader + LOAD_OVERHEAD, self.rows(rows, beats))

    def stores(self, job: Job, layout: Layout, height: int, width: int) -> int:
        """Return the cycles in which memory is kept from loads by one compute's results.

        ``height`` and ``width`` are those of what it computes, ``layout`` is the output's.
        """
        if not self.memory.shared:
            return 0
        height, width, size = height // job.pooling, width // job.pooling, layout.position_bytes
        step, unit, beat = size * job.enlarge, self.machine.transfer_bytes, self.machine.beat_bytes
        if job.enlarge == 1 or step <= unit:
            return self._busy(height, -(-width * step // unit), unit, self.machine.write_burst)
        if step == beat:
            return self._busy(height, width, beat, self.machine.write_burst)
        return self._busy(height * width, -(-size // unit), unit, 1)

    def constants(self, job: Job, layouts: Mapping[str, Layout], words: int) -> int:
        """Return the cycles in which memory is kept from other loads by what every tile asks for
        again: weights (``words`` a row block) and thresholds that do not stay on chip."""
        if not self.memory.shared:
            return 0
        machine = self.machine
        blocks = -(-job.outputs // machine.rows)
        cycles = 0
        if blocks * words > machine.weight_words // 2:
            cycles += blocks * self.bytes(words * machine.rows * machine.lanes // 8)
        # Two sets stay: those that the tile before used last.
        return cycles + max(0, blocks - THRESHOLD_SETS) * self.thresholds(job, layouts)

    def thresholds(self, job: Job, layouts: Mapping[str, Layout]) -> int:
        """Return the cycles in which memory is kept from other loads by a row block's thresholds.

        As tables: which of them will be lines is not known before they are encoded.
        """
        if job.raw or not self.memory.shared:
            return 0
        size = PRODUCT_BYTES
        if job.wide is None:
            size = THRESHOLD_BYTES << layouts[job.output].storage.bits
        return self.bytes(size * self.machine.rows)
