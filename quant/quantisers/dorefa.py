"""DoReFa-Net (Zhou et al., arXiv 1606.06160, section 2.3): fixed grids on squashed tensors.

Weights: w^ = 2 Q(tanh(w) / (2 max|tanh(w)|) + 1/2) - 1 with Q rounding to n = 2^b - 1 steps of [0,
1]; so codes are the odd integers -n .. n over n: there is no zero. Activations: Q(clip(x, 0, 1)).
"""

import torch
from torch import Tensor

from quant.quantisers.base import GridQuantiser, round_through


class TanhWeightQuantiser(GridQuantiser):
    """Signed weights on DoReFa's odd grid. Exported as values: QONNX has no odd grid."""

    def scale(self) -> Tensor:
        return torch.tensor(1 / (2**self.bits - 1))

    def codes(self, x: Tensor) -> Tensor:
        return torch.round(self.quantise(x) * (2**self.bits - 1))

    def quantise(self, x: Tensor) -> Tensor:
        n = 2**self.bits - 1
        squashed = torch.tanh(x)
        share = squashed / (2 * squashed.detach().abs().max()) + 0.5
        return (2 * round_through(share * n) - n) / n

    def exported(self, x: Tensor) -> Tensor:
        # In float32 a weight next to the middle of two codes might get the other one.
        return self.quantise(x.double()).to(x.dtype)


class UnitActivationQuantiser(GridQuantiser):
    """Unsigned activations on [0, 1]."""

    def scale(self) -> Tensor:
        return torch.tensor(1 / self.high)

    def quantise(self, x: Tensor) -> Tensor:
        return round_through(x.clamp(0, 1) * self.high) / self.high
