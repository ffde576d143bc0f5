"""DoReFa-Net (Zhou et al., arXiv 1606.06160): squashed weights, activations clipped to [0, 1]."""

from quant.model.policy import Policy, uniform
from quant.quantisers.base import Quantiser
from quant.quantisers.dorefa import TanhWeightQuantiser, UnitActivationQuantiser
from quant.recipes.recipe import Recipe

BITS = (4, 2, 3)
PARTS = ()


def weight(bits: int, _channels: int) -> Quantiser:
    """DoReFa's odd grid."""
    return TanhWeightQuantiser(bits, signed=True)


def activation(bits: int, _channels: int, _signed: bool) -> Quantiser:
    """[0, 1] for every tensor."""
    return UnitActivationQuantiser(bits, signed=False)


def recipe(bits: int, _options: object) -> Recipe:
    """The same bits everywhere."""
    policy = Policy(weight=weight, activation=activation, **uniform(bits))
    return Recipe(name=f"dorefa W{bits}A{bits}", policy=policy)
