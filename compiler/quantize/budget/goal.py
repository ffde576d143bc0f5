"""What a frame may cost: ``30fps``, ``2.5Mcycles`` or ``900KB``."""

import argparse
import re
from dataclasses import dataclass

from compiler.flow import Compiled

FACTORS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
UNITS = {"fps": "frames/s", "cycles": "cycles", "b": "bytes"}


@dataclass(frozen=True)
class Goal:
    """At least ``value`` frames/s, or at most as many cycles of a frame or bytes of program."""

    value: float
    unit: str
    text: str

    def most(self, clock_mhz: float) -> float:
        """The most cycles or bytes."""
        return clock_mhz * 1e6 / self.value if self.unit == "fps" else self.value

    @property
    def is_bytes(self) -> bool:
        """Whether the size of the program image counts, not its cycles."""
        return self.unit == "b"

    def of(self, compiled: Compiled) -> int:
        """What a program costs: cycles of a frame, or bytes of its image."""
        return len(compiled.image.to_bytes()) if self.is_bytes else compiled.prediction.cycles

    def told(self, cost: int, clock_mhz: float) -> str:
        """A cost in the goal's own unit."""
        if self.is_bytes:
            return f"{cost} bytes"
        frames = f"{clock_mhz * 1e6 / cost:.1f} frames/s, " if self.unit == "fps" else ""
        return f"{frames}{cost} cycles"


def goal(text: str) -> Goal:
    """An argparse type."""
    found = re.fullmatch(r"(\d+\.?\d*|\.\d+)([kmg]?)(fps|cycles|b)", text.strip().lower())
    if found is None or float(found[1]) <= 0 or (found[3] == "fps" and found[2]):
        raise argparse.ArgumentTypeError(
            "must be frames per second, cycles of a frame or bytes of program, such as 30fps, "
            f"2.5Mcycles or 900KB, not {text[:40]!r}"
        )
    return Goal(float(found[1]) * FACTORS[found[2]], found[3], text.strip())
