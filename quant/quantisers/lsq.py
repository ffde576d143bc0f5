"""LSQ: the step is a parameter (Esser et al., "Learned step size quantization", ICLR 2020)."""

import math

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from quant.quantisers.base import LEAST_SCALE, GridQuantiser

#: Starting steps that are tried, as shares of the usual one.
STARTS = tuple(1.25**power for power in range(-6, 4))


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
        """The step with the least squared error, of some about 2 mean|x| / sqrt(high).

        That is section 2.1's start; ours is the choice: with 4 bits it is half as wide again as a
        Gaussian's best step, which steps do not make up for that learn little by little.
        """
        # |x| of what is not clipped to 0 anyway.
        size = x.abs() if self.signed else x.clamp_min(0)
        usual = (2 * self.mean(size) / math.sqrt(self.high)).clamp_min(1e-4)
        least = torch.full_like(usual, math.inf)
        for share in STARTS:
            step = usual * share
            rounded = (x / step).clamp(self.low, self.high).round_() * step
            error = self.mean((rounded - x).square_())
            better = error < least
            least = torch.where(better, error, least)
            self.step.copy_(torch.where(better, step, self.step))

    def mean(self, x: Tensor) -> Tensor:
        """Over the values that share a step."""
        return x.flatten(1).mean(1).view(self.per_channel) if self.channels else x.mean()

    def quantise(self, x: Tensor) -> Tensor:
        # Section 2.2: the step's gradient is weighed like that of a single weight.
        count = x.numel() / (self.channels or 1)
        weight = 1 / math.sqrt(count * self.high)
        return LearnedStep.apply(x, self.scale(), self.low, self.high, weight)
