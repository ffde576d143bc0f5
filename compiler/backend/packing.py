"""Packs the bit-plane products of a job into passes of four lane groups.

A product of tap t, activation plane i and weight plane j has weight 2^(i+j). Products of equal
weight may share a pass, whatever their tap and planes, because every lane group has its own
addresses. So each level s = i + j is packed on its own, and narrow layers fill the lanes that a
word of 64 channels would leave empty.

Layers of many taps would take more passes than the table has entries. For them it suffices to pack
one pair of planes, and to let the machine run these passes for every pair.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from weakref import WeakKeyDictionary

import numpy as np

from arch.formats import LANE_GROUPS, LEAST_SIGN_CYCLES
from arch.machine import Machine
from compiler.backend.job import ChannelSpan, Job, Tap
from compiler.backend.on_chip.chip_map import NONE_STAYS, ChipMaps
from compiler.backend.pass_table import PackedPass, PassTable, PlaneLoop, Product
from compiler.backend.storage import Storage
from compiler.errors import UnsupportedError

WIDEST_WEIGHT = 8


@dataclass(frozen=True)
class Grid:
    """The integers that weights are: odd ones 2u - (2^B - 1), or all of u - 2^(B-1).

    u is the code of B = ``bits`` bits. For the second kind the ones row is added.
    """

    odd: bool
    bits: int

    def codes(self, tap: Tap) -> np.ndarray:
        """Unsigned weight codes [outputs, 16]; 0 in lanes that do not exist."""
        if self.odd:
            codes = (tap.weights + (1 << self.bits) - 1) // 2
        else:
            codes = tap.weights + (1 << (self.bits - 1))
        return np.where(tap.used, codes, 0)

    @property
    def ones_code(self) -> int:
        """The weight code that the ones row sees in every lane of a group in use."""
        return 0 if self.odd else (1 << (self.bits - 1)) - 1


def narrowest_grid(weights: np.ndarray) -> Grid:
    """The grid of fewest bits that holds all ``weights``."""
    low, high = int(weights.min(initial=0)), int(weights.max(initial=0))
    if weights.size and (weights & 1).all():
        return Grid(True, max(1, max(high, -low).bit_length()))
    return Grid(False, max(1, max(high, -low - 1).bit_length() + 1))


def choose_grid(taps: tuple[Tap, ...], layer: str = "") -> Grid:
    """The narrowest grid that holds the weights of every lane that exists.

    UnsupportedError, which names ``layer``, where that is too wide.
    """
    values = np.concatenate([tap.weights[:, tap.used].ravel() for tap in taps])
    grid = narrowest_grid(values)
    if grid.bits > WIDEST_WEIGHT:
        low, high = values.min(initial=0), values.max(initial=0)
        raise UnsupportedError(
            f"layer {layer!r}: weights or factors {low}..{high} need {grid.bits} bits; supported: "
            f"up to {WIDEST_WEIGHT}; quantise the weights to fewer bits, or use scales nearer each "
            f"other"
        )
    return grid


@dataclass(frozen=True)
class Region:
    """Chip memory for up to four images of one storage, side by side in the lane groups.

    ``groups[image]`` are the lane groups that get a copy.
    """

    storage: str
    groups: Mapping[int, tuple[int, ...]]
    #: Of a storage that stays on chip, which of its parts (``compiler.backend.on_chip.chip_map``).
    part: int = 0


def place_images(images: tuple[tuple[str, int], ...]) -> tuple[Region, ...]:
    """Share out images over regions: four to a region; fewer are copied into the free groups."""
    regions = []
    for storage in dict.fromkeys(name for name, _ in images):
        indices = [index for index, (name, _) in enumerate(images) if name == storage]
        for start in range(0, len(indices), LANE_GROUPS):
            chunk = indices[start : start + LANE_GROUPS]
            spread = {1: 1, 2: 2}.get(len(chunk), LANE_GROUPS)
            groups = {index: tuple(range(k, LANE_GROUPS, spread)) for k, index in enumerate(chunk)}
            regions.append(Region(storage, groups))
    return tuple(regions)


def images_on_chip(
    images: tuple[tuple[str, int], ...], chip_maps: ChipMaps
) -> tuple[Region, ...]:
    """The regions of images that stay on chip: those of one part each, where they lie already."""
    parts: dict[tuple[str, int], dict[int, tuple[int, ...]]] = {}
    for index, (name, image) in enumerate(images):
        groups = chip_maps[name].layout.groups(image)
        parts.setdefault((name, image // LANE_GROUPS), {})[index] = groups
    return tuple(Region(name, groups, part) for (name, part), groups in parts.items())


@dataclass(frozen=True)
class Packing:
    """Passes in order, and where each tap's weight planes lie in the weight memory."""

    passes: tuple[PackedPass, ...]
    #: (tap, weight plane, lane group) -> word; a tap's plane may lie in several groups.
    words: Mapping[tuple[int, int, int], int]
    word_count: int
    #: The passes are those of the highest pair of planes, and run for every one.
    loop: PlaneLoop | None = None
    #: The passes of each capture, where each has taps of its own; the first ones are ``passes``.
    turns: tuple[tuple[PackedPass, ...], ...] = ()

    @property
    def taken(self) -> set[tuple[int, int]]:
        """(lane group, word) of all that hold weights."""
        return {(group, word) for (_, _, group), word in self.words.items()}


