"""The machine as a frozen dataclass, with named instances.

A machine computes ``rows`` output channels at ``columns`` positions at a time, over ``lanes``
one-bit products per processing element and cycle. Widths that follow from its sizes are derived
here; those that all machines share are in :mod:`arch.isa` and :mod:`arch.formats`, and a machine
that they cannot encode is refused.
"""

from dataclasses import dataclass, fields
from math import ceil

from arch import isa
from arch.errors import ConfigurationError
from arch.formats import GROUP_LANES, LANE_GROUPS, RAW_CHUNK_PLANES, THRESHOLD_BITS

ISA_VERSION = 4
"""Raised whenever an encoded program stops meaning what it meant."""
MOST_SUM_BITS = 30
"""Of sums: they leave in up to 8 pieces of 4 planes, and an offset of 32 bits is above them."""
OPTIONAL = ("multipliers", "wide_rows", "signs")
"""Sizes that may be 0."""
MULTIPLIED_COLUMNS = (8, 16)
"""Columns of machines whose activations multipliers can turn: their factors have 18 bits, and for
fewer columns plain logic takes a cycle less."""
MOST_TRANSFERS = 256
"""Of a burst (AXI4, A3.4.1)."""
ADDRESS_FIELDS = {
    ("activation_words", "position_bits"): {
        isa.Load: ("destination", "row_step", "plane_stride", "odd_offset"),
        isa.Compute: ("source", "source_step", "plane_stride"),
        isa.ChipPlace: ("destination", "plane_stride", "odd_offset"),
        isa.EntryGroup: ("offset",),
    },
    ("weight_words", "weight_bits"): {
        isa.Load: ("destination",),
        isa.Compute: ("weight_base", "weight_stride"),
        isa.EntryGroup: ("weight",),
    },
    ("table_entries", "table_bits"): {
        isa.Load: ("destination",),
        isa.Compute: ("table_start", "table_last"),
    },
}
"""(Size, width of the addresses that it makes): the fields that hold such addresses."""


