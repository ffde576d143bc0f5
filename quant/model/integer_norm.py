"""Normalisation in integers (AQD, Chen et al., CVPR 2021; as its published code does it).

A convolution's sums are integers in units of ``grid`` = input step * weight step. With
kappa = weight / sqrt(var + eps) and B = bias / kappa - mean, normalisation is kappa * (x + B);
rounding B to the grid makes it one integer addition, and kappa * grid the new unit, carried along
until the next quantiser turns it into a fixed-point factor (``quant.quantisers.clip_value``).
"""

import torch
from torch import Tensor, nn

from quant.quantisers.base import round_through

#: kappa gets no smaller: a channel that is switched off would need an infinite B.
LEAST_KAPPA = 1e-6


class IntegerNorm(nn.BatchNorm2d):
    """Batch normalisation whose shift lies on the grid of the sums."""

    def _kappa_and_shift(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        kappa = self.weight / torch.sqrt(variance + self.eps)
        small = kappa.abs() < LEAST_KAPPA
        kappa = torch.where(small, torch.where(kappa < 0, -LEAST_KAPPA, LEAST_KAPPA), kappa)
        return kappa, self.bias / kappa - mean

    def in_units(self, x: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised sums [n, c, h, w], and the unit that each is an integer of, [1, c, 1, 1].

        Training normalises by the batch's statistics, like any batch normalisation.
        """
        shape = (1, -1, 1, 1)
        if self.training:
            # Half precision, where it is used, is for convolutions only.
            x = x.to(torch.promote_types(x.dtype, self.running_mean.dtype))
            variance, mean = torch.var_mean(x, (0, 2, 3), unbiased=False)
            with torch.no_grad():
                count = x.numel() / x.shape[1]
                self.running_mean.lerp_(mean, self.momentum or 1 / (self.num_batches_tracked + 1))
                self.running_var.lerp_(
                    variance * count / (count - 1),
                    self.momentum or 1 / (self.num_batches_tracked + 1),
                )
                self.num_batches_tracked += 1
        else:
            mean, variance = self.running_mean, self.running_var
        kappa, shift = self._kappa_and_shift(mean, variance)
        shift = round_through(shift / grid) * grid
        return kappa.view(shape) * (x + shift.view(shape)), (kappa * grid).abs().view(shape)

    def integers(self, grid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """For export: sign of each channel [c, 1, 1, 1], integer to add [c], unit [1, c, 1, 1]."""
        kappa, shift = self._kappa_and_shift(self.running_mean, self.running_var)
        sign = torch.where(kappa < 0, -1.0, 1.0).to(kappa.dtype)
        added = torch.round(shift / grid)
        return sign.view(-1, 1, 1, 1), added, (kappa * grid).abs().view(1, -1, 1, 1)
