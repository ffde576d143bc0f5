"""Code tables as memory holds them: a beat an entry (docs/machine.md, 2)."""

import numpy as np

from arch.machine import Machine
from arch.wide import CODE_ENTRY_BITS, TABLE_CODES
from compiler.backend.job import WideCodes

ENTRY_BYTES = CODE_ENTRY_BITS // 8


def code_table(wide: WideCodes, machine: Machine) -> bytes:
    """The table of a job from its first entry on, both halves if it has shares; none: no bytes."""
    if wide.shares is not None:
        first, second = wide.shares
        entries = np.zeros(TABLE_CODES + len(second), np.int64)
        entries[: len(first)] = first
        entries[TABLE_CODES:] = second
    elif wide.table is not None:
        entries = wide.table
    else:
        return b""
    beats = np.zeros((len(entries), machine.beat_bytes // ENTRY_BYTES), f"<i{ENTRY_BYTES}")
    beats[:, 0] = entries
    return beats.tobytes()
