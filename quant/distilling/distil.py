"""The training: batches of unlabelled pictures, the float network's heads as what is wanted.

The loss is what ``compiler.quantize.budget.sensitivity`` measures, per batch: the energy of the
heads' error over their variance. LSQ trains weights, biases and steps; the averages of all of them
over the steps are what counts (EMA); then everything is frozen but a gain and an offset of each
output channel (QC), which fold into steps and biases. These are the recipes of Gupta & Asthana
(WACV 2024), with the float network in the place of labels. Ours: every tensor's rate is a share of
the size of its elements, because a graph whose normalisations are folded has weights, biases and
steps of very different size.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from compiler.quantize.float_network import FloatNetwork
from compiler.quantize.heads import heads
from compiler.quantize.observe import values
from compiler.quantize.pictures import Pictures
from quant.distilling.options import Training
from quant.distilling.student import Student
from quant.model.layers import Correction
from quant.training.ema import Average
from quant.training.optimiser import factor

LEAST_SIZE = 1e-3
"""Of a tensor's elements: such as biases that are all zeros learn by this."""
BETAS = (0.9, 0.99)


class Teacher:
    """Pictures, mirrored or not, and what the float network says of them: each asked once."""

    def __init__(self, network: FloatNetwork, pictures: Pictures, most: int, threads: int):
        self.inputs = [*pictures.inputs(most, "reading pictures")]
        self.names = [node.output[0] for node in heads(network)]
        mirrored = [np.ascontiguousarray(image[..., ::-1]) for image in self.inputs]
        self.inputs += mirrored
        bar = tqdm(
            self.inputs, desc="asking the float network", unit="picture", delay=1, leave=False
        )
        self.wanted = [
            [found[name] for name in self.names]
            for found in values(network.model, self.names, bar, threads)
        ]

    def spread(self) -> list[float]:
        """Of each head the mean square about its channels' means."""
        found = []
        for place in range(len(self.names)):
            maps = np.concatenate([wanted[place] for wanted in self.wanted]).astype(np.float64)
            means = maps.mean(axis=(0, 2, 3), keepdims=True)
            found.append(max(float(((maps - means) ** 2).mean()), 1e-30))
        return found

    def batches(self, steps: int, size: int, seed: int) -> Iterator[tuple[Tensor, list[Tensor]]]:
        """Drawn without repetition until all have been seen, then again."""
        rng, left = np.random.default_rng(seed), []
        for _ in range(steps):
            while len(left) < size:
                left += rng.permutation(len(self.inputs)).tolist()
            drawn, left = left[:size], left[size:]
            x = np.concatenate([self.inputs[index] for index in drawn])
            wanted = [
                np.concatenate([self.wanted[index][place] for index in drawn])
                for place in range(len(self.names))
            ]
            yield torch.from_numpy(x), [torch.from_numpy(maps) for maps in wanted]


def loss_of(found: list[Tensor], wanted: list[Tensor], spread: list[float]) -> Tensor:
    """Mean over the heads of the mean squared error over the spread."""
    errors = [
        (own - other).square().mean() / size
        for own, other, size in zip(found, wanted, spread, strict=True)
    ]
    return torch.stack(errors).mean()


def optimiser_of(module: nn.Module, rate: float) -> torch.optim.Adam:
    """Adam, whose rate for each tensor is a share of its elements' size."""
    groups = []
    for parameter in module.parameters():
        if parameter.requires_grad:
            size = max(float(parameter.detach().square().mean().sqrt()), LEAST_SIZE)
            groups.append({"params": [parameter], "lr": rate * size, "peak": rate * size})
    return torch.optim.Adam(groups, betas=BETAS)


def distil(student: Student, teacher: Teacher, training: Training) -> list[float]:
    """Train in place; the loss of every step. The same input gives the same student."""
    torch.manual_seed(training.seed)
    spread = teacher.spread()
    last = round(training.steps * training.correction)
    average = Average(student, training.ema) if training.ema is not None else None
    first = training.steps - last
    losses = _train(student, teacher, training, spread, first, training.rate, average)
    if average is not None:
        student.load_state_dict(average.model.state_dict())
    if last:
        student.requires_grad_(False)
        for layer in student.layers.values():
            layer.correction = Correction(len(layer.weight))
        losses += _train(student, teacher, training, spread, last, training.rate, None)
    return losses


def _train(
    student: Student,
    teacher: Teacher,
    training: Training,
    spread: list[float],
    steps: int,
    rate: float,
    average: Average | None,
) -> list[float]:
    """Some steps with what is not frozen; warm-up and half a cosine."""
    if not steps:
        return []
    optimiser, losses = optimiser_of(student, rate), []
    batches = teacher.batches(steps, training.batch, training.seed + (average is None))
    with tqdm(batches, total=steps, desc="distilling", unit="step", delay=1, leave=False) as bar:
        for step, (x, wanted) in enumerate(bar):
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * factor(step, steps)
            loss = loss_of(student(x), wanted, spread)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            if average is not None:
                average.update(student)
            losses.append(float(loss.detach()))
            bar.set_postfix(loss=f"{losses[-1]:.4f}")
    return losses
