"""What each LOAD does to the memories on chip (docs/machine.md section 3)."""

from functools import lru_cache

import numpy as np
from amaranth.lib import data

from arch.formats import (
    BOTH_HALVES,
    CODE_BITS,
    GROUP_LANES,
    HALVES,
    LANE_GROUPS,
    LONGEST_WINDOW,
    MOST_THRESHOLDS,
    PICTURE_BITS,
    PICTURE_BYTES,
    PICTURE_CHANNELS,
    THRESHOLD_BYTES,
)
from arch.isa import (
    CHUNK_BYTES,
    ENTRY_BYTES,
    GROUP_FIELDS,
    PASS_FLAGS,
    Entry,
    Opcode,
    decode,
)
from arch.loads import FRACTION_BITS, LINE_BYTES, LineNumber
from arch.machine import Machine
from arch.wide import CODE_ENTRIES, CODE_ENTRY_BITS
from golden.program import Instruction, MachineError

#: A decoded pass-table entry; ``loaded`` is False until there is one.
TABLE_ENTRY = np.dtype(
    [(name, np.uint64 if name == "enable" else np.int64, LANE_GROUPS) for name in GROUP_FIELDS]
    + [(name, bool) for name in (*PASS_FLAGS, "loaded")]
)


@lru_cache(maxsize=1 << 16)
def decode_entry(bits: int) -> tuple:
    """Decode a pass-table entry, in the order of ``TABLE_ENTRY``."""
    fields = decode(Entry, bits)
    groups = [[group[name] for group in fields["group"]] for name in GROUP_FIELDS]
    return (*groups, *(fields[name] for name in PASS_FLAGS), True)


def check_banks(
    machine: Machine, instruction: Instruction, positions: np.ndarray, fields: dict
) -> None:
    """:class:`MachineError` where two words of a beat, int64 [beats, words], go to one bank.

    ``fields`` has the ``plane_stride`` and ``odd_offset`` that led there.
    """
    banks = np.sort(positions % machine.columns, axis=1)
    if (banks[:, 1:] == banks[:, :-1]).any():
        raise MachineError(
            f"{instruction} writes two words to one activation bank at once: plane_stride "
            f"{fields['plane_stride']}, odd_offset {fields['odd_offset']}"
        )


