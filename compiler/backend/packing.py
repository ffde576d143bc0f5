"""Packs the bit-plane products of a layer into passes of four lane groups.

A product of item t, activation plane i and weight plane j has weight 2^(i+j). Products of equal
weight may share a pass, whatever their item and planes, because every lane group has its own
addresses. So each level s = i + j is packed on its own, and narrow layers fill the lanes that a
word of 64 channels would leave empty.
"""

from dataclasses import dataclass

import numpy as np

from compiler.backend.job import Item
from compiler.backend.storage import Storage
from compiler.errors import UnsupportedError

GROUPS = 4
WIDEST_WEIGHT = 8


@dataclass(frozen=True)
class Product:
    """One lane group's part of a pass."""

    item: int
    activation_plane: int
    weight_plane: int


@dataclass(frozen=True)
class Pass:
    """Four lane groups' products (None: idle) and whether accumulators are doubled before."""

    products: tuple[Product | None, ...]
    double: bool


@dataclass(frozen=True, eq=False)
class Packed:
    """Passes in order, and where each item's weight planes lie in the weight memory."""

    #: Weights are odd integers 2u - (2^B - 1), else u - 2^(B-1) and the ones row is added.
    odd: bool
    weight_bits: int
    passes: list[Pass]
    #: (item, weight plane) -> (lane group, word).
    words: dict[tuple[int, int], tuple[int, int]]
    word_count: int
    #: Lane groups in which each image is needed, and the region it shares with up to three others.
    regions: list["Region"]

    def weight_codes(self, item: Item) -> np.ndarray:
        """Unsigned weight codes [outputs, 16]; 0 in lanes that do not exist."""
        if self.odd:
            codes = (item.weights + (1 << self.weight_bits) - 1) // 2
        else:
            codes = item.weights + (1 << (self.weight_bits - 1))
        return np.where(item.used, codes, 0)

    @property
    def ones_code(self) -> int:
        """The weight code that the ones row sees in every lane of a group in use."""
        return 0 if self.odd else (1 << (self.weight_bits - 1)) - 1


@dataclass(frozen=True)
class Region:
    """Chip memory for up to four images of one storage, side by side in the lane groups.

    ``groups[image]`` are the lane groups that get a copy.
    """

    storage: str
    groups: dict[int, tuple[int, ...]]


def place_images(images: list[tuple[str, int]]) -> list[Region]:
    """Share out images over regions: four to a region; fewer are copied into the free groups."""
    regions = []
    for storage in dict.fromkeys(name for name, _ in images):
        indices = [index for index, (name, _) in enumerate(images) if name == storage]
        for start in range(0, len(indices), GROUPS):
            chunk = indices[start : start + GROUPS]
            spread = {1: 1, 2: 2}.get(len(chunk), GROUPS)
            groups = {index: tuple(range(k, GROUPS, spread)) for k, index in enumerate(chunk)}
            regions.append(Region(storage, groups))
    return regions


def choose_grid(items: list[Item], layer: str = "") -> tuple[bool, int]:
    """(odd, bits) of the narrowest grid that holds the weights of every lane that exists.

    UnsupportedError, which names ``layer``, where that is too wide.
    """
    values = np.concatenate([item.weights[:, item.used].ravel() for item in items])
    largest = int(np.abs(values).max(initial=0))
    if values.size and (values & 1).all() and largest < 1 << WIDEST_WEIGHT:
        return True, max(1, largest.bit_length())
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    bits = max(1, max(high, -low - 1).bit_length() + 1)
    if bits > WIDEST_WEIGHT:
        raise UnsupportedError(
            f"layer {layer!r}: weights or factors {low}..{high} need {bits} bits; supported: up to "
            f"{WIDEST_WEIGHT}; quantise the weights to fewer bits, or use scales nearer each other"
        )
    return False, bits


def pack(
    items: list[Item],
    images: list[tuple[str, int]],
    storages: dict[str, Storage],
    layer: str = "",
) -> Packed:
    """Pack all products of ``items`` into as few passes as the levels allow."""
    odd, weight_bits = choose_grid(items, layer)
    regions = place_images(images)
    allowed = {image: groups for region in regions for image, groups in region.groups.items()}
    planes = [_activation_bits(storages[images[item.image][0]]) for item in items]
    levels = max(planes) + weight_bits - 1

    load = np.zeros((GROUPS, levels), int)
    group_of: dict[tuple[int, int], int] = {}
    for plane in range(weight_bits):
        for index, item in enumerate(items):
            span = slice(plane, plane + planes[index])
            choices = allowed[item.image]
            # The group whose levels are least full; ties go round so that no group starts ahead.
            best = min(choices, key=lambda g: (load[g, span].sum(), (g - index - plane) % GROUPS))
            load[best, span] += 1
            group_of[index, plane] = best

    by_level: list[list[list[Product]]] = [[[] for _ in range(GROUPS)] for _ in range(levels)]
    for (index, plane), group in group_of.items():
        for activation in range(planes[index]):
            by_level[activation + plane][group].append(Product(index, activation, plane))
    passes = []
    for level in range(levels - 1, -1, -1):
        for row in range(max(1, max(len(group) for group in by_level[level]))):
            products = tuple(group[row] if row < len(group) else None for group in by_level[level])
            passes.append(Pass(products, double=row == 0 and level != levels - 1))

    # Word 0 is zero where some pass leaves a group idle: an idle group must see activation 0,
    # weight 0.
    first = int(any(product is None for step in passes for product in step.products))
    filled = [first] * GROUPS
    words = {}
    for key, group in group_of.items():
        words[key] = group, filled[group]
        filled[group] += 1
    return Packed(odd, weight_bits, passes, words, max(filled), regions)


def _activation_bits(storage: Storage) -> int:
    return 8 if storage.kind == "picture" else storage.bits
