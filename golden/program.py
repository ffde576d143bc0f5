"""Programs as the dispatcher sees them: fetched chunk by chunk, decoded, and checked for deadlock.

The counts a LOAD or COMPUTE waits for are modulo 2^16 in the instruction; here they are absolute.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from arch.errors import OnefourError
from arch.isa import CHUNK_BYTES, COUNT_BITS, INSTRUCTION_BYTES, Opcode, decode_instruction

COUNT_MODULUS = 1 << COUNT_BITS


class MachineError(OnefourError):
    """A program that would hang, break a rule of docs/machine.md or give random results."""


@dataclass(frozen=True)
class Instruction:
    """One decoded LOAD or COMPUTE."""

    #: Place in the program, END and both kinds counted.
    place: int
    #: Number among the LOADs, or among the COMPUTEs.
    index: int
    #: LOADs: computes that must be done; COMPUTEs: loads that must be complete (absolute).
    awaits: int
    fields: dict
    #: LOADs: computes that must be computed, and computes for memory that must be stored; together
    #: ``awaits``. And the computes up to the last of those stored.
    computed: int = 0
    stored: int = 0
    results: int = 0

    @property
    def is_load(self) -> bool:
        return self.fields["opcode"].is_load

    def __str__(self) -> str:
        return f"instruction {self.place} ({self.fields['opcode'].name} {self.index})"


@lru_cache(maxsize=1 << 16)
def _decoded(bits: int) -> dict:
    """Decode one instruction; the result is shared, not to be changed."""
    return decode_instruction(bits)


def _absolute(done: int, after: int, place: int, what: str) -> int:
    """Return the count that ``after`` means when ``done`` come before it in the program."""
    before = (done - after) % COUNT_MODULUS
    if before >= COUNT_MODULUS // 2 or before > done:
        raise MachineError(
            f"instruction {place} waits for {after} {what}, but only "
            f"{done % COUNT_MODULUS} come before it: the program would wait forever"
        )
    return done - before


def fetch_program(memory: np.ndarray, address: int) -> list[Instruction]:
    """Decode the program at ``address`` up to its END, following its LOAD_PROGRAMs.

    Raises :class:`MachineError` on an illegal instruction, on a count that lies in the future and
    where the instructions run out.
    """
    program = []
    loads = computes = place = 0
    #: Computes up to each one that writes to memory, itself included.
    stored = [0]
    chunks = [address]
    for number in range(1 << 24):
        if number == len(chunks):
            raise MachineError(
                f"the program has no instruction {place}: chunk {number - 1} holds neither "
                "END nor a LOAD_PROGRAM"
            )
        start = chunks[number]
        if start + CHUNK_BYTES > memory.size:
            raise MachineError(f"program chunk {number} at {start:#x} lies outside of memory")
        chunk = memory[start : start + CHUNK_BYTES].tobytes()
        for at in range(0, CHUNK_BYTES, INSTRUCTION_BYTES):
            fields = _decoded(int.from_bytes(chunk[at : at + INSTRUCTION_BYTES], "little"))
            opcode = fields["opcode"]
            if opcode is Opcode.END:
                return program
            if opcode is Opcode.COMPUTE:
                awaits = _absolute(loads, fields["after_load"], place, "loads")
                program.append(Instruction(place, computes, awaits, fields))
                computes += 1
                if not fields["on_chip"]:
                    stored.append(computes)
            elif opcode.is_load:
                computed = _absolute(computes, fields["after_compute"], place, "computes")
                what = "computes for memory"
                count = _absolute(len(stored) - 1, fields["after_stored"], place, what)
                awaits = max(computed, stored[count])
                counts = computed, count, stored[count]
                program.append(Instruction(place, loads, awaits, fields, *counts))
                loads += 1
                if opcode is Opcode.LOAD_PROGRAM:
                    if len(chunks) > number + 1:
                        raise MachineError(
                            f"instruction {place} is a second LOAD_PROGRAM in one chunk: "
                            "it would overwrite instructions still in use"
                        )
                    chunks.append(fields["address"])
            else:
                raise MachineError(f"instruction {place} at {start + at:#x} is illegal")
            place += 1
    raise MachineError("the program has no END")
