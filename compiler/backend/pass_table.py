"""The pass table of a job: which products each pass of a block adds, and which passes capture.

A block of rows x columns results takes one *capture* for every window position whose maximum is
taken (one, if nothing is pooled). Every capture takes the same passes, moved by its offset in the
input. A *looped* table has the passes of one pair of planes, which the machine runs for all pairs.
All that depends on these loops is here: how many entries there are, whether they fit, what they
say, and how long a block takes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from arch.isa import ENTRY_BYTES, Entry, encode
from arch.machine import Machine
from compiler.backend.job import Offset
from compiler.errors import CapacityError


@dataclass(frozen=True)
class Product:
    """One lane group's part of a pass: a tap's activation plane times one of its weight planes."""

    tap: int
    activation_plane: int
    weight_plane: int


@dataclass(frozen=True)
class PackedPass:
    """Four lane groups' products (None: idle) and whether accumulators are doubled before."""

    products: tuple[Product | None, ...]
    double: bool
    #: A weight word that is 0 in the lane groups that are idle.
    idle_word: int = 0
    #: It counts as many less as there are lanes.
    less: bool = False
    #: Lane groups that are idle and see another weight word than that: (group, word).
    biased: tuple[tuple[int, int], ...] = ()

    def word(self, group: int) -> int:
        """The weight word of a lane group that is idle."""
        return dict(self.biased).get(group, self.idle_word)


@dataclass(frozen=True)
class PlaneLoop:
    """The pairs of planes that a looped table is run for; its products are of the highest ones."""

    activation_planes: int
    weight_planes: int
    #: Weight words from one weight plane to the next.
    weight_stride: int

    @property
    def pairs(self) -> int:
        return self.activation_planes * self.weight_planes

    @property
    def word_count(self) -> int:
        """Weight words of all planes."""
        return self.weight_planes * self.weight_stride


@dataclass(frozen=True)
class PassTable:
    """The passes of a block: ``passes`` once for every capture, one capture after another.

    With a ``loop``, which has one capture: ``passes`` once for every pair of planes. ``turns``: the
    passes of each capture, where captures have passes of their own, all at one offset.
    """

    passes: tuple[PackedPass, ...]
    #: Offset in the input (y, x) of each capture.
    captures: tuple[Offset, ...]
    loop: PlaneLoop | None = None
    turns: tuple[tuple[PackedPass, ...], ...] = ()

    @property
    def per_capture(self) -> list[tuple[Offset, tuple[PackedPass, ...]]]:
        """Offset and passes of each capture."""
        if self.turns:
            return [(self.captures[0], passes) for passes in self.turns]
        return [(capture, self.passes) for capture in self.captures]

    @property
    def size(self) -> int:
        """Entries."""
        return sum(len(passes) for _, passes in self.per_capture)

    @property
    def block_passes(self) -> int:
        """Passes of a block."""
        return self.size * (self.loop.pairs if self.loop else 1)

    def fits(self, machine: Machine) -> bool:
        return self.size <= machine.table_entries

    def check(self, layer: str, machine: Machine) -> None:
        """:class:`CapacityError`, which names ``layer``, unless the machine's table has room."""
        if not self.fits(machine):
            raise CapacityError(
                f"layer {layer!r}: {self.size} pass-table entries; machine {machine.name!r} "
                f"holds {machine.table_entries}; use fewer input channels, a smaller window, or a "
                f"larger machine"
            )

    def block_cycles(self, machine: Machine, *, column: int) -> int:
        """Cycles of a block when nothing waits: its passes, or its results on their way out.

        ``column``: cycles in which those of a column leave.
        """
        drain = machine.columns * column
        return max(self.block_passes, len(self.per_capture) * drain)

    def compute_fields(self, base: int, plane_stride: int) -> dict:
        """What a COMPUTE says of the table when its first entry is number ``base``.

        ``plane_stride``: positions from one activation plane to the next.
        """
        fields = {"table_start": base, "table_last": base + self.size - 1}
        if self.loop:
            fields |= {
                "activation_planes": self.loop.activation_planes - 1,
                "weight_planes": self.loop.weight_planes - 1,
                "plane_stride": plane_stride,
                "weight_stride": self.loop.weight_stride,
            }
        return fields

    def encode(self, group: Callable[[int, Product, Offset], dict]) -> bytes:
        """The table as memory holds it.

        ``group(number, product, capture)``: the fields of an entry's lane group of that number, for
        the capture at that offset.
        """
        entries = []
        captures = self.per_capture
        for number, (capture, passes) in enumerate(captures):
            for index, step in enumerate(passes):
                last = index == len(passes) - 1
                fields = {
                    "group": [
                        group(place, product, capture)
                        if product is not None
                        else {"weight": step.word(place)}
                        for place, product in enumerate(step.products)
                    ],
                    "clear": int(index == 0),
                    "double": int(step.double),
                    "capture": int(last),
                    "pool_first": int(last and number == 0),
                    "pool_last": int(last and number == len(captures) - 1),
                    "less": int(step.less),
                }
                entries.append(encode(Entry, fields).to_bytes(ENTRY_BYTES, "little"))
        return b"".join(entries)
