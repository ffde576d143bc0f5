"""Instructions and pass-table entries, as Amaranth structs.

One definition serves the encoder, the decoder, the disassembler, the hardware and
``docs/isa.md``. An instruction is 256 bits: four 64-bit words, least significant first. The
fields' meaning, unit and range are in :data:`FIELD_NOTES`, from which the manual is generated.
"""

from functools import cache

from amaranth.hdl import Shape, unsigned
from amaranth.lib import data, enum

from arch.formats import (
    ADDRESS_BITS,
    CODE_BITS,
    GROUP_LANES,
    HALVES,
    LANE_GROUPS,
    LONGEST_WINDOW,
)

INSTRUCTION_BITS = 256
INSTRUCTION_BYTES = INSTRUCTION_BITS // 8
ENTRY_BITS = 128
"""A pass-table entry as stored in memory (the struct below, zero-extended)."""
ENTRY_BYTES = ENTRY_BITS // 8
CHUNK_INSTRUCTIONS = 64
"""Instructions fetched at once; the instruction memory holds two such chunks."""
CHUNK_BYTES = CHUNK_INSTRUCTIONS * INSTRUCTION_BYTES
OPCODE_BITS = 4
COUNT_BITS = 16
"""Loads and computes are counted modulo 2**COUNT_BITS."""
PLANES_BITS = 3
"""A COMPUTE runs its passes for pairs of up to 2**PLANES_BITS planes of either operand."""
SUM_PIECES_BITS = 3
"""Raw sums leave in up to 2**SUM_PIECES_BITS pieces: as wide as a threshold can be."""


class Opcode(enum.Enum, shape=OPCODE_BITS):
    """What an instruction does. Even a memory that was never written decodes to ILLEGAL."""

    ILLEGAL = 0
    LOAD_MAP = 1
    LOAD_PICTURE = 2
    LOAD_WEIGHTS = 3
    LOAD_THRESHOLDS = 4
    LOAD_TABLE = 5
    LOAD_PROGRAM = 6
    LOAD_CODES = 7
    COMPUTE = 8
    END = 15

    @property
    def is_load(self) -> bool:
        """Whether the instruction has the fields of :class:`Load`."""
        return self.name.startswith("LOAD_")


class Planes(enum.Enum, shape=2):
    """Bit-planes per position in memory: 1, 2, 4 or 8 (codes of 3 bits travel as 4 planes, of 5
    to 7 bits as 8; machines without wide codes write no EIGHT)."""

    ONE = 0
    TWO = 1
    FOUR = 2
    EIGHT = 3

    @property
    def count(self) -> int:
        """How many bit-planes."""
        return 1 << self.value

    @classmethod
    def holding(cls, bits: int) -> "Planes":
        """The fewest planes that codes of ``bits`` bits fit; ValueError where none do."""
        return cls(max(bits - 1, 0).bit_length())


class PostMode(enum.Enum, shape=4):
    """What a COMPUTE does with its sums; all but THRESHOLDS on machines with wide codes only."""

    #: Thresholds.
    THRESHOLDS = 0
    #: A product of each row, rounded.
    PRODUCT = 1
    #: The product's code is looked up in code table 0.
    LOOKUP_0 = 2
    #: Or in code table 1.
    LOOKUP_1 = 3
    #: The products' codes of two captures have shares in code table 0, which are added.
    SHARES_0 = 4
    #: Or in code table 1.
    SHARES_1 = 5

    @property
    def looks_up(self) -> bool:
        """Whether the codes of the product are looked up in a code table."""
        return self.value >= PostMode.LOOKUP_0.value

    @property
    def adds_shares(self) -> bool:
        """Whether what is found there are shares of a sum."""
        return self.value >= PostMode.SHARES_0.value

    @property
    def table(self) -> int:
        """Which of the two code tables, where one is looked up."""
        return self.value & 1

    def with_table(self, table: int) -> "PostMode":
        """The mode with that one of the two code tables."""
        return PostMode(self.value & ~1 | table) if self.looks_up else self


