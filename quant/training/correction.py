"""QC, quantisation correction (Gupta & Asthana, WACV 2024, section 3.3).

After training, everything is frozen and each convolution gets h~ = gain * h + offset per output
channel before its normalisation; only these are trained, briefly, with the task's loss. Then they
vanish into the normalisation: with k = weight / sqrt(var + eps), k gain is the new slope and k
(offset - mean) + bias the new intercept. Layers without a normalisation keep them, as a scale and
bias of the raw result.

The paper trains one epoch of COCO, some 7 000 steps, at a rate of 1e-4; small data sets need
several epochs and a higher rate for as many.
"""

import torch
from torch import nn
from tqdm import tqdm

from quant.data.batches import Batches
from quant.model.detector import Detector
from quant.model.layers import Conv, Correction, QuantisedConvolution
from quant.model.policy import FLOAT
from quant.training.detection_loss import detection_loss
from quant.training.optimiser import factor
from quant.training.parallel import Processes


def insert_corrections(model: nn.Module) -> list[nn.Parameter]:
    """Put a correction into every quantised layer; freeze the rest. Returns what to train.

    Call :func:`hold_still` after each ``model.train()``: statistics and ranges stay as they are.
    """
    model.requires_grad_(False)
    trained = []
    for module in model.modules():
        if isinstance(module, QuantisedConvolution) and module.precision.weights != FLOAT:
            weight = module.conv.weight
            module.correction = Correction(module.conv.out_channels).to(weight.device, weight.dtype)
            trained += list(module.correction.parameters())
    return trained


def hold_still(model: nn.Module) -> None:
    """Everything computes as in evaluation; gradients still reach the corrections."""
    model.eval()


@torch.no_grad()
def fold_corrections(model: nn.Module) -> None:
    """Move corrections into the normalisations behind them."""
    for module in model.modules():
        if not isinstance(module, Conv) or not isinstance(module.correction, Correction):
            continue
        gain, offset = module.correction.gain.flatten(), module.correction.offset.flatten()
        norm = module.bn
        slope = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        # slope gain (h - mean) + bias' = slope (gain h + offset - mean) + bias
        norm.bias += slope * (offset - norm.running_mean + gain * norm.running_mean)
        norm.weight *= gain
        module.correction = nn.Identity()


def correct(
    model: Detector,
    batches: Batches,
    first_epoch: int,
    steps: int,
    *,
    rate: float,
    processes: Processes,
) -> None:
    """Train corrections for about ``steps`` steps, in epochs from ``first_epoch`` on, and fold."""
    optimiser = torch.optim.Adam(insert_corrections(model), lr=rate)
    network, device, task = processes.wrap(model), processes.device, model.task
    epochs = max(round(steps / batches.steps), 1)
    with tqdm(total=epochs, desc="correction", unit="epoch") as bar:
        for epoch in range(epochs):
            for step, (x, targets) in enumerate(batches.epoch_batches(first_epoch + epoch)):
                share = factor(epoch * batches.steps + step, epochs * batches.steps)
                optimiser.param_groups[0]["lr"] = rate * share
                hold_still(model)
                maps = network(x.to(device))
                loss, _ = detection_loss(maps, targets.to(device), task.strides, task.anchors)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            bar.update()
    fold_corrections(model)
