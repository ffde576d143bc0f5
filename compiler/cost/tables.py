"""The pass table as it stands when a COMPUTE runs: what cost model and account need of it."""

import numpy as np
from amaranth.lib import data

from arch.formats import LANE_GROUPS
from arch.isa import ENTRY_BYTES, Entry
from arch.machine import Machine
from compiler.cost.results import CostError, block_passes
from golden.program import Instruction


class PassTables:
    """Follows the LOAD_TABLEs of a program in memory ``content`` uint8."""

    def __init__(self, machine: Machine, content: np.ndarray):
        self._content = content
        self._beat_bytes = machine.beat_bytes
        self._captures = np.zeros(machine.table_entries, bool)
        self._leaves = np.zeros(machine.table_entries, bool)
        self._enabled = np.zeros(machine.table_entries, np.int64)
        layout = data.Layout.cast(Entry)
        self._capture, self._pool_last = layout["capture"].offset, layout["pool_last"].offset
        groups, first = data.Layout.cast(layout["group"].shape), layout["group"].offset
        enable = data.Layout.cast(groups[0].shape)["enable"].offset
        self._enables = [first + groups[number].offset + enable for number in range(LANE_GROUPS)]

    def load(self, load: dict) -> None:
        """Carry out a LOAD_TABLE (its fields)."""
        start = load["address"]
        size = load["beats"] * self._beat_bytes // ENTRY_BYTES * ENTRY_BYTES
        entries = self._content[start : start + size].reshape(-1, ENTRY_BYTES)
        bits = np.unpackbits(entries, axis=1, bitorder="little")
        at = load["destination"] + np.arange(len(entries))
        at %= self._captures.size
        self._captures[at] = bits[:, self._capture]
        self._leaves[at] = bits[:, self._pool_last]
        self._enabled[at] = bits[:, self._enables].sum(axis=1)

    def captures(self, compute: Instruction) -> tuple[np.ndarray, np.ndarray]:
        """Return which passes of a block capture [n], and of these whose results go on [n].

        Where the table is run for several pairs of planes, only the last one's passes capture.
        """
        span = _span(compute)
        places = np.flatnonzero(self._captures[span])
        if not places.size or not self._captures[compute.fields["table_last"]]:
            raise CostError(f"{compute}: the last pass must capture")
        before = block_passes(compute.fields) - (span.stop - span.start)
        return before + places, self._leaves[span][places]

    def enabled(self, compute: Instruction) -> float:
        """Return the share of the lane groups that take part in a COMPUTE's passes."""
        return float(self._enabled[_span(compute)].mean()) / LANE_GROUPS


def _span(compute: Instruction) -> slice:
    return slice(compute.fields["table_start"], compute.fields["table_last"] + 1)
