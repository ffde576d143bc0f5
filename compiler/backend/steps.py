"""Loads and computes before they are instructions: they name each other by computes' numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class LoadStep:
    """A LOAD; starts when compute ``after`` is computed and compute ``stored`` is stored (-1: at
    once).

    ``needed``: the first compute that waits for it. ``cycles``: about what it takes.
    """

    fields: dict
    needed: int
    after: int = -1
    stored: int = -1
    cycles: int = 0

    @property
    def awaits(self) -> int:
        """The last compute that it waits for."""
        return max(self.after, self.stored)


@dataclass(frozen=True, eq=False)
class ComputeStep:
    """The COMPUTE with number ``ordinal``, of job number ``job``; takes about ``cycles``."""

    fields: dict
    ordinal: int
    cycles: int = 0
    job: int = 0


Step = LoadStep | ComputeStep


@dataclass(frozen=True, eq=False)
class Schedule:
    """All steps: ``loads`` and ``computes`` as they were asked for, and both as they will run."""

    loads: tuple[LoadStep, ...]
    computes: tuple[ComputeStep, ...]
    order: tuple[Step, ...]
