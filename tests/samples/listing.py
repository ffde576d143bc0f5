"""A program under construction: instructions in order, with their counts and program chunks.

For hand-made programs; the compiler has its own way to order and wait.
"""

from dataclasses import dataclass, field

import numpy as np

from arch.isa import (
    CHUNK_BYTES,
    CHUNK_INSTRUCTIONS,
    INSTRUCTION_BYTES,
    Compute,
    Load,
    Opcode,
    encode,
)
from arch.machine import Machine
from golden.program import COUNT_MODULUS


@dataclass
class Listing:
    """Instructions at ``address``. A count that is left out waits for all that came before."""

    machine: Machine
    address: int
    words: list[int] = field(default_factory=list)
    loads: int = 0
    computes: int = 0
    #: Computes that write to memory.
    stored: int = 0
    #: Computes that the last load waits for.
    awaited: int = 0

    def load(self, opcode: Opcode, size: int = 0, **fields: int) -> None:
        """Append a LOAD of one row of ``size`` bytes, or of ``rows`` rows of ``beats`` beats."""
        self._fetch()
        if size:
            fields |= {"rows": 1, "beats": -(-size // self.machine.beat_bytes)}
        self.awaited = fields.setdefault("after_compute", self.computes)
        fields["after_compute"] %= COUNT_MODULUS
        fields["after_stored"] = fields.get("after_stored", 0) % COUNT_MODULUS
        self.words.append(encode(Load, {"opcode": opcode, **fields}))
        self.loads += 1

    def compute(self, **fields: int) -> None:
        """Append a COMPUTE."""
        self._fetch()
        fields.setdefault("after_load", self.loads)
        fields["after_load"] %= COUNT_MODULUS
        self.words.append(encode(Compute, {"opcode": Opcode.COMPUTE, **fields}))
        self.computes += 1
        self.stored += not fields.get("on_chip")

    def end(self) -> None:
        """Append END."""
        self._fetch()
        self.words.append(encode(Load, {"opcode": Opcode.END}))

    def write(self, memory: np.ndarray) -> None:
        """Write the program into ``memory``."""
        image = b"".join(word.to_bytes(INSTRUCTION_BYTES, "little") for word in self.words)
        memory[self.address : self.address + len(image)] = np.frombuffer(image, np.uint8)

    def _fetch(self) -> None:
        """In the middle of a chunk, ask for the next one; it waits for no compute of its own."""
        chunk, place = divmod(len(self.words), CHUNK_INSTRUCTIONS)
        if place == CHUNK_INSTRUCTIONS // 2:
            fields = {
                "opcode": Opcode.LOAD_PROGRAM,
                "after_compute": self.awaited % COUNT_MODULUS,
                "address": self.address + (chunk + 1) * CHUNK_BYTES,
                "rows": 1,
                "beats": CHUNK_BYTES // self.machine.beat_bytes,
            }
            self.words.append(encode(Load, fields))
            self.loads += 1
