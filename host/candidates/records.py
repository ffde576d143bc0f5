"""Which places of a network's results can become boxes, as a build knows it.

A detector's scores are rising functions of single sums, so that a score reaches a floor where a
sum reaches an integer. The array compares: beside the results the program leaves maps of one bit
(docs/boards.md), and a host that wants no box below the floor needs the results only where those
are 1.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Protocol

from msgspec import Meta, Struct

from golden.network import Thresholds

Level = Annotated[int, Meta(ge=-Thresholds.FAR, le=Thresholds.FAR)]

FURTHEST = 1 << 20
"""Of the integers that codes stand for; those of 8 bits, weighted, are exact in float64."""


class Stored(Protocol):
    """What of a stored map (``host.manifest.StoredMap``) must fit."""

    kind: str
    bits: int
    channels: int
    height: int
    width: int


class Named(Protocol):
    """What of a result (``host.manifest.Result``) counts here."""

    name: str
    tensor: str


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


class HostHead(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A result that the host computes where its candidates are: sums v of ``channels`` channels.

    v = weights [channels, features] times the integers step * code + offset of one place of the
    stored map of tensor ``features``; the weights are in ``heads.bin``.
    """

    of: str
    channels: Annotated[int, Meta(ge=1)]
    features: str
    step: Annotated[int, Meta(ge=1, le=FURTHEST)]
    offset: Annotated[int, Meta(ge=-FURTHEST, le=FURTHEST)]

    def contradiction(self, own: Stored | None, candidates: Sequence[Candidates]) -> str:
        """How this does not fit the stored map of its features and the build's candidates; "": it
        does."""
        if own is None or own.kind != "codes":
            return f"no map of codes {self.features!r} in memory"
        if sum(self.of in each.results for each in candidates) != 1:
            return "no map says where it is needed"
        return ""


class HeadMap(Struct, frozen=True, kw_only=True):
    """What a head of the host would be, were it stored."""

    channels: int
    height: int
    width: int
    kind: str = "raw"
    bits: int = 0


def contradiction(
    candidates: Sequence[Candidates],
    heads: Sequence[HostHead],
    maps: Mapping[str, Stored],
    outputs: Sequence[Named],
) -> str:
    """How these do not fit the ``maps`` in memory, by tensor, and the network's ``outputs``; "":
    they do."""
    results = {output.name: maps.get(output.tensor) for output in outputs}
    for head in heads:
        own = maps.get(head.features)
        if head.of not in results or results[head.of] is not None:
            return f"head {head.of!r}: no result, or one that a program computes"
        if wrong := head.contradiction(own, candidates):
            return f"head {head.of!r}: {wrong}"
        results[head.of] = HeadMap(channels=head.channels, height=own.height, width=own.width)
    for each in candidates:
        if wrong := each.contradiction(maps.get(each.tensor), results):
            return f"candidates {each.tensor!r}: {wrong}"
    return ""