class Load(data.Struct):
    """Moves ``rows`` rows of ``beats`` beats from memory to one of the on-chip memories."""

    opcode: Opcode
    after_compute: unsigned(COUNT_BITS)
    after_stored: unsigned(COUNT_BITS)
    address: unsigned(ADDRESS_BITS)
    rows: unsigned(12)
    beats: unsigned(12)
    row_bytes: unsigned(24)
    destination: unsigned(16)
    row_step: unsigned(16)
    plane_stride: unsigned(16)
    odd_offset: unsigned(16)
    planes: Planes
    window: unsigned(LONGEST_WINDOW.bit_length())
    groups: unsigned(LANE_GROUPS)
    code_bits: unsigned(CODE_BITS.bit_length())
    halves: unsigned(HALVES)
    shares: unsigned(1)


class Compute(data.Struct):
    """Runs a span of the pass table over blocks of positions for one group of output channels."""

    opcode: Opcode
    after_load: unsigned(COUNT_BITS)
    table_start: unsigned(10)
    table_last: unsigned(10)
    block_rows: unsigned(12)
    row_blocks: unsigned(12)
    source: unsigned(16)
    source_step: unsigned(16)
    weight_base: unsigned(10)
    threshold_set: unsigned(1)
    add_ones: unsigned(1)
    raw: unsigned(1)
    code_bits: unsigned(CODE_BITS.bit_length())
    pair: unsigned(1)
    row_length: unsigned(12)
    width: unsigned(12)
    height: unsigned(12)
    address: unsigned(ADDRESS_BITS)
    row_bytes: unsigned(24)
    position_bytes: unsigned(8)
    planes: Planes
    post_mode: PostMode
    after_results: unsigned(1)
    activation_planes: unsigned(PLANES_BITS)
    weight_planes: unsigned(PLANES_BITS)
    plane_stride: unsigned(16)
    weight_stride: unsigned(10)
    sum_pieces: unsigned(SUM_PIECES_BITS)
    on_chip: unsigned(1)


class ChipPlace(data.Struct):
    """Where results of a COMPUTE with ``on_chip`` go, in the place of ``address``, ``row_bytes``
    and ``position_bytes``."""

    destination: unsigned(16)
    plane_stride: unsigned(16)
    odd_offset: unsigned(16)
    row_pairs: unsigned(11)
    groups: unsigned(LANE_GROUPS)
    apart: unsigned(1)


class EntryGroup(data.Struct):
    """What one lane group does in a pass."""

    offset: unsigned(16)
    weight: unsigned(10)
    enable: unsigned(1)
    ones: unsigned(1)


class Entry(data.Struct):
    """One pass of the array."""

    group: data.ArrayLayout(EntryGroup, LANE_GROUPS)
    clear: unsigned(1)
    double: unsigned(1)
    capture: unsigned(1)
    pool_first: unsigned(1)
    pool_last: unsigned(1)
    less: unsigned(1)


GROUP_FIELDS = tuple(name for name, _ in data.Layout.cast(EntryGroup))
"""What a pass-table entry says for each lane group."""
PASS_FLAGS = tuple(name for name, _ in data.Layout.cast(Entry) if name != "group")
"""What it says for the whole array, one bit each."""
SIGN_FLAGS = ("less",)
"""Which of them are for machines with signs only."""
CHIP_PLACE_FIELDS = ("address", "row_bytes", "position_bytes")
"""Fields of a COMPUTE that hold a chip place, from its lowest bits up."""


