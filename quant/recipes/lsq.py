"""LSQ (Esser et al., ICLR 2020): steps of weights and activations are learned.

The plain baseline of the oscillation paper. Ours: AdamW for all (the paper has SGD), and a weight
step for each output channel, which costs the accelerator nothing: every channel has thresholds of
its own. One step for a tensor is worst in the detection layers, whose outputs have weights of very
different size and no normalisation to even them out. The stem reads 8-bit pixels with weights of
the same few bits (what others mark "4-bit*"), because the accelerator's weights have at most 4.
"""

from quant.model.policy import Policy, uniform
from quant.quantisers.base import Quantiser
from quant.quantisers.lsq import LearnedStepQuantiser
from quant.recipes.recipe import Recipe

BITS = (4, 2, 3, 8)
PARTS = ()


def weight(bits: int, channels: int) -> Quantiser:
    """Signed, symmetric, one step for each output channel."""
    return LearnedStepQuantiser(bits, signed=True, narrow=True, channels=channels)


def activation(bits: int, _channels: int, signed: bool) -> Quantiser:
    """One step for the tensor."""
    return LearnedStepQuantiser(bits, signed=signed)


def recipe(bits: int, _options: object) -> Recipe:
    """The same bits everywhere."""
    return Recipe(
        name=f"lsq W{bits}A{bits}",
        policy=Policy(weight=weight, activation=activation, **uniform(bits)),
    )
