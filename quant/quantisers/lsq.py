"""LSQ: the step is a parameter (Esser et al., "Learned step size quantization", ICLR 2020)."""

import math

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from quant.quantisers.base import LEAST_SCALE, GridQuantiser


class LearnedStep(torch.autograd.Function):
    """Fake quantisation with LSQ's gradients (equations 1 to 3).

    d x^ / d x is 1 inside the range, else 0; d x^ / d scale is round(v) - v inside, and the bound
    that clips outside, with v = x / scale. One function, because the chain of elementwise
    operations that autograd would record costs several times the memory traffic.
    """

    @staticmethod
    def forward(
        context: FunctionCtx, x: Tensor, scale: Tensor, low: int, high: int, weight: float
    ) -> Tensor:
        v = x / scale
        codes = v.clamp(low, high).round_()
        context.save_for_backward(v, codes)
        context.range, context.weight, context.shape = (low, high), weight, scale.shape
        return codes * scale

    @staticmethod
    def backward(context: FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        v, codes = context.saved_tensors
        low, high = context.range
        inside = (v >= low) & (v <= high)
        of_step = torch.where(inside, codes - v, codes).mul_(gradient)
        if context.shape:
            of_step = of_step.sum(tuple(range(1, of_step.ndim)), keepdim=True)
        else:
            of_step = of_step.sum()
        return gradient * inside, of_step * context.weight, None, None, None


class LearnedStepQuantiser(GridQuantiser):
    """LSQ for weights (signed) and activations (unsigned, zero point 0)."""

    def __init__(self, bits: int, **options: object):
        super().__init__(bits, **options)
        self.step = nn.Parameter(torch.ones(self.per_channel))

    def scale(self) -> Tensor:
        return self.step.abs().clamp_min(LEAST_SCALE)

    def start(self, x: Tensor) -> None:
        """2 mean|x| / sqrt(high) (section 2.1), with |x| of what is not clipped to 0 anyway."""
        size = x.abs() if self.signed else x.clamp_min(0)
        mean = size.flatten(1).mean(1).view(self.per_channel) if self.channels else size.mean()
        self.step.copy_((2 * mean / math.sqrt(self.high)).clamp_min(1e-4))

    def quantise(self, x: Tensor) -> Tensor:
        # Section 2.2: the step's gradient is weighed like that of a single weight.
        count = x.numel() / (self.channels or 1)
        weight = 1 / math.sqrt(count * self.high)
        return LearnedStep.apply(x, self.scale(), self.low, self.high, weight)
