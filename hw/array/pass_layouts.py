"""What flows into the array and what leaves it."""

from amaranth.hdl import Cat, Value, unsigned
from amaranth.lib import data

from arch.isa import SUM_PIECES_BITS
from arch.machine import Machine


class PassControl(data.Struct):
    """How a pass enters the accumulators, see ``hw.array.processing_element``, and how its sums
    leave, see ``hw.array.array``."""

    valid: unsigned(1)
    clear: unsigned(1)
    double: unsigned(1)
    capture: unsigned(1)
    pieces: unsigned(SUM_PIECES_BITS)


CONTROLS = ("valid", "clear", "double", "capture", "pieces")
"""The members of :class:`PassControl`."""


def pass_layout(machine: Machine) -> data.StructLayout:
    """One pass: control, the operands of every column and row, and the ones row's constants.

    Members: ``valid``, ``clear``, ``double``, ``capture`` (1 bit each); ``pieces``, in which its
    sums leave, minus 1; ``activations`` [columns] and ``weights`` [rows], ``lanes`` bits each;
    ``ones``, one bit per lane group.
    """
    # Operands first: at multiples of 64 bits a simulator reads them as whole words.
    return data.StructLayout({
        "activations": data.ArrayLayout(unsigned(machine.lanes), machine.columns),
        "weights": data.ArrayLayout(unsigned(machine.lanes), machine.rows),
        "ones": machine.lane_groups,
        "valid": 1,
        "clear": 1,
        "double": 1,
        "capture": 1,
        "pieces": SUM_PIECES_BITS,
    })  # fmt: skip


def sums_layout(machine: Machine) -> data.StructLayout:
    """The sums of one column: ``valid``, ``first`` (of a block), ``sums`` [rows], ``ones_sum``."""
    return data.StructLayout({
        "valid": 1,
        "first": 1,
        "sums": data.ArrayLayout(unsigned(machine.accumulator_bits), machine.rows),
        "ones_sum": machine.accumulator_bits,
    })  # fmt: skip


def replicate_ones(machine: Machine, ones: Value) -> Value:
    """Lane operand of the ones row: each group's bit on all lanes of the group."""
    return Cat(ones[group].replicate(machine.group_lanes) for group in range(machine.lane_groups))
