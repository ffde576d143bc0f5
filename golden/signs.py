"""Codes that are the signs of sums: what programs that have some must keep to (docs/machine.md,
section 6)."""

from collections.abc import Sequence
from typing import Protocol

from arch.formats import LEAST_SIGN_CYCLES
from arch.isa import Planes, chip_place, has_signs
from arch.machine import Machine
from golden.program import Instruction, MachineError


class Flags(Protocol):
    """What is asked of a pass."""

    capture: bool
    pool_first: bool
    pool_last: bool
    less: bool


def check_signs(machine: Machine, compute: Instruction, passes: Sequence[Flags]) -> None:
    """:class:`MachineError` where signs leave in another way than they can, or sums that are no
    signs may fall below zero."""
    fields = compute.fields
    if not (machine.signs and has_signs(fields)):
        if any(each.less for each in passes):
            raise MachineError(f"{compute}: passes that count less are for the signs of sums")
        return
    for name in ("pair", "add_ones"):
        if fields[name]:
            raise MachineError(f"{compute}: {name} with the signs of sums is not defined")
    if fields["planes"] is not Planes.ONE:
        raise MachineError(f"{compute} writes signs as {fields['planes'].count} planes, not 1")
    if not all(each.pool_first and each.pool_last for each in passes if each.capture):
        raise MachineError(f"{compute}: the signs of sums cannot be pooled")
    cycles = machine.sign_turns * (fields["sum_pieces"] + 1)
    if cycles < LEAST_SIGN_CYCLES or (fields["on_chip"] and not fields["sum_pieces"]):
        raise MachineError(
            f"{compute}: the signs of a block leave in {cycles} cycles; they take at least "
            f"{LEAST_SIGN_CYCLES}, and pieces for the chip two each"
        )
    if fields["row_length"] % machine.slots:
        raise MachineError(
            f"{compute}: row_length {fields['row_length']} of signs must be a multiple of "
            f"{machine.slots}"
        )
    if fields["on_chip"]:
        if chip_place(fields)["apart"]:
            raise MachineError(f"{compute}: signs lie one behind the other, not apart")
        return
    for name in ("address", "row_bytes"):
        if fields[name] % machine.transfer_bytes:
            raise MachineError(
                f"{compute}: {name} {fields[name]} of signs must be a multiple of "
                f"{machine.transfer_bytes}"
            )
    if fields["position_bytes"] != machine.plane_bytes:
        raise MachineError(
            f"{compute}: position_bytes {fields['position_bytes']} of signs must be "
            f"{machine.plane_bytes}"
        )
