"""What LOADs do, read from docs/machine.md section 3, and LOADs to try."""

from arch.isa import Opcode, Planes

PLANES = {Planes.ONE: 1, Planes.TWO: 2, Planes.FOUR: 4, Planes.EIGHT: 8}


def along(x, odd_offset):
    return (x >> 1) + (x & 1) * odd_offset if odd_offset else x


def beats_of(machine, load, memory):
    """Return the beats of each row as lists of 16-bit words."""
    rows = []
    for r in range(load["rows"]):
        start = load["address"] + r * load["row_bytes"]
        rows.append(
            [
                [
                    int.from_bytes(memory[at + 2 * w : at + 2 * w + 2], "little")
                    for w in range(machine.slots)
                ]
                for at in range(
                    start, start + load["beats"] * machine.beat_bytes, machine.beat_bytes
                )
            ]
        )
    return rows


def map_words(machine, beat):
    """Return the words of R lanes that a beat of a map holds, given as words of 16 bits."""
    if machine.rows == 16:
        return beat
    return [word >> shift & 0xFF for word in beat for shift in (0, 8)]


def positions_written(machine, load, memory):
    """Yield (position, word) of LOAD_MAP (words of R lanes) and LOAD_PICTURE, in order."""
    for r, row in enumerate(beats_of(machine, load, memory)):
        base = load["destination"] + r * load["row_step"]

        def place(x, i, base=base):
            position = base + along(x, load["odd_offset"]) + i * load["plane_stride"]
            return position % machine.positions

        if load["opcode"] == Opcode.LOAD_MAP:
            planes = PLANES[load["planes"]]
            words = [word for beat in row for word in map_words(machine, beat)]
            for n, word in enumerate(words):
                yield place(n // planes, n % planes), word
        else:
            words = [word for beat in row for word in beat]
            pixels = [
                words[2 * x] | (words[2 * x + 1] & 0xFF) << 16 for x in range(len(words) // 2)
            ]
            for x in range(len(pixels)):
                for i in range(8):
                    word = 0
                    for d in range(load["window"]):
                        for channel in range(3 if x >= d else 0):
                            bit = pixels[x - d] >> (8 * channel + i) & 1
                            word |= bit << (3 * d + channel)
                    yield place(x, i), word


def interval(machine, load, beat):
    """Return the cycles from a beat of a load, by its number, to the next beat at least."""
    if load["opcode"] == Opcode.LOAD_PICTURE:
        return 4
    if load["opcode"] == Opcode.LOAD_MAP:
        return 16 // machine.rows
    return (1 << load["code_bits"]) - 1 if load.get("code_bits") and beat % 2 else 1


class OnChip:
    """The on-chip memories as dictionaries, filled by LOADs."""

    def __init__(self, machine):
        self.machine = machine
        self.activations = {}  # (position, lane / 8): byte
        self.weights = {}  # (word, row): 64 bits
        self.thresholds = {}  # (set, k, row): what a threshold keeps of 32 bits
        self.table = {}  # entry: 128 bits
        self.codes = {}  # entry: 32 bits
        self.program = []  # beats, chunk after chunk

    def threshold(self, which, k, row, unit):
        """Write a threshold: of index 0 only the flip counts, of others the bits of a sum."""
        self.thresholds[which, k, row] = unit % (1 << self.machine.sum_bits if k else 2)

    def load(self, load, memory):
        rows = self.machine.rows
        if load["opcode"] in (Opcode.LOAD_MAP, Opcode.LOAD_PICTURE):
            of_half = load["opcode"] == Opcode.LOAD_MAP and rows == 8 and load["halves"] == 2
            for position, word in positions_written(self.machine, load, memory):
                word <<= 8 if of_half else 0
                for group in range(4):
                    for half in range(2):
                        if load["groups"] >> group & 1 and load["halves"] >> half & 1:
                            self.activations[position, 2 * group + half] = word >> 8 * half & 0xFF
            return
        size = load["beats"] * self.machine.beat_bytes
        stored = memory[load["address"] : load["address"] + size]

        def units(bits):
            return [
                int.from_bytes(stored[at : at + bits // 8], "little")
                for at in range(0, size, bits // 8)
            ]

        if load["opcode"] == Opcode.LOAD_WEIGHTS:
            for u, unit in enumerate(units(64)):
                self.weights[load["destination"] + u // rows, u % rows] = unit
        elif load["opcode"] == Opcode.LOAD_THRESHOLDS:
            bits = load.get("code_bits", 0)
            if not bits:
                for u, unit in enumerate(units(32)):
                    self.threshold(load["destination"], u // rows, u % rows, unit)
                return
            together = self.machine.axi_data_bits // 32
            for row in range(rows):
                at = row // together * 2 * together + row % together
                base, step = (units(32)[place] for place in (at, at + together))
                self.threshold(load["destination"], 0, row, base >> 31)
                base, step = ((one & 0xFFFFFF) << 7 | one >> 24 & 0x7F for one in (base, step))
                for k in range(1, 1 << bits):
                    made = (base + k * step >> 7) % (1 << 24)
                    self.threshold(load["destination"], k, row, made)
        elif load["opcode"] == Opcode.LOAD_TABLE:
            for u, unit in enumerate(units(128)):
                self.table[load["destination"] + u] = unit
        elif load["opcode"] == Opcode.LOAD_CODES:
            for u, unit in enumerate(units(self.machine.axi_data_bits)):
                self.codes[load["destination"] + u] = unit % (1 << 32)
        else:
            self.program += units(self.machine.axi_data_bits)


def conflict_free(machine, load):
    """Tell whether the words of every step of a LOAD_MAP or LOAD_PICTURE have different banks."""
    slots = machine.slots
    one_row = load | {"rows": 1}
    banks = [
        position % machine.columns
        for position, _ in positions_written(machine, one_row, bytes(1 << 16))
    ]
    return all(len(set(banks[at : at + slots])) == slots for at in range(0, len(banks), slots))


def random_placement(machine, chance, opcode):
    """Return a LOAD_MAP or LOAD_PICTURE whose words do not collide."""
    while True:
        load = {
            "opcode": opcode,
            "address": chance.randrange(512) * machine.beat_bytes,
            "rows": chance.randint(1, 3),
            "beats": chance.choice([1, 2, 5, 16, 33]),
            "row_bytes": chance.randrange(64) * machine.beat_bytes,
            "destination": chance.randrange(machine.positions),
            "row_step": chance.randrange(machine.positions),
            "plane_stride": chance.randrange(machine.positions),
            "odd_offset": chance.choice([0, chance.randrange(1, machine.positions)]),
            "planes": chance.choice(list(Planes)),
            "window": chance.randint(1, 5),
            "groups": chance.randint(1, 15),
            "halves": (
                chance.randint(1, 3) if machine.rows == 8 and opcode == Opcode.LOAD_MAP else 3
            ),
        }
        if load["planes"] is Planes.EIGHT:  # a position may take two beats
            load["beats"] *= 2
        if conflict_free(machine, load):
            return load


def random_unit_load(machine, chance, opcode):
    """Return a LOAD of weights, thresholds, table, codes or program."""
    beat = machine.beat_bytes
    units = {
        Opcode.LOAD_WEIGHTS: (machine.rows * 8, machine.weight_words - 4, 4),
        Opcode.LOAD_THRESHOLDS: (machine.rows * 4, 2, 16),
        Opcode.LOAD_TABLE: (16, machine.table_entries - 9, 9),
        Opcode.LOAD_PROGRAM: (2048, 1, 1),
        Opcode.LOAD_CODES: (beat, 1024 - 300, 300),
    }
    unit_bytes, destinations, most = units[opcode]
    if opcode == Opcode.LOAD_THRESHOLDS and chance.random() < 0.5:
        return {
            "opcode": opcode,
            "address": chance.randrange(1024) * beat,
            "rows": 1,
            "beats": machine.rows * 8 // beat,
            "row_bytes": 0,
            "destination": chance.randrange(2),
            "code_bits": chance.randint(1, 4),
        }
    return {
        "opcode": opcode,
        "address": chance.randrange(1024) * beat,
        "rows": 1,
        "beats": unit_bytes * chance.randint(1, most) // beat,
        "row_bytes": 0,
        "destination": chance.randrange(destinations),
    }


def random_load(machine, chance, opcode):
    if opcode in (Opcode.LOAD_MAP, Opcode.LOAD_PICTURE):
        return random_placement(machine, chance, opcode)
    return random_unit_load(machine, chance, opcode)
