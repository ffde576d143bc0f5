"""Iterative freezing (Nagel et al., ICML 2022, section 4.3): oscillating weights stop for good."""

from dataclasses import replace

from quant.recipes import lsq
from quant.recipes.recipe import Recipe

BITS = (4, 3, 2)
PARTS = ()


def recipe(bits: int, options: object) -> Recipe:
    """LSQ; the frequency that is tolerated falls from 0.1 to 0.011 by a cosine."""
    plain = lsq.recipe(bits, options)
    return replace(plain, name=f"{plain.name} freezing", freezing=0.011)
