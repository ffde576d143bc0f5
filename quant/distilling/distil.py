"""The training: batches of unlabelled pictures, the float network's maps as what is wanted.

The loss of the heads is what ``compiler.quantize.budget.sensitivity`` measures, per batch: the
energy of the error over the variance. With ``--maps`` the mean of the same of all maps in the
network's midst that are rounded to codes stands beside it: a deep network whose heads say nothing
any more loses least at the heads by saying less, but every layer of it can be told what to say.

LSQ trains weights, biases and steps; the averages of all of them over the steps are what counts
(EMA); then everything is frozen but a gain and an offset of each output channel (QC), which fold
into steps and biases. These are the recipes of Gupta & Asthana (WACV 2024), with the float network
in the place of labels. Ours: every tensor's rate is a share of the size of its elements, because a
graph whose normalisations are folded has weights, biases and steps of very different size.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from compiler.quantize.pictures import Pictures
from quant.distilling.graph import Graph
from quant.distilling.options import Training
from quant.distilling.student import Student
from quant.model.layers import Correction
from quant.training.ema import Average
from quant.training.optimiser import factor

LEAST_SIZE = 1e-3
"""Of a tensor's elements: such as biases that are all zeros learn by this."""
LEAST_SPREAD = 1e-30
BETAS = (0.9, 0.99)


class Teacher:
    """Pictures, mirrored or not, and what the float network says of them."""

    def __init__(self, graph: Graph, pictures: Pictures, most: int, device: torch.device):
        self.graph, self.device = graph.to(device).eval(), device
        self.inputs = [*pictures.inputs(most, "reading pictures")]
        self.inputs += [np.ascontiguousarray(image[..., ::-1]) for image in self.inputs]

    @torch.no_grad()
    def maps(self, x: Tensor) -> dict[str, Tensor]:
        """Heads, then the maps in its midst."""
        return self.graph(x)

    @torch.no_grad()
    def spread(self) -> dict[str, float]:
        """Of each map the mean square about its channels' means, over all pictures."""
        sums: dict[str, Tensor] = {}
        squares: dict[str, Tensor] = {}
        counts: dict[str, int] = {}
        bar = tqdm(self.inputs, desc="asking the float network", unit="picture", delay=1,
                   leave=False)  # fmt: skip
        for image in bar:
            for name, maps in self.maps(torch.from_numpy(image).to(self.device)).items():
                flat = maps.double().flatten(2)[0]
                sums[name] = sums.get(name, 0) + flat.sum(1)
                squares[name] = squares.get(name, 0) + flat.square().sum(1)
                counts[name] = counts.get(name, 0) + flat.shape[1]
        found = {}
        for name, count in counts.items():
            variance = squares[name] / count - (sums[name] / count).square()
            found[name] = max(float(variance.mean()), LEAST_SPREAD)
        return found

    def batches(self, steps: int, size: int, seed: int) -> Iterator[Tensor]:
        """Drawn without repetition until all have been seen, then again."""
        rng, left = np.random.default_rng(seed), []
        for _ in range(steps):
            while len(left) < size:
                left += rng.permutation(len(self.inputs)).tolist()
            drawn, left = left[:size], left[size:]
            x = np.concatenate([self.inputs[index] for index in drawn])
            yield torch.from_numpy(x).to(self.device)


def loss_of(
    found: dict[str, Tensor],
    wanted: dict[str, Tensor],
    spread: dict[str, float],
    heads: tuple[str, ...],
    share: float,
) -> Tensor:
    """Mean over the heads of the mean squared error over the spread; ``share`` of the others'."""

    def mean(names: list[str]) -> Tensor:
        errors = [(found[name] - wanted[name]).square().mean() / spread[name] for name in names]
        return torch.stack(errors).mean()

    loss, others = mean([*heads]), [name for name in wanted if name not in heads]
    return loss + share * mean(others) if others and share else loss


def optimiser_of(module: nn.Module, rate: float) -> torch.optim.Adam:
    """Adam, whose rate for each tensor is a share of its elements' size."""
    groups = []
    for parameter in module.parameters():
        if parameter.requires_grad:
            size = max(float(parameter.detach().square().mean().sqrt()), LEAST_SIZE)
            groups.append({"params": [parameter], "lr": rate * size, "peak": rate * size})
    return torch.optim.Adam(groups, betas=BETAS)


def distil(student: Student, teacher: Teacher, training: Training) -> list[float]:
    """Train in place; the loss of every step. The same input gives the same student on a CPU."""
    torch.manual_seed(training.seed)
    student.to(teacher.device)
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
            layer.correction = Correction(len(layer.weight)).to(teacher.device)
        losses += _train(student, teacher, training, spread, last, training.rate, None)
    return losses


def _train(
    student: Student,
    teacher: Teacher,
    training: Training,
    spread: dict[str, float],
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
        for step, x in enumerate(bar):
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * factor(step, steps)
            loss = loss_of(student(x), teacher.maps(x), spread, student.heads, training.maps)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            if average is not None:
                average.update(student)
            losses.append(float(loss.detach()))
            bar.set_postfix(loss=f"{losses[-1]:.4f}")
    return losses
