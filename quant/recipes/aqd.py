"""AQD, integer-only detection (Chen et al., CVPR 2021; grids and norm as in its published code).

Learned clip values; odd weight grids on standardised weights; normalisations that add an integer to
an integer sum (``quant.model.integer_norm``); residual and concatenated tensors on one scale, which
is its scale alignment with the factor 1. Its separate normalisation for each head level is YOLOv5's
own layout: no layer of the head serves two levels. The exported graph has integers only between
picture and raw results.
"""

from quant.model.policy import Policy, uniform
from quant.quantisers.base import Quantiser
from quant.quantisers.clip_value import ClipValueActivation, ClipValueWeight
from quant.recipes.recipe import Recipe

BITS = (2, 3, 4)
PARTS = ("ema",)


def weight(bits: int, _channels: int) -> Quantiser:
    """Odd grid, one clip value for the tensor."""
    return ClipValueWeight(bits, signed=True)


def activation(bits: int, _channels: int, _signed: bool) -> Quantiser:
    """Half range, one clip value for the tensor."""
    return ClipValueActivation(bits, signed=False)


def recipe(bits: int, options: object) -> Recipe:
    """The same bits everywhere, but 4 in the first layer's weights and in the detection layers."""
    # The paper has 8 there; the accelerator has 4.
    stages = uniform(bits, stem_weights=4, head=4)
    return Recipe(
        name=f"aqd W{bits}A{bits}",
        policy=Policy(weight=weight, activation=activation, integer=True, **stages),
        ema=0.998 if options.ema else None,
    )
