"""Does the network fit the machine? What can be told from shapes and bits, before anything long."""

from collections.abc import Iterable

from arch.machine import Machine
from compiler.backend.packing import Packed
from compiler.errors import CapacityError, UnsupportedError


def check_capacity(jobs: Iterable[Packed], machine: Machine) -> None:
    """Refuse the first job whose weights, passes or sums the machine has no room for.

    CapacityError or UnsupportedError name the layer, what it needs and what the machine has.
    """
    for packed in jobs:
        check_weights(packed, machine)
        packed.table.check(packed.job.name, machine)
        check_sums(packed, machine)


def check_weights(packed: Packed, machine: Machine) -> None:
    """CapacityError unless one row block's weights fit the weight memory."""
    words = packed.packing.word_count
    if words > machine.weight_words:
        raise CapacityError(
            f"layer {packed.job.name!r}: {words} weight words for {machine.rows} output "
            f"channels; machine {machine.name!r} has {machine.weight_words}; use fewer input "
            f"channels or weight bits, or a larger machine"
        )


def check_sums(packed: Packed, machine: Machine) -> None:
    """UnsupportedError where sums could overflow the accumulators."""
    if packed.largest_sum >= 1 << machine.accumulator_bits:
        raise UnsupportedError(
            f"layer {packed.job.name!r}: sums up to {packed.largest_sum} do not fit the "
            f"{machine.accumulator_bits}-bit accumulators of machine {machine.name!r}; use fewer "
            f"input channels or bits, or a machine with wider accumulators"
        )
