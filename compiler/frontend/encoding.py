"""What the codes of a tensor stand for: evenly spaced values."""

from dataclasses import dataclass

import numpy as np

#: float32 constants reproduce a grid's zero point to this relative accuracy.
TOLERANCE = 2.0**-20
#: Codes of up to so many bits are those of the real numbers; wider ones those of the file's
#: float32 arithmetic (docs/numerics.md, 3).
NARROW = 4


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """Code k stands for ``scale * (step * k + offset)``, k = 0..count-1."""

    scale: float
    step: int
    offset: int
    count: int

    @property
    def bits(self) -> int:
        return max(1, (self.count - 1).bit_length())

    @property
    def integers(self) -> np.ndarray:
        """The integers of all codes, int64 [count]."""
        return self.step * np.arange(self.count, dtype=np.int64) + self.offset

    @property
    def values(self) -> np.ndarray:
        """The values of all codes, float64 [count]."""
        return self.scale * self.integers

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Codes int64 of values on (or by rounding errors beside) the levels."""
        codes = np.rint((values / self.scale - self.offset) / self.step)
        return np.clip(codes, 0, self.count - 1).astype(np.int64)

    def same_grid(self, other: "Encoding") -> bool:
        """Whether equal codes mean equal values (scales may differ by float32 rounding errors)."""
        return (
            self.step == other.step
            and self.offset == other.offset
            and abs(self.scale - other.scale) <= TOLERANCE * self.scale
        )
