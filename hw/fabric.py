"""What the hardware is made of."""

FABRICS = ("generic", "ecp5", "gowin")
"""generic: plain operators, for simulation; ecp5: cells of Lattice ECP5; gowin: plain operators in
the pipeline of the ECP5 form, with block RAM and flip-flop cells of Gowin GW2A."""


def checked_fabric(fabric: str) -> str:
    """Return ``fabric``; :class:`ValueError` names those there are."""
    if fabric not in FABRICS:
        raise ValueError(f"fabric must be one of {', '.join(FABRICS)}, not {fabric!r}")
    return fabric
