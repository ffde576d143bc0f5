"""The optimiser and its learning rates."""

import math

import torch
from torch import nn

from quant.recipes.recipe import Recipe

WARMUP_STEPS = 100
#: Learning rate at the end, as a share of its peak.
LAST = 0.01
#: Names of parameters that are steps: hundredths, where AdamW moves everything by about its rate.
STEPS = ("step",)


def make_optimiser(model: nn.Module, recipe: Recipe, rate: float) -> torch.optim.Optimizer:
    """AdamW in three groups: weights of convolutions (with decay), steps, and the rest."""
    weights, grids, rest = [], [], []
    for name, parameter in model.named_parameters():
        if name.rsplit(".", 1)[-1] in STEPS:
            grids.append(parameter)
        elif parameter.ndim == 4 and name.endswith("conv.weight"):
            weights.append(parameter)
        else:
            rest.append(parameter)
    groups = [
        {"params": weights, "peak": recipe.rate * rate, "weight_decay": recipe.weight_decay},
        {"params": grids, "peak": recipe.step_rate * rate, "weight_decay": 0.0},
        {"params": rest, "peak": recipe.rate * rate, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group | {"lr": group["peak"]} for group in groups if group["params"]])


def factor(step: int, steps: int) -> float:
    """Share of the peak rate in a step: linear warm-up, then half a cosine."""
    warm = min(1.0, (step + 1) / min(WARMUP_STEPS, max(steps // 10, 1)))
    return warm * (LAST + (1 - LAST) * (1 + math.cos(math.pi * step / steps)) / 2)


def rising(progress: float, start: float, end: float) -> float:
    """From ``start`` at progress 0 to ``end`` at 1 by half a cosine."""
    return start + (end - start) * (1 - math.cos(math.pi * min(progress, 1.0))) / 2