class ChipMemories:
    """The memories on chip, filled with random bits from ``seed`` as after power-up.

    ``activations`` uint16 [positions, groups], ``weights`` uint16 [words, R, groups],
    ``thresholds`` uint32 [2, 16, R] with ``threshold_units`` loaded in each set, ``table`` of
    type ``TABLE_ENTRY``, ``codes`` uint32 [CODE_ENTRIES], those of the code tables. ``awaited``
    [positions, groups]: how many computes the LOAD has waited for that last wrote a word of
    ``activations``.
    """

    def __init__(self, machine: Machine, seed: int = 0):
        random = np.random.default_rng(seed)
        self.machine = machine
        self.activations = random.integers(
            0, 1 << 16, (machine.positions, machine.lane_groups), np.uint16
        )
        self.awaited = np.zeros(self.activations.shape, np.int64)
        self.weights = random.integers(
            0, 1 << 16, (machine.weight_words, machine.rows, machine.lane_groups), np.uint16
        )
        self.thresholds = np.zeros((2, MOST_THRESHOLDS, machine.rows), np.uint32)
        self.threshold_units = [0, 0]
        self.table = np.zeros(machine.table_entries, TABLE_ENTRY)
        self.codes = random.integers(0, 1 << CODE_ENTRY_BITS, CODE_ENTRIES, np.uint32)

    @property
    def _halved(self) -> bool:
        """Whether an image of a map is half of a lane group."""
        return self.machine.image_channels < GROUP_LANES

    def load(self, memory: np.ndarray, load: Instruction) -> int:
        """Carry out one LOAD; return the number of beats read."""
        fields = load.fields
        rows = self._rows(memory, load)
        match fields["opcode"]:
            case Opcode.LOAD_MAP:
                self._load_map(load, rows)
            case Opcode.LOAD_PICTURE:
                self._load_picture(load, rows)
            case Opcode.LOAD_WEIGHTS:
                self._load_weights(load, rows)
            case Opcode.LOAD_THRESHOLDS:
                self._load_thresholds(load, rows)
            case Opcode.LOAD_TABLE:
                self._load_table(load, rows)
            case Opcode.LOAD_CODES:
                self._load_codes(load, rows)
            case Opcode.LOAD_PROGRAM:
                if rows.size != CHUNK_BYTES:
                    raise MachineError(
                        f"{load} reads {rows.size} bytes; a chunk of instructions has {CHUNK_BYTES}"
                    )
        return fields["rows"] * fields["beats"]

    def _rows(self, memory: np.ndarray, load: Instruction) -> np.ndarray:
        """Return the bytes that a LOAD reads, [rows, row's bytes]."""
        fields, beat = load.fields, self.machine.beat_bytes
        address, step, count = fields["address"], fields["row_bytes"], fields["rows"]
        size = fields["beats"] * beat
        if not count or not size:
            raise MachineError(
                f"{load} has {count} rows of {fields['beats']} beats; both must be at least 1"
            )
        if address % beat or (step % beat and count > 1):
            raise MachineError(
                f"{load}: address {address:#x} and row_bytes {step} must be multiples of {beat}"
            )
        end = address + (count - 1) * step + size
        if end > memory.size:
            raise MachineError(
                f"{load} reads {address:#x}..{end:#x}; memory ends at {memory.size:#x}"
            )
        return np.lib.stride_tricks.as_strided(
            memory[address:end], (count, size), (step, 1), writeable=False
        )

    def _positions(self, load: Instruction, width: int, planes: int) -> np.ndarray:
        """Return the chip positions int64 [rows, width, planes] of a map's or picture's words."""
        fields = load.fields
        x = np.arange(width)
        if fields["odd_offset"]:
            x = (x >> 1) + (x & 1) * fields["odd_offset"]
        rows = np.arange(fields["rows"]) * fields["row_step"]
        strides = np.arange(planes) * fields["plane_stride"]
        positions = fields["destination"] + rows[:, None, None] + x[:, None] + strides
        check_banks(self.machine, load, positions[0].reshape(-1, self.machine.slots), fields)
        return positions % self.machine.positions

    def store(
        self, positions: np.ndarray, words: np.ndarray, groups: int, halves: int = BOTH_HALVES
    ) -> None:
        """Write words uint16 to positions of the activation memory, in these lane groups and, of
        their lanes, these halves; nothing else."""
        size = GROUP_LANES // HALVES
        mask = sum(((1 << size) - 1) << size * half for half in range(HALVES) if halves >> half & 1)
        for group in range(self.machine.lane_groups):
            if groups >> group & 1:
                kept = self.activations[positions, group] & (0xFFFF ^ mask)
                self.activations[positions, group] = words & mask | kept

    def _store(self, load: Instruction, positions: np.ndarray, words: np.ndarray) -> None:
        """Write uint16 ``words`` to the halves of lane groups that are named, and nothing else."""
        halves, both = load.fields["halves"], BOTH_HALVES
        apart = load.fields["opcode"] is Opcode.LOAD_MAP and self._halved
        if not halves or (halves != both and not apart):
            raise MachineError(
                f"{load}: halves {halves}; machine {self.machine.name!r} needs "
                f"{f'1 to {both}' if apart else both} here"
            )
        self.store(positions, words, load.fields["groups"], halves)
        for group in range(self.machine.lane_groups):
            if load.fields["groups"] >> group & 1:
                self.awaited[positions, group] = load.awaits

    def _load_map(self, load: Instruction, rows: np.ndarray) -> None:
        planes, halves = load.fields["planes"].count, load.fields["halves"]
        words = np.ascontiguousarray(rows).view(f"<u{self.machine.plane_bytes}")
        if words.shape[1] % planes:
            raise MachineError(f"{load}: its rows end within a position of {planes} planes")
        words = words.reshape(len(rows), -1, planes).astype(np.uint16)
        if self._halved and not halves & 1:
            words <<= self.machine.image_channels
        self._store(load, self._positions(load, words.shape[1], planes), words)

    def _load_picture(self, load: Instruction, rows: np.ndarray) -> None:
        window = load.fields["window"]
        if not 1 <= window <= LONGEST_WINDOW:
            raise MachineError(f"{load}: window must be 1 to {LONGEST_WINDOW}, not {window}")
        pixels = rows.reshape(len(rows), -1, PICTURE_BYTES)[..., :PICTURE_CHANNELS]
        width = pixels.shape[1]
        lanes = np.zeros((len(rows), width, GROUP_LANES), np.uint8)
        for delay in range(min(window, width)):
            first = PICTURE_CHANNELS * delay
            lanes[:, delay:, first : first + PICTURE_CHANNELS] = pixels[:, : width - delay]
        bits = lanes[:, :, None, :] >> np.arange(PICTURE_BITS, dtype=np.uint8)[:, None] & 1
        words = np.packbits(bits, axis=-1, bitorder="little").view("<u2")[..., 0]
        self._store(load, self._positions(load, width, PICTURE_BITS), words)

    def _load_weights(self, load: Instruction, rows: np.ndarray) -> None:
        words = rows.reshape(-1).view("<u2").reshape(-1, self.machine.lane_groups)
        first = load.fields["destination"] * self.machine.rows
        if first + len(words) > self.machine.weight_words * self.machine.rows:
            raise MachineError(f"{load} writes beyond weight word {self.machine.weight_words - 1}")
        self.weights.reshape(-1, self.machine.lane_groups)[first : first + len(words)] = words

    def _load_thresholds(self, load: Instruction, rows: np.ndarray) -> None:
        if load.fields["code_bits"]:
            units = self._made_thresholds(load, rows)
        else:
            units = rows.reshape(-1).view(f"<u{THRESHOLD_BYTES}")
        chosen = load.fields["destination"]
        if chosen > 1 or units.size > MOST_THRESHOLDS * self.machine.rows:
            raise MachineError(
                f"{load} writes {units.size} thresholds to set {chosen}; there are sets 0 and "
                f"1 of {MOST_THRESHOLDS} x {self.machine.rows}"
            )
        self.thresholds[chosen].reshape(-1)[: units.size] = units
        self.threshold_units[chosen] = units.size

    def _made_thresholds(self, load: Instruction, rows: np.ndarray) -> np.ndarray:
        """Return the thresholds that a LOAD makes of bases and steps, as units uint32."""
        bits, count = load.fields["code_bits"], rows.size // LINE_BYTES
        if bits > CODE_BITS or count != self.machine.rows:
            raise MachineError(
                f"{load} has bases and steps for {count} rows, and codes of {bits} bits; there "
                f"must be {self.machine.rows} rows, and 1 to {CODE_BITS} bits"
            )
        # Beat by beat: as many bases, then as many steps.
        numbers = rows.reshape(-1).view("<u4").reshape(-1, 2, self.machine.beat_bytes // 4)
        bases, steps = numbers.astype(np.int64).swapaxes(0, 1).reshape(2, count)
        layout = data.Layout.cast(LineNumber)
        whole, fraction = layout["whole"], layout["fraction"]

        def value(number: np.ndarray) -> np.ndarray:
            parts = (number >> part.offset & (1 << part.width) - 1 for part in (whole, fraction))
            return (next(parts) << FRACTION_BITS) + next(parts)

        made = value(bases) + np.arange(1 << bits)[:, None] * value(steps)
        made = (made >> FRACTION_BITS) % (1 << whole.width)
        made[0] = bases >> layout["flip"].offset & 1
        return made.astype(np.uint32).reshape(-1)

    def _load_table(self, load: Instruction, rows: np.ndarray) -> None:
        image = rows.tobytes()
        first, count = load.fields["destination"], len(image) // ENTRY_BYTES
        if first + count > self.machine.table_entries:
            raise MachineError(
                f"{load} writes beyond pass-table entry {self.machine.table_entries - 1}"
            )
        for unit in range(count):
            bits = int.from_bytes(image[unit * ENTRY_BYTES : (unit + 1) * ENTRY_BYTES], "little")
            self.table[first + unit] = decode_entry(bits)

    def _load_codes(self, load: Instruction, rows: np.ndarray) -> None:
        self._check_wide(load)
        units = np.ascontiguousarray(
            rows.reshape(-1, self.machine.beat_bytes)[:, : CODE_ENTRY_BITS // 8]
        )
        first = load.fields["destination"]
        if first + len(units) > CODE_ENTRIES:
            raise MachineError(f"{load} writes beyond code-table entry {CODE_ENTRIES - 1}")
        self.codes[first : first + len(units)] = units.view("<u4")[:, 0]

    def _check_wide(self, load: Instruction) -> None:
        if not self.machine.wide_rows:
            raise MachineError(f"{load}: machine {self.machine.name!r} has no wide codes")
