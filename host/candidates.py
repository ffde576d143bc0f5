"""Which places of a network's results can become boxes, as a build knows it.

A detector's scores are rising functions of single sums, so that a score reaches a floor where a
sum reaches an integer. The array compares: beside the results the program leaves maps of one bit
(docs/boards.md), and a host that wants no box below the floor needs the results only where those
are 1.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from golden.network import Thresholds

Level = Annotated[int, Meta(ge=-Thresholds.FAR, le=Thresholds.FAR)]


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
