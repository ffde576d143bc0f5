"""Normalisation statistics of the final weights (Nagel et al., ICML 2022, "BN re-estimation").

Running averages lag behind weights whose codes flip, and a sign has no tolerance for a displaced
threshold.
"""

import torch
from torch import nn

from quant.data.batches import Batches
from quant.data.pictures import Loaded

BATCH = 16


@torch.no_grad()
def settle_norms(model: nn.Module, loaded: Loaded, device: torch.device | str = "cpu") -> None:
    """Set all normalisations' mean and variance to the average over ``loaded``, unaugmented."""
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    momentum = [norm.momentum for norm in norms]
    model.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative
        norm.train()
    batches = Batches(loaded, batch=min(BATCH, len(loaded)), seed=0, prefetch=False)
    for x, _ in batches.epoch_batches(0):
        model(x.to(device))
    for norm, value in zip(norms, momentum, strict=True):
        norm.momentum = value
    model.eval()
