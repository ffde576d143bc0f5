"""Does the network fit the machine? What can be told from shapes and bits, before anything long."""

from collections.abc import Iterable

from arch.formats import CODE_BITS
from arch.machine import MACHINES, Machine
from compiler.backend.packing import Packed
from compiler.errors import CapacityError, UnsupportedError
from golden.network import Convolution, Lookup, Network, Operator, TableSum, WeightedSum

#: Operators that make new codes; the others move them.
COMPUTING = (Convolution, WeightedSum, TableSum, Lookup)


def check_codes(network: Network, machine: Machine) -> None:
    """Refuse wide codes, and tables from codes to codes, where the machine has none of them.

    UnsupportedError names the first layer. What only moves the picture is not refused here.
    """
    if machine.wide_rows:
        return
    refused: list[tuple[Operator, str]] = []
    for operator in network.operators:
        tensor = network.tensors.get(operator.output)
        if tensor is None or not isinstance(operator, COMPUTING):
            continue
        if tensor.bits > CODE_BITS:
            what = f"its result {tensor.name!r} has {tensor.bits}-bit codes"
            refused.append((operator, what))
        elif (
            isinstance(operator, Lookup | TableSum) or getattr(operator, "table", None) is not None
        ):
            what = f"its result {tensor.name!r} is looked up in a table of codes"
            refused.append((operator, what))
    if not refused:
        return
    operator, what = refused[0]
    others = f" ({len(refused)} layers are like that)" if len(refused) > 1 else ""
    raise UnsupportedError(
        f"layer {operator.name!r}: {what}{others}; machine {machine.name!r} has codes of 1 to "
        f"{CODE_BITS} bits between layers, and functions that only rise or only fall. Build for a "
        f"machine with wide codes ({', '.join(_wide_machines())}), or quantise activations to "
        f"1..{CODE_BITS} bits; `compiler explain` shows the network in integers"
    )


def _wide_machines() -> list[str]:
    return [name for name, machine in MACHINES.items() if machine.wide_rows]


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
        bits = packed.grid.bits
        fewer = machine.weight_words * bits // words  # words grow with the bits
        remedy = (
            f". Its weights have {bits} bits, and {fewer} would fit: `--weights {fewer}` of "
            f"`quantize`, `--quantize w{fewer}a...` of `build`"
        )
        raise CapacityError(
            f"layer {packed.job.name!r}: {words} weight words for {machine.rows} output "
            f"channels; machine {machine.name!r} has {machine.weight_words}; use fewer input "
            f"channels or weight bits, or a larger machine{remedy if fewer else ''}"
        )


def check_sums(packed: Packed, machine: Machine) -> None:
    """UnsupportedError where sums could overflow the accumulators."""
    if packed.largest_sum >= 1 << machine.accumulator_bits:
        raise UnsupportedError(
            f"layer {packed.job.name!r}: sums up to {packed.largest_sum} do not fit the "
            f"{machine.accumulator_bits}-bit accumulators of machine {machine.name!r}; use fewer "
            f"input channels or bits of codes or weights, or a machine with wider accumulators"
            f"{_weights_that_fit(packed, machine)}"
        )


def _weights_that_fit(packed: Packed, machine: Machine) -> str:
    """How many bits of weights would do; "" where one is too many."""
    bits = packed.grid.bits
    each = packed.largest_sum // ((1 << bits) - 1)
    fewer = (((1 << machine.accumulator_bits) - 1) // each + 1).bit_length() - 1
    if fewer < 1:
        return ""
    return (
        f". Its weights have {bits} bits, and {fewer} would fit: `--first {fewer}` of `quantize` "
        f"and `build --quantize` for convolutions that see the picture, `--last` for the heads"
    )