def is_power_of_two(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Sizes of one accelerator.

    Raises :class:`arch.errors.ConfigurationError` where sizes do not fit together.
    """

    name: str
    #: Output channels computed at once: one row of processing elements each. 8 or 16, because they
    #: make one half or one whole lane group of the next layer.
    rows: int
    #: Consecutive positions computed at once; also the number of activation banks.
    columns: int
    #: Position offsets a pass can use at once: lanes are split into this many groups.
    lane_groups: int = LANE_GROUPS
    #: Lanes (input channels) per group.
    group_lanes: int = GROUP_LANES
    #: Bits of a processing element's accumulator.
    accumulator_bits: int = 22
    #: Words per activation bank.
    activation_words: int = 1024
    #: Words of the weight memory.
    weight_words: int = 512
    #: Entries of the pass table.
    table_entries: int = 512
    #: Width of the memory port.
    axi_data_bits: int = 64
    #: Longest burst in beats.
    max_burst: int = 64
    #: Read bursts that may be under way at once.
    outstanding_reads: int = 8
    #: Instructions waiting in front of the loader and of the sequencer, each.
    queue_depth: int = 8
    #: Transfers buffered in front of the write channel.
    output_beats: int = 512
    #: Rows and columns of processing elements between two pipeline registers.
    cluster: int = 4
    #: 18 x 18 multipliers that turn activations to their columns, where the fabric has them.
    multipliers: int = 0
    #: Rows whose sums become wide codes at once, so codes of up to 8 bits and tables of codes; 0:
    #: codes of up to 4 bits.
    wide_rows: int = 0
    #: 1: bits of 1-bit codes may leave as the signs of sums, a transfer at a time.
    signs: int = 0

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name in OPTIONAL else 1
            if field.name != "name" and (not isinstance(value, int) or value < least):
                raise ConfigurationError(
                    f"machine {self.name!r}: {field.name} must be a positive integer"
                    f"{'' if least else ' or 0'}, not {value!r}"
                )
        if self.rows not in (8, 16):
            raise ConfigurationError(
                f"machine {self.name!r}: rows must be 8 or 16, not {self.rows}"
            )
        if (self.lane_groups, self.group_lanes) != (LANE_GROUPS, GROUP_LANES):
            raise ConfigurationError(
                f"machine {self.name!r}: lanes must be {LANE_GROUPS} groups of {GROUP_LANES}, not "
                f"{self.lane_groups} of {self.group_lanes}"
            )
        for name in (
            "columns",
            "activation_words",
            "weight_words",
            "table_entries",
            "output_beats",
            "max_burst",
            "queue_depth",
            "outstanding_reads",
        ):
            if not is_power_of_two(getattr(self, name)):
                raise ConfigurationError(
                    f"machine {self.name!r}: {name} must be a power of two, "
                    f"not {getattr(self, name)}"
                )
        if self.axi_data_bits not in (64, 128) or self.slots > self.columns:
            raise ConfigurationError(
                f"machine {self.name!r}: axi_data_bits must be 64 or 128 and "
                f"at most 16 * columns, not {self.axi_data_bits}"
            )
        if self.columns % self.cluster or self.rows % self.cluster:
            raise ConfigurationError(
                f"machine {self.name!r}: rows and columns must be multiples "
                f"of cluster {self.cluster}"
            )
        if self.multipliers and self.columns not in MULTIPLIED_COLUMNS:
            raise ConfigurationError(
                f"machine {self.name!r}: multipliers turn {MULTIPLIED_COLUMNS[0]} or "
                f"{MULTIPLIED_COLUMNS[1]} columns, not {self.columns}; take multipliers 0"
            )
        together = self.axi_data_bits // THRESHOLD_BITS
        if self.wide_rows not in (0, together):
            raise ConfigurationError(
                f"machine {self.name!r}: wide_rows must be 0, or {together} as a memory beat has "
                f"that many numbers of {THRESHOLD_BITS} bits, not {self.wide_rows}"
            )
        if self.signs > 1:
            raise ConfigurationError(
                f"machine {self.name!r}: signs must be 0 or 1, not {self.signs}"
            )
        if self.output_beats < 4 * self.block_beats:
            raise ConfigurationError(
                f"machine {self.name!r}: output_beats must be at least four "
                f"raw blocks ({4 * self.block_beats})"
            )
        self._check_fields()

    def _check_fields(self) -> None:
        """Refuse sizes that some field of an instruction or pass-table entry cannot hold."""
        for (size, width), structs in ADDRESS_FIELDS.items():
            for struct, names in structs.items():
                for name in names:
                    self._check_field(size, getattr(self, width), struct, name)
        if self.sum_bits > MOST_SUM_BITS:
            raise ConfigurationError(
                f"machine {self.name!r}: accumulator_bits {self.accumulator_bits} makes sums of "
                f"{self.sum_bits} bits, and there is room for {MOST_SUM_BITS}; "
                f"the most that fits is {MOST_SUM_BITS - 1}"
            )

    def _check_field(self, size: str, bits: int, struct: type, name: str) -> None:
        room = isa.width(struct, name)
        if bits > room:
            value = getattr(self, size)
            raise ConfigurationError(
                f"machine {self.name!r}: {size} {value} needs addresses of {bits} bits, and the "
                f"field {struct.__name__}.{name} has {room}; the most that fits is "
                f"{value >> bits - room}"
            )

    @property
    def lanes(self) -> int:
        """One-bit products per processing element and cycle."""
        return self.lane_groups * self.group_lanes

    @property
    def binary_macs(self) -> int:
        """One-bit multiply-accumulates per cycle."""
        return self.rows * self.columns * self.lanes

    @property
    def slots(self) -> int:
        """Lane-group words (16 bits) per memory beat, all written to different banks at once."""
        return self.axi_data_bits // self.group_lanes

    @property
    def beat_bytes(self) -> int:
        return self.axi_data_bits // 8

    @property
    def image_channels(self) -> int:
        """Channels of a map that lie together in memory: those that a COMPUTE writes."""
        return self.rows

    @property
    def plane_bytes(self) -> int:
        """Bytes of one bit-plane of one position in memory."""
        return self.image_channels // 8

    @property
    def piece_bytes(self) -> int:
        """Bytes of a piece of a position's raw sums."""
        return RAW_CHUNK_PLANES * self.plane_bytes

    @property
    def map_steps(self) -> int:
        """Cycles in which the loader writes a beat of a map: ``slots`` words of an image's channels
        in each."""
        return self.group_lanes // self.image_channels

    @property
    def transfer_bytes(self) -> int:
        """Bytes that the memory port writes in a cycle: of 8 rows half a beat, what they make."""
        return self.slots * self.plane_bytes

    def port_bytes(self, read_beats: int, write_beats: int) -> int:
        """Bytes through the memory port, by the counters READ_BEATS and WRITE_BEATS."""
        return read_beats * self.beat_bytes + write_beats * self.transfer_bytes

    @property
    def write_burst(self) -> int:
        """Longest write burst in transfers: the bytes of ``max_burst`` beats."""
        return min(self.max_burst * self.beat_bytes // self.transfer_bytes, MOST_TRANSFERS)

    @property
    def positions(self) -> int:
        """Activation address space, in positions of ``lanes`` bits."""
        return self.columns * self.activation_words

    @property
    def position_bits(self) -> int:
        return (self.positions - 1).bit_length()

    @property
    def column_bits(self) -> int:
        return (self.columns - 1).bit_length()

    @property
    def weight_bits(self) -> int:
        """Address bits of the weight memory."""
        return (self.weight_words - 1).bit_length()

    @property
    def table_bits(self) -> int:
        """Address bits of the pass table."""
        return (self.table_entries - 1).bit_length()

    @property
    def keeps_results(self) -> bool:
        """Whether results can go to the activation memory: a row block fills its words."""
        return self.rows == self.group_lanes

    @property
    def sum_bits(self) -> int:
        """Bits of accumulator plus activation sum, as the threshold search sees it."""
        return self.accumulator_bits + 1

    @property
    def raw_chunks(self) -> int:
        """Most pieces of :data:`arch.formats.RAW_CHUNK_PLANES` planes in which a raw sum leaves."""
        return ceil(self.sum_bits / RAW_CHUNK_PLANES)

    @property
    def pieces_together(self) -> int:
        """Pieces of a raw sum that are a transfer: so many leave in a cycle where they can."""
        return self.transfer_bytes // self.piece_bytes

    def pieces_at_once(self, pieces: int) -> int:
        """Pieces of a raw sum of so many that leave in a cycle: a whole transfer, or else one."""
        return 1 if pieces % self.pieces_together else self.pieces_together

    def raw_cycles(self, pieces: int) -> int:
        """Cycles in which a raw sum of so many pieces leaves."""
        return pieces // self.pieces_at_once(pieces)

    @property
    def sign_turns(self) -> int:
        """Pieces in which the signs of a block leave: of ``slots`` columns each, a transfer."""
        return self.columns // self.slots

    @property
    def wide_cycles(self) -> int:
        """Cycles that a column of sums takes to become wide codes (0: there are none)."""
        return self.rows // self.wide_rows if self.wide_rows else 0

    @property
    def block_beats(self) -> int:
        """Most written transfers that one block of ``rows`` x ``columns`` sums can make."""
        return self.columns * self.raw_chunks


TINY = Machine(
    name="tiny",
    rows=8,
    columns=4,
    accumulator_bits=28,
    activation_words=1024,
    weight_words=256,
    table_entries=512,
    wide_rows=2,
    signs=1,
)
"""For tests: small enough that a network simulates in seconds. It has all that any machine has."""

ECP5_25F = Machine(
    name="ecp5_25f",
    rows=8,
    columns=8,
    accumulator_bits=20,
    queue_depth=2,
    cluster=8,
    multipliers=28,
)
"""4,096 binary MACs per cycle: fits an LFE5U-25F (56 block RAMs, 24,288 slots, 28 multipliers).

Deeper queues are LUT RAM, 600 slots of it, and no frame measured so far is faster for them. Sums of
20 bits hold 3 x 3 layers of 4 x 4 bits with 512 channels. One cluster: four of 4 x 4 keep
operands and their delays twice, 1,900 flip-flops of them.
"""

ECP5_45F = Machine(name="ecp5_45f", rows=16, columns=8, table_entries=1024, queue_depth=2)
"""8,192 binary MACs per cycle: for an LFE5U-45F (108 block RAMs, 43,848 slots)."""

ECP5_85F = Machine(
    name="ecp5_85f",
    rows=16,
    columns=16,
    accumulator_bits=28,
    activation_words=2048,
    table_entries=1024,
    axi_data_bits=128,
    multipliers=64,
    wide_rows=4,
    signs=1,
)
"""16,384 binary MACs per cycle: for an LFE5U-85F (208 block RAMs, 83,640 slots, 156 multipliers).

64 multipliers turn all of its lanes, 16 make wide codes. Sums of 28 bits hold layers of 8 x 8 bits
with 4,128 lanes: 3 x 3 with 448 channels.
"""

ECP5_85F_4BIT = Machine(
    name="ecp5_85f_4bit",
    rows=16,
    columns=16,
    activation_words=2048,
    table_entries=1024,
    axi_data_bits=128,
    queue_depth=2,
    cluster=8,
    multipliers=64,
    signs=1,
)
"""``ecp5_85f`` for codes of up to 4 bits: as many products, in less of an LFE5U-85F."""

ECP5_85F_16X8 = Machine(
    name="ecp5_85f_16x8",
    rows=16,
    columns=8,
    accumulator_bits=28,
    activation_words=2048,
    table_entries=1024,
    axi_data_bits=128,
    queue_depth=2,
    multipliers=64,
    wide_rows=4,
    signs=1,
)
"""Half of the elements of ``ecp5_85f``, and all else that it has: 8,192 binary MACs per cycle."""

GW2A_18 = Machine(name="gw2a_18", rows=8, columns=4, accumulator_bits=20, queue_depth=2)
"""2,048 binary MACs per cycle: for a Gowin GW2A-18 (46 block RAMs, 20,736 LUTs)."""

MACHINES = {
    machine.name: machine
    for machine in (TINY, ECP5_25F, ECP5_45F, ECP5_85F, ECP5_85F_16X8, ECP5_85F_4BIT, GW2A_18)
}


def machine_named(name: str) -> Machine:
    """Return the machine of that name; :class:`ConfigurationError` names those there are."""
    if name not in MACHINES:
        raise ConfigurationError(f"machine {name!r} is not known; known: {', '.join(MACHINES)}")
    return MACHINES[name]
