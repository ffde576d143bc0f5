"""The thresholds of a row block as memory holds them: all of them, or a line for each row.

A line is 8 bytes, a base and a step, whatever the bits of the codes; the loader makes thresholds of
it as fast as it takes a table's (docs/machine.md, 3). So a block is stored that way where it is the
smaller one, and where the thresholds of all its rows lie on lines.
"""

from dataclasses import dataclass

import numpy as np

from arch.formats import THRESHOLD_BYTES
from arch.isa import Opcode, offset, width
from arch.loads import FRACTION_BITS, LINE_BYTES, LineNumber
from arch.machine import Machine
from compiler.backend.requantising.array_thresholds import ArrayThresholds
from compiler.backend.requantising.threshold_lines import threshold_lines


@dataclass(frozen=True)
class ThresholdBlock:
    """What memory holds for a row block: thresholds, or with ``code_bits`` lines for that many."""

    content: bytes
    code_bits: int = 0

    def load_fields(self, machine: Machine) -> dict:
        """Return the fields of its LOAD that are known before it has an address."""
        return {
            "opcode": Opcode.LOAD_THRESHOLDS,
            "rows": 1,
            "beats": -(-len(self.content) // machine.beat_bytes),
            "code_bits": self.code_bits,
        }


def threshold_blocks(wanted: ArrayThresholds, machine: Machine) -> tuple[ThresholdBlock, ...]:
    """Return the blocks of all rows; rows beyond the layer's outputs pass no threshold: code 0."""
    smaller = THRESHOLD_BYTES << wanted.bits > LINE_BYTES
    found = lines_of(wanted, machine) if smaller else None
    blocks = []
    for first in range(0, len(wanted.levels), machine.rows):
        rows = range(first, min(first + machine.rows, len(wanted.levels)))
        if found is not None and found.there[rows].all():
            blocks.append(ThresholdBlock(_lines(wanted, found, rows, machine), wanted.bits))
        else:
            blocks.append(ThresholdBlock(_table(wanted, rows, machine)))
    return tuple(blocks)


def _table(wanted: ArrayThresholds, rows: range, machine: Machine) -> bytes:
    """2^bits x rows words of 32 bits; word 0 holds the flip bit."""
    table = np.full((1 << wanted.bits, machine.rows), _never(machine), f"<u{THRESHOLD_BYTES}")
    table[0] = 0
    table[0, : len(rows)] = wanted.flip[rows]
    table[1:, : len(rows)] = wanted.levels[rows].T
    return table.tobytes()


@dataclass(frozen=True, eq=False)
class Lines:
    """Bases and steps of rows in 1/2^FRACTION_BITS, int64 [R], and where there is one, bool [R]."""

    base: np.ndarray
    step: np.ndarray
    there: np.ndarray


def lines_of(wanted: ArrayThresholds, machine: Machine) -> Lines:
    """The line of each row.

    It is accepted only if its thresholds tell all sums apart that those of the row tell apart.
    """
    levels, low, high, spacing = wanted.levels, wanted.low, wanted.high, wanted.spacing
    found = threshold_lines(levels, low, high, spacing)
    finer = np.maximum(FRACTION_BITS - found.fraction, 0)
    step = found.step << finer
    base = (found.base << finer) - step  # its first threshold has number 1
    most = min(_never(machine), (1 << width(LineNumber, "whole")) - 1)
    numbers = np.arange(1, levels.shape[1] + 1)
    made = base[:, None] + numbers * step[:, None] >> FRACTION_BITS
    there = found.found & (found.fraction <= FRACTION_BITS)
    there &= (step >= 0) & (step >> FRACTION_BITS <= most)
    there &= (made[:, 0] >= 0) & (made[:, -1] <= most)
    low, high = low[:, None], high[:, None]
    same = _reaching(made, low, high, spacing) == _reaching(levels, low, high, spacing)
    return Lines(base, step, there & same.all(1))


def _lines(wanted: ArrayThresholds, found: Lines, rows: range, machine: Machine) -> bytes:
    """Beat by beat as many bases as it holds, then their steps."""
    units = np.full((machine.rows, 2), _encoded(np.int64(0)), f"<u{THRESHOLD_BYTES}")
    units[len(rows) :, 0] = _encoded(np.int64(0), 1)  # all are passed: that is flipped
    units[: len(rows), 0] = _encoded(found.base[rows], wanted.flip[rows])
    units[: len(rows), 1] = _encoded(found.step[rows])
    together = machine.beat_bytes // THRESHOLD_BYTES
    return units.reshape(-1, together, 2).swapaxes(1, 2).tobytes()


def _encoded(value: np.ndarray, flip: np.ndarray | int = 0) -> np.ndarray:
    """:class:`arch.loads.LineNumber` of each; whole parts wrap."""
    parts = {
        "whole": (value >> FRACTION_BITS) & (1 << width(LineNumber, "whole")) - 1,
        "fraction": value & (1 << FRACTION_BITS) - 1,
        "flip": flip,
    }
    return sum(number << offset(LineNumber, name) for name, number in parts.items())


def _reaching(levels: np.ndarray, low: int, high: int, spacing: int) -> np.ndarray:
    """How many of the sums low, low + spacing, ..., high lie below each threshold."""
    return np.clip(-((low - levels) // spacing), 0, (high - low) // spacing + 1)


def _never(machine: Machine) -> int:
    """A threshold that no sum reaches."""
    return (1 << machine.sum_bits) - 1