FIELD_NOTES = {
    "Load": {
        "opcode": "LOAD_MAP, LOAD_PICTURE, LOAD_WEIGHTS, LOAD_THRESHOLDS, LOAD_TABLE, "
        "LOAD_PROGRAM or LOAD_CODES",
        "after_compute": "start when that many computes of the program are computed: their last "
        "result is in the output buffer, or as good as in the activation memory (modulo 2^16)",
        "after_stored": "and that many of those without `on_chip` are stored: memory has "
        "acknowledged their results (modulo 2^16)",
        "address": "byte address of the first row; a multiple of the beat size",
        "rows": "number of rows (LOAD_WEIGHTS and others: 1)",
        "beats": "beats per row",
        "row_bytes": "bytes from one row's start to the next row's",
        "destination": "LOAD_MAP, LOAD_PICTURE: position; LOAD_WEIGHTS: word; LOAD_TABLE, "
        "LOAD_CODES: entry; LOAD_THRESHOLDS: set 0 or 1",
        "row_step": "positions from one row's start to the next row's, on chip",
        "plane_stride": "positions from one bit-plane to the next, on chip",
        "odd_offset": "0: positions are consecutive; else position x of a row goes to "
        "(x >> 1) + (x & 1) * odd_offset, for layers of stride 2",
        "planes": "LOAD_MAP: bit-planes per position in memory",
        "window": f"LOAD_PICTURE: neighbouring pixels packed into a position, 1..{LONGEST_WINDOW}",
        "groups": "lane groups that receive the data",
        "code_bits": "LOAD_THRESHOLDS: 0: memory holds the thresholds; "
        f"b = 1..{CODE_BITS}: it holds a base and a step for each row, of which 2^b are made",
        "halves": "halves of those groups that are written: 1: lanes 0..7, 2: lanes 8..15, 3: both",
        "shares": "LOAD_MAP: a beat takes two cycles, so that results can go to the activation "
        "memory in between",
    },
    "Compute": {
        "opcode": "COMPUTE",
        "after_load": "start when that many loads of the program are complete (modulo 2^16)",
        "table_start": "first pass-table entry",
        "table_last": "last pass-table entry",
        "block_rows": "rows of blocks",
        "row_blocks": "blocks of `columns` consecutive positions per row",
        "source": "position of the first block",
        "source_step": "positions from one row of blocks to the next",
        "weight_base": "added to every entry's weight word",
        "threshold_set": "which of the two loaded threshold sets",
        "add_ones": "1: add the activation-sum row to every sum (weights with a zero level)",
        "raw": "1: the sums themselves leave, in pieces of four planes",
        "code_bits": f"bits of the output codes, 1..{CODE_BITS}; 0 if post_mode is not THRESHOLDS; "
        "0 although it is, and without raw: codes are the *signs* of the sums, 1 below zero",
        "pair": "1: the maximum of positions 2x and 2x+1 leaves as position x",
        "row_length": "positions computed per row of the output map, of which...",
        "width": "...the first `width` (counted before pairing) are written",
        "height": "rows of the output map that are written (positions after them are not)",
        "address": "byte address of the first output position; with `on_chip`, the lowest bits of "
        "the *chip place* below",
        "row_bytes": "bytes from one output row's start to the next row's; with `on_chip`, the "
        "bits of the chip place from 32 on",
        "position_bytes": "bytes from one output position to the next; with `on_chip`, the bits "
        "of the chip place from 56 on",
        "planes": "bit-planes per position in memory",
        "post_mode": "how sums become codes",
        "after_results": "1: start when all results for the chip, of all COMPUTEs before, have "
        "been written",
        "activation_planes": "activation planes that the table's passes are run for, minus 1",
        "weight_planes": "weight planes that they are run for, minus 1",
        "plane_stride": "positions from one activation plane to the next, on chip",
        "weight_stride": "weight words from one weight plane to the next",
        "sum_pieces": "raw: pieces in which each sum leaves, low planes first, minus 1; at most "
        "raw_chunks - 1. With `on_chip`: cycles that each result takes, minus 1. Signs: cycles of "
        "a turn, minus 1",
        "on_chip": "1: results go to the activation memory, not to memory",
    },
    "ChipPlace": {
        "destination": "position on chip of output position (0, 0), plane 0",
        "plane_stride": "positions from one bit-plane to the next, on chip",
        "odd_offset": "0: positions are consecutive; else position v of the map goes to "
        "(v >> 1) + (v & 1) * odd_offset, for readers of stride 2",
        "row_pairs": "half of the positions v from one output row's start to the next row's",
        "groups": "lane groups that receive the results",
        "apart": "1: output positions are 2 positions v apart, not 1",
    },
    "Entry": {
        "offset": "added to the block's position, modulo the activation memory",
        "weight": "weight word",
        "enable": "0: the group's activation lanes read as 0",
        "ones": "the weight bit that the activation-sum row sees in all lanes of the group",
        "clear": "accumulators start from 0 with this pass",
        "double": "accumulators are doubled before this pass",
        "capture": "the sums leave after this pass",
        "pool_first": "with capture: the running maximum starts with this result",
        "pool_last": "with capture: the running maximum leaves with this result",
        "less": f"the pass counts {LANE_GROUPS * GROUP_LANES} less; for signs only",
    },
}


