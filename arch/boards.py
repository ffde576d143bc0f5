"""Board names of the command line, and the machine that each stands for.

What a board's device offers is in ``boards/``; the compiler needs only the machine.
"""

from arch.errors import ConfigurationError
from arch.machine import ECP5_25F, ECP5_45F, ECP5_85F, TINY, Machine

BOARD_MACHINES: dict[str, Machine] = {
    "ecp5": ECP5_85F,
    "ecp5-85f": ECP5_85F,
    "ecp5-45f": ECP5_45F,
    "ecp5-25f": ECP5_25F,
    "tiny": TINY,
}
"""``tiny`` is no board: it serves tests and quick simulations."""

DEFAULT_BOARD = "ecp5"


def board_machine(name: str) -> Machine:
    """Return the machine of a board; :class:`ConfigurationError` names the boards there are."""
    if name not in BOARD_MACHINES:
        known = ", ".join(BOARD_MACHINES)
        raise ConfigurationError(f"board {name!r} is not known; known: {known}")
    return BOARD_MACHINES[name]
