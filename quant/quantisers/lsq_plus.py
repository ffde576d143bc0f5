"""LSQ+: step and zero point are both learned (Bhalgat et al., CVPR 2020 workshops, section 3.1).

For activations with a negative part, such as LeakyReLU's. The paper's offset is a real number; ours
is an integer zero point, because a border of the value 0 must be a code.
"""

import math

import torch
from torch import Tensor, nn

from quant.quantisers.base import LEAST_SCALE, GridQuantiser, round_through


class OffsetStepQuantiser(GridQuantiser):
    """Unsigned codes with a learned step and a learned, rounded zero point."""

    def __init__(self, bits: int, **options: object):
        super().__init__(bits, **options)
        self.step = nn.Parameter(torch.ones(self.per_channel))
        self.offset = nn.Parameter(torch.zeros(self.per_channel))

    def scale(self) -> Tensor:
        return self.step.abs().clamp_min(LEAST_SCALE)

    def zero(self) -> Tensor:
        return round_through(self.offset.clamp(self.low, self.high))

    def start(self, x: Tensor) -> None:
        """The range within four standard deviations, but no wider than the data."""
        mean, deviation = x.mean(), x.std()
        low = torch.maximum(mean - 4 * deviation, x.min()).clamp_max(0)
        high = torch.minimum(mean + 4 * deviation, x.max()).clamp_min(low + 1e-4)
        self.step.copy_((high - low) / (self.high - self.low))
        self.offset.copy_(-low / self.step + self.low)

    def quantise(self, x: Tensor) -> Tensor:
        weight = 1 / math.sqrt(x.numel() * self.high)
        # The value is the parameter's, the gradient is weighed.
        scale = self.scale()
        scale = (scale - scale * weight).detach() + scale * weight
        zero = self.zero()
        zero = (zero - zero * weight).detach() + zero * weight
        codes = round_through((x / scale + zero).clamp(self.low, self.high))
        return (codes - zero) * scale