def shapes(struct: type[data.Struct], *names: str) -> dict[str, object]:
    """Field -> shape, for layouts that carry some of a struct's fields on."""
    layout = data.Layout.cast(struct)
    return {name: layout[name].shape for name in names}


def subset(struct: type[data.Struct], *names: str) -> data.StructLayout:
    """A layout of just these fields of a struct, in this order."""
    return data.StructLayout(shapes(struct, *names))


def width(struct: type[data.Struct], name: str) -> int:
    """Bits of a struct's field."""
    return Shape.cast(data.Layout.cast(struct)[name].shape).width


def offset(struct: type[data.Struct], name: str) -> int:
    """First bit of a field of a struct."""
    return _places(struct)[name][0]


def most(struct: type[data.Struct], name: str) -> int:
    """The largest value of a field."""
    return (1 << width(struct, name)) - 1


@cache
def _places(layout: type[data.Struct]) -> dict[str, tuple]:
    """Field -> (offset, width, enumeration or None, (struct, its bits) of an array or None).

    Programs have thousands of instructions; Amaranth's own constants take a millisecond each.
    """
    places = {}
    for name, field in data.Layout.cast(layout):
        enumeration = field.shape if isinstance(field.shape, enum.EnumMeta) else None
        array = None
        if isinstance(field.shape, data.ArrayLayout):
            element = field.shape.elem_shape
            array = element, data.Layout.cast(element).size
        places[name] = field.offset, field.width, enumeration, array
    return places


def has_signs(fields: dict) -> bool:
    """Whether codes of a COMPUTE (its fields) are the signs of its sums."""
    thresholds = fields["post_mode"] is PostMode.THRESHOLDS and not fields["raw"]
    return thresholds and not fields["code_bits"]


def with_chip_place(fields: dict, place: dict) -> dict:
    """Return the fields of a COMPUTE whose results go to a :class:`ChipPlace` (its fields)."""
    bits, parts = encode(ChipPlace, place), {"on_chip": 1}
    for name in CHIP_PLACE_FIELDS:
        size = width(Compute, name)
        parts[name] = bits & (1 << size) - 1
        bits >>= size
    return fields | parts


def chip_place(fields: dict) -> dict:
    """Return the fields of the :class:`ChipPlace` of a COMPUTE with ``on_chip`` (its fields)."""
    bits = shift = 0
    for name in CHIP_PLACE_FIELDS:
        bits |= fields[name] << shift
        shift += width(Compute, name)
    return decode(ChipPlace, bits)


def encode(layout: type[data.Struct], fields: dict) -> int:
    """Encode an instruction or entry; a value that does not fit its field raises ValueError.

    ``fields`` may leave out fields that are 0.
    """
    places = _places(layout)
    bits = 0
    for name, value in fields.items():
        offset, width, enumeration, array = places[name]
        if array is not None:
            struct, size = array
            if len(value) * size > width:
                raise ValueError(f"{layout.__name__}.{name}: {len(value)} are too many")
            for number, element in enumerate(value):
                bits |= encode(struct, element) << (offset + number * size)
            continue
        if enumeration is not None and not isinstance(value, enumeration):
            value = enumeration(value)
        number = int(value.value if enumeration is not None else value)
        if not 0 <= number < 1 << width:
            raise ValueError(f"{layout.__name__}.{name} = {value} does not fit {width} bits")
        bits |= number << offset
    return bits


def decode(layout: type[data.Struct], bits: int) -> dict:
    """Return the fields of an encoded instruction or entry as plain values."""
    fields = {}
    for name, (offset, width, enumeration, array) in _places(layout).items():
        value = bits >> offset & (1 << width) - 1
        if enumeration is not None:
            value = enumeration(value)
        elif array is not None:
            struct, size = array
            value = [
                decode(struct, value >> start & (1 << size) - 1) for start in range(0, width, size)
            ]
        fields[name] = value
    return fields


def decode_instruction(bits: int) -> dict:
    """Return the fields of an instruction; only ``opcode``, ILLEGAL, where one is undefined."""
    compute = bits & (1 << OPCODE_BITS) - 1 == Opcode.COMPUTE.value
    try:
        return decode(Compute if compute else Load, bits)
    except ValueError:  # an opcode or a number of planes that is not defined
        return {"opcode": Opcode.ILLEGAL}
