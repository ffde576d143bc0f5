"""Room in the activation memory for maps that come and go: positions times lane groups, over time.

Time is counted in jobs. A map keeps its place from the job that first writes it to the last one
that reads it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from arch.formats import LANE_GROUPS

ALL_GROUPS = frozenset(range(LANE_GROUPS))


@dataclass(frozen=True)
class Rectangle:
    """Positions [base, base + size) of some lane groups, for jobs first..last."""

    base: int
    size: int
    groups: frozenset[int]
    first: int
    last: int

    def meets(self, groups: frozenset[int], first: int, last: int) -> bool:
        """Whether it takes one of these lane groups at that time."""
        return first <= self.last and self.first <= last and not groups.isdisjoint(self.groups)


class Room:
    """Positions [0, size) of all lane groups; maps come from above, tiles from below."""

    def __init__(self, size: int):
        self.size = size
        self.taken: list[Rectangle] = []
        self._tiles: list[Rectangle] = []

    def keep(self, size: int, first: int, last: int) -> None:
        """Keep the lowest positions free for tiles of jobs first..last."""
        self._tiles.append(Rectangle(0, size, ALL_GROUPS, first, last))

    def lowest(self, first: int, last: int) -> int:
        """The lowest position that maps take at some time of jobs first..last."""
        return min(
            (each.base for each in self.taken if each.meets(ALL_GROUPS, first, last)),
            default=self.size,
        )

    def take(self, parts: Sequence[tuple[int, frozenset[int]]], first: int, last: int) -> list[int]:
        """The bases of parts, (positions, lane groups) each, for jobs first..last.

        The highest free place of each; no base at all where one of them finds none.
        """
        found: list[Rectangle] = []
        there = (*self._tiles, *self.taken)
        meanwhile = [each for each in there if each.meets(ALL_GROUPS, first, last)]
        for size, groups in parts:
            others = [each for each in (*meanwhile, *found) if not groups.isdisjoint(each.groups)]
            ends = sorted({self.size, *(each.base for each in others)}, reverse=True)
            base = next(
                (
                    start
                    for start in (end - size for end in ends)
                    if start >= 0
                    and all(
                        start + size <= each.base or each.base + each.size <= start
                        for each in others
                    )
                ),
                None,
            )
            if base is None:
                return []
            found.append(Rectangle(base, size, groups, first, last))
        self.taken += found
        return [each.base for each in found]
