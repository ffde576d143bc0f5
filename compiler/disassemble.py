"""Program images as text: one line per instruction, pass tables on demand."""

from collections.abc import Iterator

import numpy as np

from arch.isa import (
    CHUNK_BYTES,
    ENTRY_BYTES,
    INSTRUCTION_BYTES,
    PASS_FLAGS,
    Entry,
    Opcode,
    decode,
    decode_instruction,
)
from host.image import Image, ImageError


def _text(fields: dict) -> str:
    """Fields that are not 0 as name=value; addresses in hexadecimal."""
    parts = []
    for name, value in fields.items():
        if name == "opcode" or getattr(value, "value", value) == 0:
            continue
        shown = f"{value:#x}" if name == "address" else getattr(value, "name", value)
        parts.append(f"{name}={shown}")
    return " ".join(parts)


def disassemble(
    image: Image, *, tables: bool = False, address: int | None = None
) -> Iterator[str]:
    """Yield a program's lines in order, following its LOAD_PROGRAMs up to END: that at ``address``,
    or the image's first one.

    ``tables``: also the entries of every pass table that is loaded; of one that is loaded in
    pieces, all of them behind the first. Raises :class:`host.image.ImageError` where the program
    runs out or decodes to nothing.
    """
    memory = image.memory()
    address = image.program_address if address is None else address
    chunk, index = 0, 0
    loads = computes = 0
    told: set[int] = set()  # addresses of entries behind a table's first one
    while True:
        following = None
        for place in range(CHUNK_BYTES // INSTRUCTION_BYTES):
            at = address + place * INSTRUCTION_BYTES
            if at + INSTRUCTION_BYTES > memory.size:
                raise ImageError(
                    f"instruction {index}: lies outside of memory ({at:#x}); the image is "
                    f"damaged, build it again"
                )
            bits = int.from_bytes(memory[at : at + INSTRUCTION_BYTES].tobytes(), "little")
            fields = decode_instruction(bits)
            opcode = fields["opcode"]
            if opcode is Opcode.ILLEGAL:
                raise ImageError(
                    f"instruction {index} at {at:#x} is illegal; the image is damaged, "
                    f"build it again"
                )
            number = ""
            if opcode is Opcode.COMPUTE:
                number, computes = f"C{computes}", computes + 1
            elif opcode.is_load:
                number, loads = f"L{loads}", loads + 1
            yield f"{index:6d} {number:>7s} {opcode.name:15s} {_text(fields)}".rstrip()
            if opcode is Opcode.END:
                return
            if opcode is Opcode.LOAD_PROGRAM:
                following = fields["address"]
            if tables and opcode is Opcode.LOAD_TABLE and fields["address"] not in told:
                entries = list(_entries(memory, fields))
                told.update(fields["address"] + k * ENTRY_BYTES for k in range(1, len(entries)))
                yield from entries
            index += 1
        if following is None:
            raise ImageError(
                f"program chunk {chunk} holds neither END nor LOAD_PROGRAM; the image is "
                f"damaged, build it again"
            )
        chunk, address = chunk + 1, following


def _entries(memory: np.ndarray, fields: dict) -> Iterator[str]:
    beats = memory[fields["address"] :]
    count = 0
    while True:
        entry = decode(
            Entry,
            int.from_bytes(
                beats[count * ENTRY_BYTES : (count + 1) * ENTRY_BYTES].tobytes(), "little"
            ),
        )
        groups = " ".join(
            f"{g['offset']}:{g['weight']}{'+' if g['ones'] else ''}" if g["enable"] else "-"
            for g in entry["group"]
        )
        flags = [name for name in PASS_FLAGS if entry[name]]
        yield f"{'':15s}{fields['destination'] + count:5d}  {groups}  {' '.join(flags)}".rstrip()
        count += 1
        if entry["pool_last"]:
            return
