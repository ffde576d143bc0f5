"""Steps in program order as instructions: numbered, cut into chunks, encoded."""

from collections.abc import Sequence
from dataclasses import dataclass

from arch.isa import (
    CHUNK_BYTES,
    CHUNK_INSTRUCTIONS,
    COUNT_BITS,
    INSTRUCTION_BYTES,
    Compute,
    Load,
    Opcode,
    encode,
)
from compiler.backend.steps import ComputeStep, LoadStep, Step

COUNT_MASK = (1 << COUNT_BITS) - 1
"""The counts that instructions wait for are modulo 2^16."""


@dataclass(frozen=True)
class LoadProgram:
    """The load of program chunk ``chunk``."""

    chunk: int


@dataclass(frozen=True, eq=False)
class Program:
    """Fields of the instructions in order, END included, and the bytes: whole chunks."""

    instructions: tuple[dict, ...]
    code: bytes


def assemble(order: Sequence[Step], address: int, beat_bytes: int) -> Program:
    """The program at ``address`` that takes the steps in this order."""
    instructions = sharing(numbered(with_chunk_loads(order), address, beat_bytes))
    words = []
    for fields in instructions:
        layout = Compute if fields["opcode"] is Opcode.COMPUTE else Load
        words.append(encode(layout, fields).to_bytes(INSTRUCTION_BYTES, "little"))
    words += [bytes(INSTRUCTION_BYTES)] * (-len(words) % CHUNK_INSTRUCTIONS)
    return Program(tuple(instructions), b"".join(words))


def sharing(instructions: Sequence[dict]) -> list[dict]:
    """The instructions, where LOADs of maps that may go on beside results for the chip share.

    Such a LOAD needs not be complete for a COMPUTE that comes before it, or waits for fewer LOADs;
    and it waits for less than that COMPUTE.
    """
    loads = computes = 0
    waits: list[tuple[int, int]] = []  # of the COMPUTEs for the chip: (number, LOADs)
    maps: list[tuple[int, int, int]] = []  # place, number, COMPUTEs that it waits for
    for place, fields in enumerate(instructions):
        if fields["opcode"] is Opcode.COMPUTE:
            if fields.get("on_chip"):
                waits.append((computes, _count(fields["after_load"], loads)))
            computes += 1
        elif fields["opcode"].is_load:
            if fields["opcode"] is Opcode.LOAD_MAP:
                maps.append((place, loads, _count(fields["after_compute"], computes)))
            loads += 1
    found = list(instructions)
    # Both grow along the program.
    first = 0
    for place, number, done in maps:
        while first < len(waits) and waits[first][0] < done:
            first += 1
        if first < len(waits) and waits[first][1] <= number:
            found[place] = found[place] | {"shares": 1}
    return found


def _count(modulo: int, before: int) -> int:
    """The count that an instruction waits for, when ``before`` come before it."""
    return before - (before - modulo & COUNT_MASK)


def with_chunk_loads(order: Sequence[Step]) -> list[Step | LoadProgram]:
    """The steps with the LOAD_PROGRAMs: every chunk but the last begins with that of the next."""
    body = CHUNK_INSTRUCTIONS - 1
    # The last chunk has END where the others have the load of the next one.
    chunks = max(1, -(-len(order) // body))
    steps: list[Step | LoadProgram] = []
    for chunk in range(chunks):
        if chunk < chunks - 1:
            steps.append(LoadProgram(chunk + 1))
        steps.extend(order[chunk * body : (chunk + 1) * body])
    return steps


def numbered(steps: Sequence[Step | LoadProgram], address: int, beat_bytes: int) -> list[dict]:
    """Fields of all instructions, with the counts that each waits for.

    A step that waits for nothing waits for what is waited for already.
    """
    #: Computes for memory among the first n of all.
    for_memory = [0]
    for step in steps:
        if isinstance(step, ComputeStep):
            for_memory.append(for_memory[-1] + (not step.fields.get("on_chip")))
    instructions = []
    #: Compute -> how many LOADs there are up to the last one that it needs.
    needed: dict[int, int] = {}
    loads = loaded = computed = stored = 0
    for step in steps:
        match step:
            case LoadProgram():
                loads += 1
                fields = {
                    "opcode": Opcode.LOAD_PROGRAM,
                    "after_compute": computed & COUNT_MASK,
                    "after_stored": stored & COUNT_MASK,
                    "address": address + step.chunk * CHUNK_BYTES,
                    "rows": 1,
                    "beats": CHUNK_BYTES // beat_bytes,
                }
            case LoadStep():
                loads += 1
                needed[step.needed] = loads
                computed = max(computed, step.after + 1)
                stored = max(stored, for_memory[step.stored + 1])
                fields = step.fields | {
                    "after_compute": computed & COUNT_MASK,
                    "after_stored": stored & COUNT_MASK,
                }
            case ComputeStep():
                loaded = max(loaded, needed.get(step.ordinal, 0))
                fields = step.fields | {"after_load": loaded & COUNT_MASK}
        instructions.append(fields)
    return [*instructions, {"opcode": Opcode.END}]
