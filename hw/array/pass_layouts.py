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


class SignControl(data.Struct):
    """:class:`PassControl` of machines with signs: ``less`` counts as many less as there are lanes,
    ``signs`` tells that what leaves are the signs of sums."""

    valid: unsigned(1)
    clear: unsigned(1)
    double: unsigned(1)
    capture: unsigned(1)
    pieces: unsigned(SUM_PIECES_BITS)
    less: unsigned(1)
    signs: unsigned(1)


def pass_control(machine: Machine) -> type[data.Struct]:
    """Return how a pass is controlled on this machine."""
    return SignControl if machine.signs else PassControl


def controls(machine: Machine) -> dict[str, object]:
    """Return the members of :func:`pass_control` and their shapes."""
    return {name: field.shape for name, field in data.Layout.cast(pass_control(machine))}


def pass_layout(machine: Machine) -> data.StructLayout:
    """One pass: control, the operands of every column and row, and the ones row's constants.

    Members: ``valid``, ``clear``, ``double``, ``capture`` (1 bit each); ``pieces``, in which its
    sums leave, minus 1; those of machines with signs; ``activations`` [columns] and ``weights``
    [rows], ``lanes`` bits each; ``ones``, one bit per lane group.
    """
    # Operands first: at multiples of 64 bits a simulator reads them as whole words.
    return data.StructLayout({
        "activations": data.ArrayLayout(unsigned(machine.lanes), machine.columns),
        "weights": data.ArrayLayout(unsigned(machine.lanes), machine.rows),
        "ones": machine.lane_groups,
        **controls(machine),
    })  # fmt: skip


def sums_layout(machine: Machine) -> data.StructLayout:
    """The sums of one column: ``valid``, ``first`` (of a block), ``sums`` [rows], ``ones_sum``.

    Of signs, ``sums`` has one bit for each column of a turn, the first one lowest.
    """
    return data.StructLayout({
        "valid": 1,
        "first": 1,
        "sums": data.ArrayLayout(unsigned(machine.accumulator_bits), machine.rows),
        "ones_sum": machine.accumulator_bits,
    })  # fmt: skip


def replicate_ones(machine: Machine, ones: Value) -> Value:
    """Lane operand of the ones row: each group's bit on all lanes of the group."""
    return Cat(ones[group].replicate(machine.group_lanes) for group in range(machine.lane_groups))
