"""Min-max: the grid spans what was seen; nothing is learned.

Weights: the largest magnitude of the tensor, or of the channel, now. Activations: a running average
of the largest value of a batch (Jacob et al., CVPR 2018, section 3.1), fixed after training.
"""

import torch
from torch import Tensor

from quant.quantisers.base import LEAST_SCALE, GridQuantiser, round_through

#: Share of a new batch in the running average.
MOMENTUM = 0.01


class WeightRangeQuantiser(GridQuantiser):
    """Signed; the scale is max|w| over the largest code."""

    def __init__(self, bits: int, **options: object):
        super().__init__(bits, **options)
        self.register_buffer("step", torch.ones(self.per_channel))

    def start(self, x: Tensor) -> None:
        self._measure(x)

    def _measure(self, x: Tensor) -> None:
        size = x.detach().abs()
        peak = size.amax((1, 2, 3), keepdim=True) if self.channels else size.max()
        self.step.copy_((peak / self.high).clamp_min(LEAST_SCALE))

    def scale(self) -> Tensor:
        return self.step

    def quantise(self, x: Tensor) -> Tensor:
        if self.training:
            self._measure(x)
        return round_through((x / self.step).clamp(self.low, self.high)) * self.step


class ActivationRangeQuantiser(GridQuantiser):
    """Unsigned; the scale is the running average of batches' largest values / largest code."""

    def __init__(self, bits: int, **options: object):
        super().__init__(bits, **options)
        self.register_buffer("step", torch.ones(()))

    def start(self, x: Tensor) -> None:
        self.step.copy_((x.max() / self.high).clamp_min(1e-4))

    def scale(self) -> Tensor:
        return self.step

    def quantise(self, x: Tensor) -> Tensor:
        if self.training:
            with torch.no_grad():
                peak = x.max().to(self.step.dtype)
                self.step.lerp_((peak / self.high).clamp_min(1e-4), MOMENTUM)
        step = self.step.clone()
        return round_through((x / step).clamp(self.low, self.high)) * step
