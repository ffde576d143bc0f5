"""What lies where in a memory on chip, and which compute read it last: new data waits for that."""

from collections.abc import Hashable, Sequence

import numpy as np

NOTHING = -1
"""The compute to wait for where there is none."""


class Halves:
    """Two halves of a memory, used in turn; remembers which compute read each last."""

    def __init__(self, capacity: int):
        self.capacity = capacity
        self.readers = [NOTHING, NOTHING]
        self.turn = 0

    def take(self, size: int) -> tuple[int, int, tuple[int, ...]]:
        """(base, compute to wait for, halves taken) for ``size`` words."""
        if size <= self.capacity // 2:
            half = self.turn
            self.turn ^= 1
            return half * self.capacity // 2, self.readers[half], (half,)
        self.turn = 0
        return 0, max(self.readers), (0, 1)

    def read(self, halves: Sequence[int], reader: int) -> None:
        """Note that compute ``reader`` reads these halves."""
        for half in halves:
            self.readers[half] = reader


class Ring:
    """A memory whose words are read modulo its size; remembers which compute read each last.

    Data go where the words have not been read for longest, and stay until others need the place.
    """

    def __init__(self, capacity: int):
        self.capacity = capacity
        self.readers = np.full(capacity, NOTHING)
        #: What is held -> its first word and how many.
        self.held: dict[Hashable, tuple[int, int]] = {}

    def find(self, key: Hashable) -> int | None:
        """The first word of what is held as ``key``; None if it is not."""
        return self.held[key][0] if key in self.held else None

    def take(self, key: Hashable, size: int) -> int:
        """The first word of a place for ``key``; what lay there is held no longer."""
        starts = {0, *((base + held) % self.capacity for base, held in self.held.values())}
        base = min(sorted(starts), key=lambda start: self._wait(start, size))
        taken = set(self._words(base, size).tolist())
        self.held = {
            other: place
            for other, place in self.held.items()
            if taken.isdisjoint(self._words(*place).tolist())
        }
        self.held[key] = base, size
        return base

    def parts(self, base: int, size: int) -> list[tuple[int, int, int]]:
        """(first word, words, compute to wait for) of every part to be loaded, in order.

        Where more than half of the memory is loaded, so that it cannot be free before it is needed,
        the words that were read last are parts of their own.
        """
        words = self._words(base, size)
        readers = self.readers[words]
        apart = (readers == readers.max()) & (size > self.capacity // 2)
        cuts = np.flatnonzero((np.diff(apart) != 0) | (np.diff(words) != 1)) + 1
        return [
            (int(part[0]), part.size, int(self.readers[part].max()))
            for part in np.split(words, cuts)
        ]

    def read(self, base: int, size: int, reader: int) -> None:
        """Note that compute ``reader`` reads these words."""
        self.readers[self._words(base, size)] = reader

    def _words(self, base: int, size: int) -> np.ndarray:
        return np.arange(base, base + size) % self.capacity

    def _wait(self, base: int, size: int) -> tuple[int, int]:
        """The compute to wait for, and by how many words."""
        readers = self.readers[self._words(base, size)]
        latest = readers.max()
        return int(latest), int((readers == latest).sum())
