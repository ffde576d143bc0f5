"""Averages of latent weights and scales over the steps (Gupta & Asthana, WACV 2024, section 3.2).

W' <- a W' + (1 - a) W after each step, likewise for the scales of weights and of activations; the
averages are what is evaluated and exported. Weights that oscillate about a threshold average to its
near side, and so do scales that oscillate. The decay starts at 0 and approaches its value, so that
early averages forget their beginnings.
"""

import copy
import math

import torch
from torch import nn

from quant.quantisers.base import Quantiser

#: Steps after which the decay has come most of its way.
RAMP = 200.0


class Average:
    """A copy of a model whose parameters and real buffers are averages.

    A quantiser that has just been started is taken over as it is: the average must not remember
    the scale that it had before it saw a tensor.

    ``decay`` is the a of the paper (0.9999 there, over some 700 000 steps; it reports no difference
    down to 0.99): short trainings need the smaller values.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.model = copy.deepcopy(model).eval()
        self.model.requires_grad_(False)
        self.decay, self.steps = decay, 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the model's state after a step."""
        self.steps += 1
        share = 1 - self.decay * (1 - math.exp(-self.steps / RAMP))
        for own, other in zip(self.model.modules(), model.modules(), strict=True):
            if isinstance(own, Quantiser) and other.started and not own.started:
                own.load_state_dict(other.state_dict())
        mine = list(self.model.parameters())
        theirs = [p.detach() for p in model.parameters()]
        torch._foreach_lerp_(mine, theirs, share)
        for own, other in zip(self.model.buffers(), model.buffers(), strict=True):
            if own.is_floating_point():
                own.lerp_(other, share)
            else:
                own.copy_(other)
