"""LSQ+ (Bhalgat et al., CVPR 2020 workshops): activations have a learned zero point as well.

For networks whose activations go below zero; with ReLU the zero point stays near 0. Weights as in
LSQ.
"""

from quant.model.policy import Policy, uniform
from quant.quantisers.base import Quantiser
from quant.quantisers.lsq_plus import OffsetStepQuantiser
from quant.recipes.lsq import weight
from quant.recipes.recipe import Recipe

BITS = (4, 2, 3, 8)
PARTS = ()


def activation(bits: int, _channels: int, _signed: bool) -> Quantiser:
    """Unsigned codes, a learned step and an integer zero point."""
    return OffsetStepQuantiser(bits, signed=False)


def recipe(bits: int, _options: object) -> Recipe:
    """The same bits everywhere."""
    policy = Policy(weight=weight, activation=activation, **uniform(bits))
    return Recipe(name=f"lsq+ W{bits}A{bits}", policy=policy)
