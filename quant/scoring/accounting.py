"""Size and operations of a network: bits of weights, and bit operations (BOPs) of a picture.

A multiplication of a-bit by w-bit codes counts a * w bit operations (Baskin et al., UNIQ, 2018), a
float one 32 * 32. MPQ-YOLO's 14.2 and 16.3 times are of its own network and counting, which were
not at hand; ``LayerCost.operations`` counts as binary networks usually do.
"""

from dataclasses import dataclass

import torch
from torch import nn

from quant.model.detector import Detector
from quant.model.layers import QuantisedConvolution, Stem
from quant.model.policy import FLOAT

PIXEL_BITS = 8


@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """One convolution: its weights, multiplications for one picture, and bits of both factors."""

    name: str
    weights: int
    macs: int
    weight_bits: int
    activation_bits: int

    @property
    def bops(self) -> int:
        """Bit operations of one picture."""
        return self.macs * self.weight_bits * self.activation_bits

    @property
    def operations(self) -> float:
        """In units of a float multiplication: 1/64 for 1 x 1 bit, 1/8 for 4 x 4 (64-bit words)."""
        widest = max(self.weight_bits, self.activation_bits)
        return self.macs * (widest / 64 if widest == 1 else widest / 32)


def layer_costs(model: Detector) -> list[LayerCost]:
    """The convolutions of a network in order of computation, for one picture of its size."""
    costs, hooks = [], []

    def note(name: str, layer: QuantisedConvolution) -> object:
        def hook(_module: nn.Module, _inputs: object, y: torch.Tensor) -> None:
            precision = layer.precision
            bits = precision.activations
            if isinstance(layer, Stem) and precision.weights != FLOAT:
                bits = PIXEL_BITS
            weights = layer.conv.weight.numel()
            positions = y.shape[-1] * y.shape[-2]
            costs.append(
                LayerCost(
                    name=name,
                    weights=weights,
                    macs=weights * positions,
                    weight_bits=precision.weights,
                    activation_bits=bits,
                )
            )

        return hook

    for name, module in model.named_modules():
        if isinstance(module, QuantisedConvolution):
            # The identity behind the convolution sees its result, whatever kind of layer it is.
            hooks.append(module.correction.register_forward_hook(note(name, module)))
    was_training = model.training
    model.eval()
    with torch.no_grad():
        picture = torch.zeros(1, 3, model.task.height, model.task.width)
        model(picture.to(next(model.parameters())))
    model.train(was_training)
    for hook in hooks:
        hook.remove()
    return costs


@dataclass(frozen=True, kw_only=True)
class Compression:
    """A network against the same one in float: ``size`` and ``operations`` are ratios."""

    parameters: int
    bytes: float
    bops: int
    size: float
    operations: float
    bit_operations: float


def compression(costs: list[LayerCost]) -> Compression:
    """Sums over all convolutions; normalisations fold into thresholds and are not counted."""
    weights = sum(c.weights for c in costs)
    bits = sum(c.weights * c.weight_bits for c in costs)
    macs = sum(c.macs for c in costs)
    bops = sum(c.bops for c in costs)
    return Compression(
        parameters=weights,
        bytes=bits / 8,
        bops=bops,
        size=weights * FLOAT / bits,
        operations=macs / sum(c.operations for c in costs),
        bit_operations=macs * FLOAT * FLOAT / bops,
    )
