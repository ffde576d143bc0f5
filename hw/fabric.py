"""What the hardware is made of."""

FABRICS = ("generic", "ecp5")
"""generic: plain operators, for simulation and any FPGA; ecp5: cells of Lattice ECP5."""


def checked_fabric(fabric: str) -> str:
    """Return ``fabric``; :class:`ValueError` names those there are."""
    if fabric not in FABRICS:
        raise ValueError(f"fabric must be one of {', '.join(FABRICS)}, not {fabric!r}")
    return fabric
