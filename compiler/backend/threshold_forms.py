"""The thresholds of a row block as memory holds them: all of them, or a line for each row.

Lines (base and step) are 8 bytes a row, whatever its codes, and the loader makes the thresholds of
them (docs/machine.md, 3). Where memory is slower than that, and the thresholds of every row lie on
a line, a block is stored so.
"""

from dataclasses import dataclass

import numpy as np

from arch.formats import THRESHOLD_BITS, THRESHOLD_BYTES
from arch.isa import Opcode, encode, most
from arch.loads import FRACTION_BITS, LINE_BYTES, Line
from arch.machine import Machine
from compiler.backend.array_thresholds import ArrayThresholds
from compiler.backend.requantising.threshold_lines import threshold_line
from compiler.backend.traffic import Traffic


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


def threshold_blocks(wanted: ArrayThresholds, traffic: Traffic) -> tuple[ThresholdBlock, ...]:
    """Return the blocks of all rows; rows beyond the layer's outputs pass no threshold: code 0."""
    machine, bits = traffic.machine, wanted.bits
    prefers_lines = traffic.prefers_lines(bits)
    blocks = []
    for first in range(0, len(wanted.levels), machine.rows):
        rows = range(first, min(first + machine.rows, len(wanted.levels)))
        lines = _lines(wanted, rows, machine) if prefers_lines else None
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
    """A line a row; None where the thresholds of some row lie on none."""
    lines = [{"whole": _never(machine)}] * (machine.rows - len(rows))
    for row in reversed(rows):
        line = line_of(wanted, row, machine)
        if line is None:
            return None
        lines.insert(0, line)
    content = b"".join(encode(Line, line).to_bytes(LINE_BYTES, "little") for line in lines)
    return ThresholdBlock(content, wanted.bits)


def line_of(wanted: ArrayThresholds, row: int, machine: Machine) -> dict | None:
    """Return the fields of a row's :class:`arch.loads.Line`; None where there is none.

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
    if not 0 <= step <= most(Line, "step"):
        return None
    made = base + np.arange(1, levels.size + 1) * step >> FRACTION_BITS
    if made[0] < 0 or made[-1] > _never(machine):
        return None
    if (_reaching(made, low, high, spacing) != _reaching(levels, low, high, spacing)).any():
        return None
    whole, fraction = divmod(base, 1 << FRACTION_BITS)
    return {
        "whole": whole % (1 << THRESHOLD_BITS),
        "flip": int(wanted.flip[row]),
        "fraction": fraction,
        "step": step,
    }


def _reaching(levels: np.ndarray, low: int, high: int, spacing: int) -> np.ndarray:
    """How many of the sums low, low + spacing, ..., high lie below each threshold."""
    return np.clip(-((low - levels) // spacing), 0, (high - low) // spacing + 1)


def _never(machine: Machine) -> int:
    """A threshold that no sum reaches."""
    return (1 << machine.sum_bits) - 1
