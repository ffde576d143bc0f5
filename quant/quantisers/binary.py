"""1 bit: +1 and -1, for weights and activations.

Activations (reconstruction after Liu et al., "ReActNet", ECCV 2020, section 4.2): the sign of x
plus a learned shift per channel, with the gradient of a parabola (Liu et al., "Bi-Real Net", ECCV
2018, section 3.3). Weights: standardised per output channel before the sign, so that both values
are used (our reading of MPQ-YOLO's "distribution-aware"; Qin et al., "IR-Net", CVPR 2020, equation
5), times the mean magnitude of the channel (Rastegari et al., "XNOR-Net", ECCV 2016, equation 6).
"""

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from quant.quantisers.base import Quantiser
from quant.quantisers.onnx_nodes import BipolarNode


class _Sign(torch.autograd.Function):
    """Sign, 0 being +1; subclasses give the gradient."""

    @staticmethod
    def forward(context: FunctionCtx, x: Tensor) -> Tensor:
        context.save_for_backward(x)
        return (x >= 0).to(x.dtype).mul_(2).sub_(1)


class ParabolaSign(_Sign):
    """The gradient is 2 - 2|x| inside [-1, 1]."""

    @staticmethod
    def backward(context: FunctionCtx, gradient: Tensor) -> Tensor:
        (x,) = context.saved_tensors
        return x.abs().mul_(-2).add_(2).clamp_(min=0).mul_(gradient)


class ClippedSign(_Sign):
    """The gradient is 1 inside [-1.5, 1.5]."""

    @staticmethod
    def backward(context: FunctionCtx, gradient: Tensor) -> Tensor:
        (x,) = context.saved_tensors
        return gradient * (x.abs() <= 1.5)


class BinaryWeight(Quantiser):
    """Weights alpha * sign(standardised w), alpha = mean |w| of the output channel, no gradient."""

    def __init__(self, channels: int):
        super().__init__(1, signed=True, channels=channels)

    def standardised(self, x: Tensor) -> Tensor:
        """Zero mean and unit deviation for each output channel."""
        flat = x.flatten(1)
        mean = flat.mean(1).view(self.per_channel)
        return (x - mean) / (flat.std(1, unbiased=False).view(self.per_channel) + 1e-8)

    def scale_of(self, x: Tensor) -> Tensor:
        """Mean magnitude of each output channel, a float32: the exported file has the same."""
        mean = x.detach().double().abs().flatten(1).mean(1).clamp_min(1e-8)
        return mean.float().to(x.dtype).view(self.per_channel)

    def codes(self, x: Tensor) -> Tensor:
        return torch.where(self.standardised(x) >= 0, 1.0, -1.0)

    def quantise(self, x: Tensor) -> Tensor:
        return ClippedSign.apply(self.standardised(x)) * self.scale_of(x)

    def exported(self, x: Tensor) -> Tensor:
        # In float32 a weight next to the mean might change its sign.
        return BipolarNode.apply(self.codes(x.double()).to(x.dtype), self.scale_of(x))


class ShiftedSign(Quantiser):
    """Activations sign(x + shift), a learned shift for each channel.

    It starts where the channel's mean becomes 0, so that both values occur (ours): the sign of a
    ReLU's result would be +1 everywhere, and steps of the learning rate are slow to find another.
    """

    def __init__(self, channels: int):
        super().__init__(1, signed=True)
        self.shift = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def start(self, x: Tensor) -> None:
        self.shift.copy_(-x.mean((0, 2, 3), keepdim=True))

    def spacing(self) -> float:
        """Distance between the two values."""
        return 2.0

    def unquantised(self, x: Tensor) -> Tensor:
        return x + self.shift

    def codes(self, x: Tensor) -> Tensor:
        return torch.where(x + self.shift >= 0, 1.0, -1.0)

    def quantise(self, x: Tensor) -> Tensor:
        return ParabolaSign.apply(x + self.shift)

    def exported(self, x: Tensor) -> Tensor:
        return BipolarNode.apply(x + self.shift, torch.ones((), dtype=x.dtype))
