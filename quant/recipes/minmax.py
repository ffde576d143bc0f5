"""Min-max ranges, nothing learned (Jacob et al., CVPR 2018): the baseline of 8-bit deployment."""

from quant.model.policy import Policy, uniform
from quant.quantisers.base import Quantiser
from quant.quantisers.minmax import ActivationRangeQuantiser, WeightRangeQuantiser
from quant.recipes.recipe import Recipe

BITS = (8, 4, 3, 2)
PARTS = ("ema",)


def weight(bits: int, channels: int) -> Quantiser:
    """One range for each output channel."""
    return WeightRangeQuantiser(bits, signed=True, narrow=True, channels=channels)


def activation(bits: int, _channels: int, signed: bool) -> Quantiser:
    """One range for the tensor."""
    return ActivationRangeQuantiser(bits, signed=signed)


def recipe(bits: int, options: object) -> Recipe:
    """The same bits everywhere; 8 bits have an average of the weights like float networks."""
    return Recipe(
        name=f"minmax W{bits}A{bits}",
        policy=Policy(weight=weight, activation=activation, **uniform(bits)),
        ema=0.998 if bits == 8 and options.ema else None,
    )