TapGroups = tuple[int, tuple[int, ...], int]
"""Activation bits of a tap, the lane groups that its image lies in, and which of the taps is the
first one with its weights."""
Turns = tuple[tuple[int, ...], ...]
"""The taps of each capture, by their numbers."""


@lru_cache(maxsize=1024)
def share_passes(
    weight_bits: int, taps: tuple[TapGroups, ...], *, spill: bool = True
) -> Packing:
    """All products in as few passes as the levels allow.

    ``spill``: what is left over of a level may go into the one below, with its weights in further
    words. Without it there are a pass or two more, and as few words as there can be.

    Layers repeat, and the spans of one layer resemble each other: equal ones are packed once.
    """
    levels = max(planes for planes, _, _ in taps) + weight_bits - 1
    load = [[0] * levels for _ in range(LANE_GROUPS)]
    group_of: dict[tuple[int, int], int] = {}
    # Taps of few groups go first: those of many fill up what is left.
    few_first = sorted(range(len(taps)), key=lambda index: len(taps[index][1]))
    for plane in range(weight_bits):
        for index in few_first:
            planes, choices, _ = taps[index]
            # The group whose levels are least full; ties go round so that no group starts ahead.
            best = min(
                choices,
                key=lambda g: (
                    sum(load[g][plane : plane + planes]),
                    (g - index - plane) % LANE_GROUPS,
                ),
            )
            for level in range(plane, plane + planes):
                load[best][level] += 1
            group_of[index, plane] = best

    by_level: list[list[list[Product]]] = [[[] for _ in range(LANE_GROUPS)] for _ in range(levels)]
    for (index, plane), group in group_of.items():
        for activation in range(taps[index][0]):
            by_level[activation + plane][group].append(Product(index, activation, plane))
    for level in range(levels - 1, 0, -1) if spill else ():
        # Accumulators are doubled in every level but the first, so each of these has a pass.
        if _passes(by_level[level]) > 1 or not any(map(_passes, by_level[level + 1 :])):
            _spill(by_level[level], by_level[level - 1], taps)
    passes = []
    for level in range(levels - 1, -1, -1):
        size = _passes(by_level[level])
        for row in range(size if size or not passes else 1):
            products = tuple(group[row] if row < len(group) else None for group in by_level[level])
            passes.append(PackedPass(products, double=row == 0 and bool(passes)))

    # Word 0 is zero where some pass leaves a group idle: an idle group must see activation 0,
    # weight 0.
    first = int(any(product is None for step in passes for product in step.products))
    filled = [first] * LANE_GROUPS
    words = {}
    found: dict[tuple[int, int, int], int] = {}  # weights, plane, group -> word
    spilled = (
        (product.tap, product.weight_plane, group)
        for step in passes
        for group, product in enumerate(step.products)
        if product is not None
    )
    own = ((index, plane, group) for (index, plane), group in group_of.items())
    for index, plane, group in dict.fromkeys([*own, *spilled]):
        key = taps[index][2], plane, group
        if key not in found:
            found[key] = filled[group]
            filled[group] += 1
        words[index, plane, group] = found[key]
    return Packing(tuple(passes), words, max(filled))


