"""AQD's quantisers: the clip value is learned (Chen et al., CVPR 2021; grids as in its code).

Activations: alpha * round(clip(x / alpha, 0, 1) n) / n with n = 2^b - 1. Weights, less their mean
over the tensor, lie on an odd grid without a zero:
alpha * (2 round((clip(w / alpha, -1, 1) + 1) n / 2) - n) / n.

Ours: the published code also divides weights by their deviation and leaves that to the
normalisation behind the convolution; detection layers have none, so here the deviation only is the
unit of the weights' alpha, and stays in the result. Both alphas start where the squared error is
least (there at 1 or 0.8 of the largest value: with 2 bits nearly all activations become 0).
"""

import math

import torch
from torch import Tensor, nn

from quant.quantisers.base import LEAST_SCALE, GridQuantiser, round_through
from quant.quantisers.integer_nodes import requantise_node

#: Bits of a fixed-point factor, and the largest shift: products stay below 2^53.
FACTOR_BITS, LARGEST_SHIFT = 16, 40


class ClipValueActivation(GridQuantiser):
    """Unsigned; scale = alpha / n.

    With a ``unit`` (see ``quant.model.features.Feature``) evaluation is in integers: codes are
    ``(u * factor + 2^(shift - 1)) >> shift``, u the integer and factor / 2^shift the nearest to
    unit / scale with 16 bits. (The published code picks the shift by absolute error, which costs
    up to 14 % of the factor; ours is the largest that fits.)
    """

    def __init__(self, bits: int, **options: object):
        super().__init__(bits, **options)
        self.clip = nn.Parameter(torch.ones(()))

    def scale(self) -> Tensor:
        return self.clip.abs().clamp_min(LEAST_SCALE) / self.high

    def start(self, x: Tensor) -> None:
        shares = torch.linspace(0.05, 1, 39, dtype=x.dtype, device=x.device)
        tried = x.max().clamp_min(1e-3) * shares
        errors = torch.stack([(self.on_grid(x, c) - x.clamp_min(0)).square().mean() for c in tried])
        self.clip.copy_(tried[errors.argmin()])

    def on_grid(self, x: Tensor, clip: Tensor) -> Tensor:
        """Values on the grid of ``clip``."""
        return round_through((x / clip).clamp(0, 1) * self.high) * (clip / self.high)

    def quantise(self, x: Tensor) -> Tensor:
        return self.on_grid(x, self.clip.abs().clamp_min(LEAST_SCALE))

    def fixed_point(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Return factor and shift, integers as float64, of ``unit``'s shape."""
        ratio = unit.detach().double() / self.scale().detach().double()
        exponent = torch.floor(torch.log(ratio) / math.log(2))
        shift = (FACTOR_BITS - 1 - exponent).clamp(1, LARGEST_SHIFT)
        return torch.round(ratio * 2**shift), shift

    def forward(self, x: Tensor, unit: Tensor | None = None) -> Tensor:
        if unit is None or not self.enabled or self.training:
            return super().forward(x)
        with torch.no_grad():
            factor, shift = self.fixed_point(unit)
        if torch.onnx.is_in_onnx_export():
            return requantise_node(x, factor, shift, self.high)
        whole = torch.round(x.double() / unit.double())
        codes = torch.floor((whole * factor + 2 ** (shift - 1)) / 2**shift)
        return (codes.clamp(0, self.high) * self.scale().double()).to(x.dtype)


class ClipValueWeight(GridQuantiser):
    """Odd codes -n .. n; scale = alpha / n. Exported as values: QONNX has no odd grid.

    ``clip`` is alpha in units of ``deviation``, that of the first weights: a number near 2, which
    learns at the same rate as others.
    """

    def __init__(self, bits: int, **options: object):
        super().__init__(bits, **options)
        self.clip = nn.Parameter(torch.ones(()))
        self.register_buffer("deviation", torch.ones(()))

    @property
    def levels(self) -> int:
        """n: the largest code."""
        return 2**self.bits - 1

    def alpha(self) -> Tensor:
        """The largest value."""
        return self.clip.abs().clamp_min(LEAST_SCALE) * self.deviation

    def scale(self) -> Tensor:
        return self.alpha() / self.levels

    def start(self, x: Tensor) -> None:
        """Least squared error among a few clip values."""
        self.deviation.copy_(x.std(unbiased=False).clamp_min(LEAST_SCALE))
        w = x - x.mean()
        tried = torch.linspace(0.5, 3.5, 31, dtype=w.dtype, device=w.device)
        grids = [self.on_grid(w, clip * self.deviation) for clip in tried]
        errors = torch.stack([(grid - w).square().mean() for grid in grids])
        self.clip.copy_(tried[errors.argmin()])

    def on_grid(self, w: Tensor, alpha: Tensor) -> Tensor:
        """Weights without a mean on the odd grid of ``alpha``."""
        n = self.levels
        codes = 2 * round_through(((w / alpha).clamp(-1, 1) + 1) * (n / 2)) - n
        return codes * (alpha / n)

    def codes(self, x: Tensor) -> Tensor:
        return torch.round(self.quantise(x) / self.scale())

    def quantise(self, x: Tensor) -> Tensor:
        return self.on_grid(x - x.mean(), self.alpha())

    def exported(self, x: Tensor) -> Tensor:
        return self.quantise(x)
