"""Oscillation dampening (Nagel et al., ICML 2022, section 4.2): weights are pulled to codes."""

from dataclasses import replace

from quant.recipes import lsq
from quant.recipes.recipe import Recipe

BITS = (4, 3, 2)
PARTS = ()


def recipe(bits: int, options: object) -> Recipe:
    """LSQ with the loss of ``quant.training.oscillation``, its weight rising by a cosine."""
    plain = lsq.recipe(bits, options)
    return replace(plain, name=f"{plain.name} dampening", dampening=0.1)