def _passes(groups: Sequence[Sequence[Product]]) -> int:
    """Passes that these products of each lane group take."""
    return max(map(len, groups))


def _spill(
    level: list[list[Product]], below: list[list[Product]], taps: Sequence[TapGroups]
) -> None:
    """Take what fills the last pass of a level to the one below, where it counts half and so goes
    in twice, if lane groups are idle there."""
    size, room = _passes(level), [_passes(below) - len(group) for group in below]
    last = [(place, group[-1]) for place, group in enumerate(level) if size and len(group) == size]
    found = []
    for place, product in last:
        for _ in range(2):
            choices = [group for group in taps[product.tap][1] if room[group]]
            if not choices:
                return
            # Its own group has its weights.
            group = max(choices, key=lambda group, own=place: (group == own, room[group], -group))
            room[group] -= 1
            found.append((group, product))
    for place, _ in last:
        level[place].pop()
    for group, product in found:
        below[group].append(product)


@lru_cache(maxsize=1024)
def loop_passes(weight_bits: int, taps: tuple[TapGroups, ...]) -> Packing | None:
    """The passes of one pair of planes; None where there is but one, or taps differ in bits.

    Pass e reads word e of a weight plane in every lane group: idle groups find zeros there.
    """
    planes = taps[0][0]
    if any(bits != planes for bits, _, _ in taps) or planes * weight_bits == 1:
        return None
    rows: list[list[int]] = [[] for _ in range(LANE_GROUPS)]
    for index in sorted(range(len(taps)), key=lambda index: len(taps[index][1])):
        min((rows[group] for group in taps[index][1]), key=len).append(index)
    size = max(map(len, rows))
    loop = PlaneLoop(planes, weight_bits, size)
    passes, words = [], {}
    for row in range(size):
        products = [None if row >= len(group) else group[row] for group in rows]
        passes.append(
            PackedPass(
                tuple(
                    None if tap is None else Product(tap, planes - 1, weight_bits - 1)
                    for tap in products
                ),
                double=False,
                idle_word=(weight_bits - 1) * size + row,
            )
        )
        for group, tap in enumerate(products):
            if tap is not None:
                for plane in range(weight_bits):
                    words[tap, plane, group] = plane * size + row
    return Packing(tuple(passes), words, loop.word_count, loop)


def join_turns(weight_bits: int, taps: tuple[TapGroups, ...], turns: Turns) -> Packing:
    """The passes of captures that have taps of their own, by their numbers, one after another.

    Each capture's words follow those of the capture before.
    """
    joined, words, first = [], {}, 0
    for turn in turns:
        own = share_passes(weight_bits, tuple(taps[tap] for tap in turn))
        words |= {
            (turn[tap], plane, group): first + word
            for (tap, plane, group), word in own.words.items()
        }
        joined.append(tuple(_moved(step, turn, first) for step in own.passes))
        first += own.word_count
    return Packing(joined[0], words, first, turns=tuple(joined))


def _moved(step: PackedPass, taps: tuple[int, ...], first: int) -> PackedPass:
    """A pass whose taps have these numbers, and whose weights begin at word ``first``."""
    products = tuple(
        None if product is None else replace(product, tap=taps[product.tap])
        for product in step.products
    )
    return replace(step, products=products, idle_word=step.idle_word + first)


