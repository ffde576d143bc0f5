"""What the command line can change of a recipe."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Options:
    """What can be left out of a recipe, or added."""

    ema: bool = True
    correction: bool = True
    progressive: bool = False
    all_binary: bool = False
