"""Which places of a network's results can become boxes, as a build knows it.

A detector's scores are rising functions of single sums, so that a score reaches a floor where a
sum reaches an integer. The array compares: beside the results the program leaves maps of one bit
(docs/boards.md), and a host that wants no box below the floor needs the results only where those
are 1.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Protocol

from msgspec import Meta, Struct

from golden.network import Thresholds

Level = Annotated[int, Meta(ge=-Thresholds.FAR, le=Thresholds.FAR)]


class Stored(Protocol):
    """What of a stored map (``host.manifest.StoredMap``) must fit."""

    kind: str
    bits: int
    channels: int
    height: int
    width: int


class Candidates(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A map, and results of its size that are needed only where one of its channels is 1.

    They are 1 at least where sign * v >= level for the sum v of one of the ``channels`` of result
    ``of``, which is among the ``results``.
    """

    tensor: str
    of: str
    results: tuple[str, ...]
    channels: tuple[Annotated[int, Meta(ge=0)], ...]
    sign: tuple[Literal[-1, 1], ...]
    level: tuple[Level, ...]

    def contradiction(self, own: Stored | None, results: Mapping[str, Stored | None]) -> str:
        """How this does not fit the map, and the results by name, that lie in memory; "": it does.
        """
        if own is None or (own.kind, own.bits) != ("codes", 1):
            return "no map of one bit in memory"
        if self.of not in self.results:
            return f"of {self.of!r}, which is none of its results"
        for name in self.results:
            found = results.get(name)
            if found is None or (found.height, found.width) != (own.height, own.width):
                return f"{name!r} is no result of its size"
        count = len(self.channels)
        if {len(self.sign), len(self.level)} != {count} or not count:
            return f"{count} channels without as many signs and levels"
        if max(self.channels) >= results[self.of].channels or own.channels not in (1, count):
            return f"channels that {self.of!r} does not have"
        return ""
