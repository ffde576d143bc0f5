"""Instructions before they are numbered: loads and computes that name each other."""

from dataclasses import dataclass, field

from arch.isa import CHUNK_BYTES, CHUNK_INSTRUCTIONS, Compute, Load, Opcode, encode


@dataclass(eq=False)
class LoadStep:
    """A LOAD; starts when ``after`` is computed (and stored, if ``await_stored``).

    ``needed``: number of the first compute that waits for it. ``cycles``: about what it takes.
    """

    fields: dict
    after: "ComputeStep | None" = None
    await_stored: bool = False
    needed: int = -1
    cycles: int = 0
    ordinal: int = -1


@dataclass(eq=False)
class ComputeStep:
    """A COMPUTE; starts when ``needs`` are loaded. ``ordinal`` numbers computes in order."""

    fields: dict
    needs: list[LoadStep]
    ordinal: int
    cycles: int = 0


Step = LoadStep | ComputeStep


@dataclass
class Program:
    """Steps in program order, numbered and cut into chunks."""

    steps: list[Step] = field(default_factory=list)
    #: Encoded-instruction fields in final order: (layout, fields, step or None).
    listing: list[tuple] = field(default_factory=list)

    def number(self, address: int) -> None:
        """Insert the LOAD_PROGRAMs, number everything and fill in what waits for what.

        Every chunk but the last begins with the load of the next one. A step that waits for nothing
        waits for what is waited for already: the counters are modulo 2^16.
        """
        body = CHUNK_INSTRUCTIONS - 1
        chunks = 1
        while len(self.steps) + 1 > chunks * CHUNK_INSTRUCTIONS - (chunks - 1):
            chunks += 1
        ordered: list = []
        position = 0
        for chunk in range(chunks):
            last = chunk == chunks - 1
            if not last:
                ordered.append(chunk + 1)
            take = CHUNK_INSTRUCTIONS if last else body
            ordered.extend(self.steps[position : position + take])
            position += take
        loads = 0
        for step in ordered:
            if not isinstance(step, ComputeStep):
                if isinstance(step, LoadStep):
                    step.ordinal = loads
                loads += 1
        computed = loaded = 0
        self.listing = []
        for step in ordered:
            if isinstance(step, int):
                fields = {
                    "opcode": Opcode.LOAD_PROGRAM,
                    "after_compute": computed & 0xFFFF,
                    "address": address + step * CHUNK_BYTES,
                    "rows": 1,
                    "beats": 0,
                }
                self.listing.append((Load, fields, None))
            elif isinstance(step, LoadStep):
                if step.after is not None:
                    computed = max(computed, step.after.ordinal + 1)
                fields = step.fields | {
                    "after_compute": computed & 0xFFFF,
                    "await_stored": int(step.await_stored),
                }
                self.listing.append((Load, fields, step))
            else:
                loaded = max([loaded, *(load.ordinal + 1 for load in step.needs)])
                fields = step.fields | {"after_load": loaded & 0xFFFF}
                self.listing.append((Compute, fields, step))
        self.listing.append((Load, {"opcode": Opcode.END}, None))

    def encode(self, beat_bytes: int) -> bytes:
        """The program's bytes, whole chunks."""
        words = []
        for layout, fields, _ in self.listing:
            if fields["opcode"] is Opcode.LOAD_PROGRAM:
                fields = fields | {"beats": CHUNK_BYTES // beat_bytes}
            words.append(encode(layout, fields).to_bytes(32, "little"))
        code = b"".join(words)
        return code.ljust(-(-len(code) // CHUNK_BYTES) * CHUNK_BYTES, b"\0")
