"""Random programs for tests of timing: legal, short of meaning, rich in corner cases."""

import numpy as np

from arch.formats import BOTH_HALVES, CODE_BITS, LEAST_SIGN_CYCLES
from arch.isa import ENTRY_BITS, Entry, Opcode, Planes, PostMode, encode, with_chip_place
from arch.loads import LINE_BYTES
from arch.machine import Machine
from tests.samples.listing import Listing

PROGRAM = 0
TABLES = 1 << 14
RESULTS = 1 << 17
MEMORY_BYTES = 1 << 18


class RandomProgram:
    """Draws one program; ``memory`` holds it at address 0.

    Loads fetch whatever lies at their addresses, computes compute whatever is on chip: only counts,
    shapes and addresses mean something. Loads and computes wait for what is well behind them, or
    right before. The table is loaded again only when all computes before are through with it. With
    ``on_chip``, half of the computes for codes have results for the activation memory, as fast as
    they may come or slower, and others wait for them.
    With ``made``, most thresholds are made of bases and steps. With ``loops``, half of the computes
    run their passes for several pairs of planes. With ``wide``, most of them make wide codes,
    often in several computes one after another. With ``signs``, half of those for codes that
    thresholds would make write signs. Raw sums leave in any number of pieces, often in several
    computes one after another.
    """

    def __init__(
        self,
        machine: Machine,
        seed: int,
        steps: int = 60,
        *,
        loops: bool = False,
        made: bool = False,
        on_chip: bool = False,
        wide: bool = False,
        signs: bool = False,
    ):
        self.machine = machine
        self.loops = loops
        self.made = made
        self.on_chip = on_chip
        self.wide = wide
        self.signs = signs
        self.random = np.random.default_rng(seed)
        self.memory = self.random.integers(0, 256, MEMORY_BYTES, np.uint8)
        self.listing = Listing(machine, PROGRAM)
        self.table_address = TABLES
        self.raw = False
        self._table()
        for _ in range(steps):
            kind = self.random.choice(["table", "load", "compute"], p=[0.05, 0.4, 0.55])
            {"table": self._table, "load": self._load, "compute": self._compute}[kind]()
        self._compute()
        self.listing.end()
        self.listing.write(self.memory)

    def _chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def _size(self, most: int) -> int:
        """1..most, small ones as likely as large ones."""
        return int(np.exp(self.random.uniform(0, np.log(most + 1))))

    def _table(self) -> None:
        """Load passes that capture at random, and always at last, with a result that goes on."""
        self.entries = self._size(40)
        self.start = int(self.random.integers(0, self.machine.table_entries - self.entries))
        density, words = self.random.random() ** 2, []
        for place in range(self.entries):
            last = place == self.entries - 1
            words.append(
                encode(
                    Entry,
                    {
                        "capture": int(last or self._chance(density)),
                        "pool_first": int(self._chance(0.5)),
                        "pool_last": int(last or self._chance(0.5)),
                    },
                )
            )
        image = b"".join(word.to_bytes(ENTRY_BITS // 8, "little") for word in words)
        address, self.table_address = self.table_address, self.table_address + len(image)
        self.memory[address : self.table_address] = np.frombuffer(image, np.uint8)
        self.listing.load(Opcode.LOAD_TABLE, len(image), address=address, destination=self.start)
        self.table_load = self.listing.loads

    def _load(self) -> None:
        opcodes = [
            Opcode.LOAD_MAP,
            Opcode.LOAD_PICTURE,
            Opcode.LOAD_WEIGHTS,
            Opcode.LOAD_THRESHOLDS,
        ]
        opcode = opcodes[int(self.random.choice(4, p=[0.4, 0.2, 0.2, 0.2]))]
        many = opcode in (Opcode.LOAD_MAP, Opcode.LOAD_PICTURE)
        beat = self.machine.beat_bytes
        code_bits = 0
        if self.made and opcode is Opcode.LOAD_THRESHOLDS and self._chance(0.7):
            code_bits = int(self.random.integers(1, CODE_BITS + 1))
        lines = self.machine.rows * LINE_BYTES // beat
        self.listing.load(
            opcode,
            rows=self._size(12) if many else 1,
            beats=lines if code_bits else self._size(30 if many else 200),
            code_bits=code_bits,
            address=int(self.random.integers(0, RESULTS // 2 // beat)) * beat,
            row_bytes=int(self.random.integers(0, 64)) * beat,
            destination=int(self.random.integers(0, 2)),
            window=int(self.random.integers(1, 6)),
            groups=int(self.random.integers(0, 16)),
            halves=BOTH_HALVES,
            shares=int(self.on_chip and self._chance(0.5)),
            **self._awaited(),
        )

    def _awaited(self) -> dict[str, int]:
        stored = self._chance(0.4)
        after = max(0, self.listing.computes - int(self.random.integers(0, 5)))
        return {
            "after_compute": after,
            "after_stored": min(after, self.listing.stored) if stored else 0,
        }

    def _compute(self) -> None:
        columns = self.machine.columns
        rows, per_row = self._size(6), self._size(8)
        raw, pair = self._chance(0.6 if self.raw else 0.25), self._chance(0.25)
        self.raw = raw
        planes = self.random.choice([1, 2, 4])
        mode = PostMode.THRESHOLDS
        if self.wide and not raw and self._chance(0.8):
            mode = PostMode(int(self.random.integers(1, len(PostMode))))
            planes, pair = self.random.choice([1, 2, 4, 8, 8, 8]), False
        signs = self.signs and not raw and mode is PostMode.THRESHOLDS and self._chance(0.5)
        pairs = {}
        if self.loops and self._chance(0.5):
            names = ("activation_planes", "weight_planes")
            pairs = {name: int(self.random.integers(0, 8)) for name in names}
            rows, per_row = min(rows, 3), min(per_row, 3)
        length = columns * per_row if self._chance(0.7) else int(self.random.integers(2, 70))
        span = self._size(self.entries)
        after = self.listing.loads - int(self.random.integers(0, 4))
        pieces = int(self.random.integers(0, self.machine.raw_chunks))
        together = self.machine.piece_bytes * self.machine.pieces_at_once(pieces + 1)
        unit = max(8, together) if raw else 2 * int(planes)
        chip = None
        if self.on_chip and not raw and self._chance(0.5):
            length += -length % 4
            chip = self._chip_place(int(planes))
            fast = chip["row_pairs"] % 2 == 0 and self.machine.slots // planes % 4 == 0
            pieces = 0 if fast and self._chance(0.7) else max(1, pieces)
        fields = dict(
            after_load=max(self.table_load, after),
            after_results=int(self.on_chip and self._chance(0.3)),
            table_start=self.start + self.entries - span,
            table_last=self.start + self.entries - 1,
            block_rows=rows,
            row_blocks=per_row,
            raw=int(raw),
            sum_pieces=pieces,
            code_bits=int(self.random.integers(1, 5)) if mode is PostMode.THRESHOLDS else 0,
            post_mode=mode,
            pair=int(pair and not raw),
            row_length=length,
            width=int(self.random.integers(2, length + 1)),
            height=self._size(20),
            address=RESULTS + int(self.random.integers(0, 4096)) * unit,
            row_bytes=int(self.random.integers(0, 200)) * unit,
            position_bytes=unit * int(self.random.choice([1, 1, 1, 2, 5])),
            planes=Planes.holding(int(planes)),
            **pairs,
        )
        if signs:
            fields |= self._signs(length, chip)
            if chip:
                chip["apart"] = 0
        self.listing.compute(**(with_chip_place(fields, chip) if chip else fields))

    def _signs(self, length: int, chip: dict | None) -> dict:
        """What is different of a compute whose codes are signs."""
        machine = self.machine
        slots, unit = machine.slots, machine.transfer_bytes
        length += -length % slots
        least = -(-LEAST_SIGN_CYCLES // machine.sign_turns) - 1
        return {
            "code_bits": 0,
            "planes": Planes.ONE,
            "pair": 0,
            "sum_pieces": max(least, 1 if chip else 0) + int(self._chance(0.2)),
            "row_length": length,
            "width": int(self.random.integers(1, length + 1)),
            "address": RESULTS + int(self.random.integers(0, 4096)) * unit,
            "row_bytes": int(self.random.integers(0, 200)) * unit,
            "position_bytes": machine.plane_bytes,
        }

    def _chip_place(self, planes: int) -> dict:
        """Any place on chip whose words of a beat lie in different banks."""
        machine = self.machine
        together = max(1, machine.slots // planes)
        split = together > 1 and self._chance(0.4)
        residue = max(1, together // 2) if split else together
        lines = int(self.random.integers(1, machine.positions // machine.columns))
        half = int(self.random.integers(1, machine.positions // machine.columns))
        return {
            "destination": int(self.random.integers(0, machine.positions)),
            "plane_stride": (lines * machine.columns + residue) % machine.positions,
            "odd_offset": half * machine.columns + machine.slots // 2 if split else 0,
            "row_pairs": int(self.random.integers(1, 200)),
            "groups": int(self.random.integers(1, 16)),
            "apart": int(self._chance(0.3)),
        }
