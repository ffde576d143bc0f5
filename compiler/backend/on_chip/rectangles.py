"""Room in the activation memory for maps that come and go: positions times lane groups, over time.

Time is counted in jobs. A map keeps its place from the job that first writes it to the last one
that reads it.
"""

from collections.abc import Sequence
from dataclasses import dataclass


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
    """Positions [low, high) of all lane groups."""

    def __init__(self, low: int, high: int):
        self.low = low
        self.high = high
        self.taken: list[Rectangle] = []

    def take(self, parts: Sequence[tuple[int, frozenset[int]]], first: int, last: int) -> list[int]:
        """The bases of parts, (positions, lane groups) each, for jobs first..last.

        The lowest free place of each; no base at all where one of them finds none.
        """
        found: list[Rectangle] = []
        for size, groups in parts:
            others = [each for each in (*self.taken, *found) if each.meets(groups, first, last)]
            starts = sorted({self.low, *(each.base + each.size for each in others)})
            base = next(
                (
                    start
                    for start in starts
                    if start + size <= self.high
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
