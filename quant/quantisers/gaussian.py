"""Piecewise-Gaussian intervals: ``compiler.quantize.gaussian`` has their source and formulas."""

import math

import torch
from torch import Tensor

from compiler.quantize.gaussian import best_step
from quant.quantisers.base import LEAST_SCALE, GridQuantiser, round_through

#: Weight of a new fit in the running step.
MOMENTUM = 0.01


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
