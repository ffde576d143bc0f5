"""Piecewise-Gaussian intervals (after Yang et al., J. Electronic Imaging 27(1) 013020, 2018).

The paper fits each layer's weights and activations by piecewise Gaussians and derives the optimal
interval from the fit; its formulas were not at hand. Ours, a reconstruction: split at the mode m (0
for weights and for what a ReLU leaves), take each side's second moment as its variance, and choose
the step that minimises the mean squared error of the quantiser on that density, by numerical
search.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

from quant.quantisers.base import LEAST_SCALE, GridQuantiser, round_through

#: Weight of a new fit in the running step.
MOMENTUM = 0.01
#: Points of the density, and the steps that the search tries, in units of the deviation.
POINTS, REACH = 4001, 6.0
TRIED = 400


@lru_cache(maxsize=256)
def best_step(low: int, high: int, ratio: float) -> float:
    """The step, in units of sigma+, that minimises the squared error on a two-piece Gaussian.

    ``ratio`` = sigma- / sigma+ (0: nothing below the mode). Codes run from ``low`` to ``high`` with
    code 0 at the mode. Both pieces meet at the mode, so their masses are as their deviations.
    """
    wider = max(ratio, 1.0)
    x = wider * torch.linspace(-REACH, REACH, POINTS, dtype=torch.float64)
    width = torch.where(x < 0, max(ratio, 1e-3), 1.0)
    density = torch.exp(-0.5 * (x / width) ** 2)
    steps = wider / (high - low) * torch.linspace(0.25, 8.0, TRIED, dtype=torch.float64)
    codes = (x / steps[:, None]).round().clamp(low, high)
    errors = ((codes * steps[:, None] - x) ** 2 * density).sum(1)
    return float(steps[errors.argmin()])


def pieces(x: Tensor) -> tuple[float, float]:
    """sigma- and sigma+ about a mode of 0; an exact 0 (a ReLU's floor) counts for neither."""
    below, above = x[x < 0], x[x > 0]
    left = float(below.square().mean().sqrt()) if below.numel() else 0.0
    right = float(above.square().mean().sqrt()) if above.numel() else 0.0
    return left, right


class GaussianQuantiser(GridQuantiser):
    """The step follows the fitted density: at the start, then by a running average while training.

    ``frozen`` stops that (a recipe does so for its last epochs).
    """

    def __init__(self, bits: int, **options: object):
        super().__init__(bits, **options)
        self.register_buffer("step", torch.ones(()))
        self.frozen = False

    def scale(self) -> Tensor:
        return self.step

    def fitted(self, x: Tensor) -> float:
        """The optimal step of what ``x`` looks like."""
        left, right = pieces(x)
        if not right:
            return max(left, 1e-4)
        # To two decimals: the search runs once for each ratio, and the optimum is flat.
        ratio = round(left / right, 2) if self.signed else 0.0
        return max(best_step(self.low, self.high, ratio) * right, LEAST_SCALE)

    def start(self, x: Tensor) -> None:
        self.step.fill_(self.fitted(x))

    def quantise(self, x: Tensor) -> Tensor:
        if self.training and not self.frozen:
            with torch.no_grad():
                new = self.fitted(x.detach())
                if math.isfinite(new):
                    self.step.lerp_(torch.full_like(self.step, new), MOMENTUM)
        step = self.step.clone()
        return round_through((x / step).clamp(self.low, self.high)) * step
