"""Piecewise-Gaussian intervals (Yang et al., J. Electronic Imaging 27(1), 2018), reconstructed.

Steps of weights and activations follow densities fitted while training
(``quant.quantisers.gaussian``) and are frozen for the last fifth. The paper's formulas were not at
hand; fit and optimum are ours.
"""

from quant.model.policy import Policy, uniform
from quant.quantisers.base import Quantiser
from quant.quantisers.gaussian import GaussianQuantiser
from quant.recipes.recipe import Recipe

BITS = (4, 8, 3, 2)
PARTS = ("ema",)


def weight(bits: int, _channels: int) -> Quantiser:
    """Signed, one step for the tensor."""
    return GaussianQuantiser(bits, signed=True, narrow=True)


def activation(bits: int, _channels: int, signed: bool) -> Quantiser:
    """One step for the tensor."""
    return GaussianQuantiser(bits, signed=signed)


def recipe(bits: int, options: object) -> Recipe:
    """The same bits everywhere."""
    return Recipe(
        name=f"gaussian W{bits}A{bits}",
        policy=Policy(weight=weight, activation=activation, **uniform(bits)),
        ema=0.998 if options.ema else None,
    )
