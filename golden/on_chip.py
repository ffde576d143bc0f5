"""Results that go to the activation memory, and what programs that have some must keep to
(docs/machine.md sections 5 and 6)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arch.formats import GROUP_LANES
from arch.isa import Opcode, PostMode, chip_place, has_signs
from arch.machine import Machine
from golden.formats import planes_of
from golden.loader import ChipMemories, check_banks
from golden.program import Instruction, MachineError


@dataclass(frozen=True)
class ChipWrites:
    """Words on their way to the lane groups ``groups``, in order: int64 and uint16, [n, planes]."""

    positions: np.ndarray
    values: np.ndarray
    groups: int

    def apply(self, chip: ChipMemories) -> None:
        chip.store(self.positions, self.values, self.groups)

    def apply_late(self, chip: ChipMemories, compute: int) -> None:
        """Write results of a compute, but for words that LOADs have written which waited for it."""
        for group in range(chip.machine.lane_groups):
            if self.groups >> group & 1:
                kept = chip.awaited[self.positions, group] <= compute
                chip.activations[self.positions[kept], group] = self.values[kept]


class LateResults:
    """Results for the chip that are written as late as a program allows."""

    def __init__(self, program: Sequence[Instruction]):
        awaits = [instruction.awaits for instruction in program if instruction.is_load]
        #: How many computes are done when the first n loads are complete.
        self._done = np.maximum.accumulate([0, *awaits])
        self._waiting: list[tuple[int, ChipWrites]] = []

    def add(self, compute: int, writes: ChipWrites) -> None:
        self._waiting.append((compute, writes))

    def before(self, compute: Instruction, chip: ChipMemories) -> None:
        """Write what a compute waits for, or what LOADs have waited for that it waits for."""
        done = self._done[compute.awaits]
        if compute.fields["after_results"]:
            done = compute.index
        while self._waiting and self._waiting[0][0] < done:
            number, writes = self._waiting.pop(0)
            writes.apply_late(chip, number)


def chip_writes(
    machine: Machine, compute: Instruction, y: np.ndarray, x: np.ndarray, codes: np.ndarray
) -> ChipWrites:
    """Give the codes [16, n] of the positions (y, x) of a COMPUTE their places on chip."""
    place, planes = chip_place(compute.fields), compute.fields["planes"].count
    moved = 2 * place["row_pairs"] * y + (1 + place["apart"]) * x
    positions = place["destination"] + _column(place, moved)
    positions = positions[:, None] + np.arange(planes) * place["plane_stride"]
    content = planes_of(codes, planes).reshape(len(positions), planes, -1)
    words = np.ascontiguousarray(content).view("<u2")[..., 0]
    return ChipWrites(positions % machine.positions, words, place["groups"])


def check_compute(machine: Machine, compute: Instruction) -> None:
    """:class:`MachineError` where results for the chip come in another way than it can take them.

    Whole beats leave, n positions each, and at most one in two cycles. So two positions that
    follow each other must lie in one beat, unless every column stays for several cycles. All words
    of a beat lie in different banks.
    """
    fields, place = compute.fields, chip_place(compute.fields)
    if not machine.keeps_results:
        raise MachineError(
            f"{compute}: results stay on chip only in machines of {GROUP_LANES} rows; machine "
            f"{machine.name!r} has {machine.rows}"
        )
    if fields["raw"] or fields["post_mode"] is not PostMode.THRESHOLDS:
        raise MachineError(f"{compute}: only codes that thresholds make can stay on chip")
    planes, step = fields["planes"].count, 1 + place["apart"]
    together = machine.slots // planes
    length = 4 if fields["pair"] else 2
    aligned = place["row_pairs"] % step == 0 and fields["row_length"] % length == 0
    signs = machine.signs and has_signs(fields)
    if fields["sum_pieces"] == 0 and not signs and (together % (2 * step) or not aligned):
        raise MachineError(
            f"{compute}: its results come too fast for the chip: a beat holds {together} "
            f"positions, they are {step} apart, row_pairs is {place['row_pairs']}, row_length "
            f"{fields['row_length']}; with sum_pieces 1 they take twice as long"
        )
    column = _column(place, np.arange(together))
    positions = column[:, None] + np.arange(planes) * place["plane_stride"]
    check_banks(machine, compute, positions.reshape(1, -1), place)


def check_own_input(
    machine: Machine, compute: Instruction, reads: np.ndarray, writes: ChipWrites
) -> None:
    """:class:`MachineError` where a COMPUTE writes over what it reads itself.

    ``reads`` bool [positions, groups]: what its passes read.
    """
    groups = [g for g in range(machine.lane_groups) if writes.groups >> g & 1]
    if reads[writes.positions][..., groups].any():
        raise MachineError(f"{compute} writes over its own input")


def check_sharing(program: Sequence[Instruction]) -> None:
    """:class:`MachineError` where a LOAD may write to the activation memory at the same time as a
    COMPUTE, and does not leave it every other cycle."""
    computes = [each for each in program if not each.is_load and each.fields["on_chip"]]
    if not computes:
        return
    numbers = np.array([compute.index for compute in computes])
    awaits = np.array([compute.awaits for compute in computes])
    for load in program:
        if load.fields["opcode"] is Opcode.LOAD_PICTURE:
            shares = False
        elif load.fields["opcode"] is Opcode.LOAD_MAP:
            shares = load.fields["shares"]
        else:
            continue
        if shares:
            continue
        beside = (numbers >= load.awaits) & (awaits <= load.index)
        if beside.any():
            raise MachineError(
                f"{load} may write on chip beside {computes[int(beside.argmax())]}; it must be a "
                "LOAD_MAP that `shares`, or one of them must wait for the other"
            )


def _column(place: dict, moved: np.ndarray) -> np.ndarray:
    if not place["odd_offset"]:
        return moved
    return (moved >> 1) + (moved & 1) * place["odd_offset"]
