"""The thresholds of a row block as memory holds them: all of them, or a line for each row.

A line is 8 bytes, a base and a step, whatever the bits of the codes; the loader makes thresholds of
it as fast as it takes a table's (docs/machine.md, 3). So a block is stored that way where it is the
smaller one, and where the thresholds of all its rows lie on lines.
"""

from dataclasses import dataclass

import numpy as np

from arch.formats import THRESHOLD_BYTES
from arch.isa import Opcode, encode, width
from arch.loads import FRACTION_BITS, LINE_BYTES, LineNumber
from arch.machine import Machine
from compiler.backend.requantising.array_thresholds import ArrayThresholds
from compiler.backend.requantising.threshold_lines import threshold_line


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
    blocks = []
    for first in range(0, len(wanted.levels), machine.rows):
        rows = range(first, min(first + machine.rows, len(wanted.levels)))
        lines = _lines(wanted, rows, machine) if smaller else None
        blocks.append(ThresholdBlock(_table(wanted, rows, machine)) if lines is None else lines)
    return tuple(blocks)


def _table(wanted: ArrayThresholds, rows: range, machine: Machine) -> bytes:
    """2^bits x rows words of 32 bits; word 0 holds the flip bit."""
    table = np.full((1 << wanted.bits, machine.rows), _never(machine), f"<u{THRESHOLD_BYTES}")
    table[0] = 0
    table[0, : len(rows)] = wanted.flip[rows]
    table[1:, : len(rows)] = wanted.levels[rows].T
    return table.tobytes()


def _lines(wanted: ArrayThresholds, rows: range, machine: Machine) -> ThresholdBlock | None:
    """Beat by beat as many bases as it holds, then their steps; None where a row has no line."""
    units = np.zeros((machine.rows, 2), f"<u{THRESHOLD_BYTES}")
    units[len(rows) :, 0] = _encoded(0, 1)  # all are passed, and that is flipped
    for place, row in enumerate(rows):
        line = line_of(wanted, row, machine)
        if line is None:
            return None
        base, step = line
        units[place] = _encoded(base, int(wanted.flip[row])), _encoded(step)
    together = machine.beat_bytes // THRESHOLD_BYTES
    return ThresholdBlock(units.reshape(-1, together, 2).swapaxes(1, 2).tobytes(), wanted.bits)


def _encoded(value: int, flip: int = 0) -> int:
    """A :class:`arch.loads.LineNumber`; its whole part wraps."""
    whole, fraction = divmod(value, 1 << FRACTION_BITS)
    whole %= 1 << width(LineNumber, "whole")
    return encode(LineNumber, {"whole": whole, "fraction": fraction, "flip": flip})


def line_of(wanted: ArrayThresholds, row: int, machine: Machine) -> tuple[int, int] | None:
    """Return a row's base and step, in 1/2^FRACTION_BITS; None where it has no line.

    It is accepted only if its thresholds tell all sums apart that those of the row tell apart.
    """
    levels, spacing = wanted.levels[row], wanted.spacing
    low, high = int(wanted.low[row]), int(wanted.high[row])
    found = threshold_line(levels, low, high, spacing)
    if found is None or found.fraction > FRACTION_BITS:
        return None
    finer = FRACTION_BITS - found.fraction
    step = found.step << finer
    base = (found.base << finer) - step  # its first threshold has number 1
    most = min(_never(machine), (1 << width(LineNumber, "whole")) - 1)
    if step < 0 or step >> FRACTION_BITS > most:
        return None
    made = base + np.arange(1, levels.size + 1) * step >> FRACTION_BITS
    if made[0] < 0 or made[-1] > most:
        return None
    if (_reaching(made, low, high, spacing) != _reaching(levels, low, high, spacing)).any():
        return None
    return base, step


def _reaching(levels: np.ndarray, low: int, high: int, spacing: int) -> np.ndarray:
    """How many of the sums low, low + spacing, ..., high lie below each threshold."""
    return np.clip(-((low - levels) // spacing), 0, (high - low) // spacing + 1)


def _never(machine: Machine) -> int:
    """A threshold that no sum reaches."""
    return (1 << machine.sum_bits) - 1