@dataclass(frozen=True, eq=False)
class SignBias:
    """Lanes of an idle group in a weight word that rows add their thresholds with: ``count`` int64
    [rows of all row blocks] of them are 1."""

    word: int
    group: int
    count: np.ndarray


@dataclass(frozen=True, eq=False)
class Packed:
    """A job whose products have lanes, passes and weight words."""

    job: Job
    grid: Grid
    regions: tuple[Region, ...]
    packing: Packing
    #: Largest sum of activation code times weight code, the ones row's as the others'.
    largest_sum: int
    #: Codes are the signs of sums, which ``biases`` lower: ``requantising.signs``.
    signs: bool = False
    biases: tuple[SignBias, ...] = ()

    def block_cycles(self, machine: Machine, pieces: int) -> int:
        """Cycles of a block when nothing waits; raw sums leave in ``pieces``."""
        if self.signs:
            return max(self.table.block_passes, machine.sign_turns * sign_cycles(machine))
        column = self.job.column_cycles(machine, pieces)
        return self.table.block_cycles(machine, column=column)

    @property
    def table(self) -> PassTable:
        packing = self.packing
        return PassTable(packing.passes, self.job.captures, packing.loop, packing.turns)


def sign_cycles(machine: Machine) -> int:
    """Cycles in which a piece of a block's signs leaves: what the chip takes, too."""
    return max(2, -(-LEAST_SIGN_CYCLES // machine.sign_turns))


_GRIDS: WeakKeyDictionary[ChannelSpan, Grid] = WeakKeyDictionary()
"""What was chosen for a span: it is packed again for every place that its input may have."""


def pack_span(
    span: ChannelSpan,
    storages: Mapping[str, Storage],
    machine: Machine,
    *,
    captures: int,
    turns: Turns = (),
    layer: str = "",
    chip_maps: ChipMaps = NONE_STAYS,
) -> tuple[Grid, tuple[Region, ...], Packing]:
    """Grid, chip regions and passes of a span; UnsupportedError where no grid holds its weights.

    ``captures``: how many there are of a block; ``turns``: each one's taps, if it has its own.
    """
    if span not in _GRIDS:
        _GRIDS[span] = choose_grid(span.taps, layer)
    grid = _GRIDS[span]
    if all(name in chip_maps for name, _ in span.images):
        regions = images_on_chip(span.images, chip_maps)
    else:
        regions = place_images(span.images)
    allowed = {image: groups for region in regions for image, groups in region.groups.items()}
    bits = [storages[name].operand_bits for name, _ in span.images]
    first: dict[int, int] = {}
    same = [first.setdefault(id(tap.weights), number) for number, tap in enumerate(span.taps)]
    taps = tuple(
        (bits[tap.image], allowed[tap.image], number)
        for tap, number in zip(span.taps, same, strict=True)
    )
    if turns:
        return grid, regions, join_turns(grid.bits, taps, turns)
    packing = share_passes(grid.bits, taps)
    if packing.word_count > machine.weight_words // 2:  # weights would not be loaded ahead
        packing = share_passes(grid.bits, taps, spill=False)
    if len(packing.passes) * captures > machine.table_entries // 2 and captures == 1:
        # So large a table would not be loaded while another one is in use.
        looped = loop_passes(grid.bits, taps)
        if looped is not None and looped.word_count <= machine.weight_words:
            packing = looped
    return grid, regions, packing


def pack(
    job: Job, storages: Mapping[str, Storage], machine: Machine, chip_maps: ChipMaps = NONE_STAYS
) -> Packed:
    """Give a job's products their places in lanes and passes of ``machine``."""
    grid, regions, packing = pack_span(
        job.span,
        storages,
        machine,
        captures=len(job.captures),
        turns=job.turns,
        layer=job.name,
        chip_maps=chip_maps,
    )
    largest = 0
    for tap in job.span.taps:
        bits = storages[job.span.images[tap.image][0]].operand_bits
        largest += ((1 << bits) - 1) * ((1 << grid.bits) - 1) * tap.used.size
    return Packed(job, grid, regions, packing, largest)
