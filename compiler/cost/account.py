"""Where every cycle of a frame went: a reason for each, layer by layer, adding up to the counters.

A cycle in which the array has a pass is a *pass*; the others have one of these reasons:

    load     a COMPUTE waits for its data (STALL_LOAD)
    output   a capture waits for room in the output buffer, so for memory (STALL_OUTPUT)
    drain    a capture waits for the results of the one before to leave the array (STALL_DRAIN)
    start    the way of an instruction to its first pass, and what waits for that
    end      behind the last pass: results on their way to memory

What the passes do with the array's products is told apart from the program as well: products of
lane groups that an entry leaves idle, products for positions outside of the map, and the others, of
which the network asks for ``bit_operations``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arch.isa import Opcode
from arch.machine import Machine
from compiler.cost.frame import Prediction
from compiler.cost.results import block_passes
from compiler.cost.tables import PassTables
from golden.program import Instruction

REASONS = ("passes", "load", "output", "drain", "start", "end")


@dataclass(frozen=True, kw_only=True)
class Use:
    """The products of a COMPUTE, in passes: ``useful`` is those that are neither idle nor ragged.

    ``idle``: lane groups that take part in no product. ``ragged``: columns of a block that lie
    outside of the map.
    """

    passes: int
    idle: float
    ragged: float

    @property
    def useful(self) -> float:
        return self.passes - self.idle - self.ragged


@dataclass(frozen=True, kw_only=True)
class Account:
    """The cycles of some COMPUTEs by their reasons, and what their passes were used for."""

    cycles: dict[str, int]
    use: Use

    @property
    def total(self) -> int:
        """All cycles: from behind the last pass before these COMPUTEs to their own last one."""
        return sum(self.cycles.values())


def account(
    prediction: Prediction, uses: Sequence[Use], first: int, last: int, *, with_end: bool = False
) -> Account:
    """Return the account of COMPUTEs ``first`` to ``last``; those of all COMPUTEs, the last one
    ``with_end``, add up to the cycles of the frame."""
    computes = prediction.computes
    cycles = dict.fromkeys(REASONS, 0)
    for number in range(first, last + 1):
        compute = computes[number]
        before = computes[number - 1].last_pass if number else -1
        known = {
            "passes": compute.passes,
            "load": compute.load_wait,
            "output": compute.output_wait,
            "drain": compute.drain_wait,
        }
        known["start"] = compute.last_pass - before - sum(known.values())
        for reason, count in known.items():
            cycles[reason] += count
    if with_end:
        cycles["end"] = prediction.cycles - 1 - computes[-1].last_pass
    own = uses[first : last + 1]
    return Account(
        cycles=cycles,
        use=Use(
            passes=sum(use.passes for use in own),
            idle=sum(use.idle for use in own),
            ragged=sum(use.ragged for use in own),
        ),
    )


def uses_of(content: np.ndarray, program: Sequence[Instruction], machine: Machine) -> list[Use]:
    """Return what each COMPUTE of a program in memory ``content`` uint8 uses the array for."""
    tables, found = PassTables(machine, content), []
    for instruction in program:
        fields = instruction.fields
        if fields["opcode"] is Opcode.LOAD_TABLE:
            tables.load(fields)
        elif fields["opcode"] is Opcode.COMPUTE:
            found.append(_use(fields, tables.enabled(instruction), machine))
    return found


def _use(compute: dict, enabled: float, machine: Machine) -> Use:
    blocks = compute["block_rows"] * compute["row_blocks"]
    passes = blocks * block_passes(compute)
    # Positions in the order in which they leave: those of pooled rows go with the ones that leave.
    index = np.arange(blocks * machine.columns)
    y, x = np.divmod(index, compute["row_length"])
    inside = float(((x < compute["width"]) & (y < compute["height"])).mean())
    return Use(passes=passes, idle=passes * (1 - enabled), ragged=passes * enabled * (1 - inside))
