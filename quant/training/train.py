"""The training loop: epochs of augmented batches, then what the recipe does at the end.

All that decides the next step is in the checkpoint, and all dice follow from (seed, epoch, step): a
training that was killed goes on bit for bit (on one kind of processor and number of threads).
"""

import time
from dataclasses import fields
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from quant.data.anchors import fit_anchors
from quant.data.augment import augmentation
from quant.data.batches import Batches
from quant.data.dataset import Dataset, read_dataset
from quant.data.pictures import Loaded, load_pictures
from quant.data.residence import AUTOMATIC, settle_pictures
from quant.errors import TrainingError
from quant.model.detector import Detector, Task
from quant.model.models import strides_of
from quant.quantisers.gaussian import GaussianQuantiser
from quant.recipes.stages import EVERYTHING, stage_at, switch
from quant.runs import run_folder
from quant.runs.log import Log
from quant.runs.settings import Settings, read_settings
from quant.scoring.evaluate import score
from quant.training.correction import correct
from quant.training.detection_loss import detection_loss
from quant.training.ema import Average
from quant.training.optimiser import factor, make_optimiser, rising
from quant.training.oscillation import Oscillations, dampening
from quant.training.parallel import Processes
from quant.training.settle import settle_norms
from quant.training.starting_weights import load_matching, read_weights

LARGEST_GRADIENT = 10.0
#: Share of the training after which fitted densities stay as they are.
FIT_UNTIL = 0.8


class Training:
    """One training in ``folder``; :meth:`run` goes on from its checkpoint, if there is one.

    ``checkpoint_seconds`` lie between two checkpoints within an epoch; ``residence`` is where
    pictures live (:func:`quant.data.residence.settle_pictures`).
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        *,
        processes: Processes | None = None,
        checkpoint_seconds: float = 60.0,
        residence: str = AUTOMATIC,
    ):
        self.settings, self.folder = settings, folder
        self.checkpoint_seconds = checkpoint_seconds
        self.processes = processes or Processes()
        augmented = augmentation(settings.augmentation)
        self.device = self.processes.device
        dataset = read_dataset(Path(settings.data))
        self.loaded = {
            split: settle_pictures(self._load(dataset, split), self.device, residence)
            for split in ("train", "val")
        }
        sizes = torch.cat([t[:, 3:5] for t in self.loaded["train"].targets]).numpy()
        strides = strides_of(settings.model)
        task = Task(
            names=dataset.names,
            height=settings.height,
            width=settings.width,
            anchors=fit_anchors(sizes, len(strides)),
            strides=strides,
        )
        torch.manual_seed(settings.seed)
        self.model, self.recipe = run_folder.build(settings, task)
        if settings.weights:
            load_matching(self.model, read_weights(Path(settings.weights)))
        self.model.to(self.device, memory_format=torch.channels_last)
        self.batches = Batches(
            self.loaded["train"],
            batch=settings.batch,
            seed=settings.seed,
            augmentation=augmented,
            rank=self.processes.rank,
            world=self.processes.world,
        )
        self.steps = self.batches.steps * settings.epochs
        self.optimiser = make_optimiser(self.model, self.recipe, settings.rate)
        self.average = Average(self.model, self.recipe.ema) if self.recipe.ema else None
        self.oscillations = Oscillations(self.model)
        self.epoch = self.step = 0
        self.sums = torch.zeros(5, dtype=torch.float64)

    def _load(self, dataset: Dataset, split: str) -> Loaded:
        s = self.settings
        return load_pictures(
            dataset.splits[split], height=s.height, width=s.width, fit=s.fit, progress=split
        )

    @property
    def task(self) -> Task:
        return self.model.task

    @property
    def result(self) -> Detector:
        """The network that is evaluated: the average, where the recipe has one."""
        return self.average.model if self.average else self.model

    # What a checkpoint holds.

    def state(self) -> dict:
        """Everything that decides the steps to come."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "sums": self.sums,
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "oscillations": self.oscillations.state,
            "average": self.average and self.average.model.state_dict(),
            "averaged": self.average and self.average.steps,
        }

    def restore(self, state: dict) -> None:
        """Go on from a checkpoint's state."""
        self.epoch, self.step, self.sums = state["epoch"], state["step"], state["sums"]
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.oscillations.state = {
            layer: {name: tensor.to(self.device) for name, tensor in known.items()}
            for layer, known in state["oscillations"].items()
        }
        if self.average:
            self.average.model.load_state_dict(state["average"])
            self.average.steps = state["averaged"]

    def save(self) -> None:
        if self.processes.first:
            run_folder.save(self.state(), self.folder / run_folder.CHECKPOINT)

    # The loop.

    def run(self) -> Detector:
        """Train to the end; return the trained network, which is also in ``final.pt``."""
        checkpoint = self.folder / run_folder.CHECKPOINT
        if checkpoint.exists():
            try:
                self.restore(run_folder.load(checkpoint))
            except (RuntimeError, KeyError, ValueError, AttributeError, TypeError):
                raise TrainingError(
                    f"{checkpoint}: is not of this training; has the data set other classes now?"
                ) from None
        log = Log(self.folder, self.epoch) if self.processes.first else None
        network = self.processes.wrap(self.model)
        total = self.settings.epochs
        with tqdm(total=total, initial=self.epoch, desc=self.recipe.name, unit="epoch") as bar:
            while self.epoch < total:
                self.run_epoch(network, bar)
                if log:
                    log.write(self.row())
                self.epoch, self.step = self.epoch + 1, 0
                self.sums.zero_()
                self.save()
                bar.update()
        if log:
            log.close()
        self.finish()
        return self.result

    def run_epoch(self, network: nn.Module, bar: tqdm) -> None:
        """The epoch's remaining steps."""
        saved = time.monotonic()
        for x, targets in self.batches.epoch_batches(self.epoch, self.step):
            self.run_step(network, x.to(self.device), targets.to(self.device))
            self.step += 1
            due = time.monotonic() - saved > self.checkpoint_seconds
            if due and self.step < self.batches.steps:
                self.save()
                saved = time.monotonic()
            loss, flips = (self.sums[[0, 4]] / self.step).tolist()
            bar.set_postfix_str(f"loss {loss:.4f} flips {flips:.2%}", refresh=False)

    def run_step(self, network: nn.Module, x: Tensor, targets: Tensor) -> None:
        """One step of the optimiser, and what the recipe does after it."""
        done = self.epoch * self.batches.steps + self.step
        progress = done / self.steps
        switch(self.model, stage_at(self.recipe.stages, progress).quantised)
        for module in self.model.modules():
            if isinstance(module, GaussianQuantiser):
                module.frozen = progress >= FIT_UNTIL
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor(done, self.steps)
        self.model.train()
        with self.processes.precision():
            maps = network(x)
        loss, shares = detection_loss(maps, targets, self.task.strides, self.task.anchors)
        if not torch.isfinite(loss):
            raise TrainingError(
                f"the loss is {float(loss.detach())} in epoch {self.epoch}, step {self.step}; "
                f"train with a lower --rate"
            )
        if self.recipe.dampening:
            loss = loss + rising(progress, 0.0, self.recipe.dampening) * dampening(self.model)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), LARGEST_GRADIENT)
        self.optimiser.step()
        freezing = self.recipe.freezing
        flips = self.oscillations.update(freezing and rising(progress, 0.1, freezing))
        if self.average:
            self.average.update(self.model)
        self.sums += torch.tensor(
            [float(loss.detach()), *shares.tolist(), flips], dtype=torch.float64
        )

    def row(self) -> dict[str, float]:
        """The log's row of the epoch that has just ended."""
        means = (self.sums / self.batches.steps).tolist()
        row = dict(zip(("loss", "box", "object", "class", "flips"), means, strict=True))
        row |= {
            "epoch": self.epoch,
            "rate": self.optimiser.param_groups[0]["lr"],
            "oscillating": self.oscillations.oscillating(),
        }
        ended = self.epoch + 1
        if ended % self.settings.score_every == 0 or ended == self.settings.epochs:
            # The average has the stage of the last step, not everything that will be quantised.
            last = (ended * self.batches.steps - 1) / self.steps
            switch(self.result, stage_at(self.recipe.stages, last).quantised)
            scores = score(self.result, self.loaded["val"], self.task, self.device)
            row |= {"ap50": scores.ap50, "ap": scores.ap}
        return row

    # The end.

    def finish(self) -> None:
        """Settle normalisations, correct, and keep the network."""
        model = self.result
        switch(model, EVERYTHING)
        if self.recipe.settle:
            settle_norms(model, self.loaded["train"], self.device)
        if self.recipe.correction:
            if self.processes.first:
                run_folder.save_final(model, self.folder, run_folder.UNCORRECTED)
            # Epochs after the training's: batches that it has not seen.
            correct(
                model,
                self.batches,
                self.settings.epochs,
                self.recipe.correction,
                rate=self.recipe.correction_rate,
                processes=self.processes,
            )
        if self.processes.first:
            run_folder.save_final(model, self.folder)


def check_folder(settings: Settings, folder: Path, *, resume: bool) -> None:
    """Raise :class:`TrainingError` where ``folder`` holds a training that is not to go on.

    That is any training without ``resume``, and one with other settings with it.
    """
    path = folder / run_folder.SETTINGS
    if not path.exists():
        return
    if not resume:
        raise TrainingError(
            f"{folder} already holds a training; go on with --resume, or choose another --out"
        )
    known = read_settings(path)
    for field in fields(Settings):
        was, is_now = getattr(known, field.name), getattr(settings, field.name)
        if was != is_now:
            raise TrainingError(
                f"{folder} holds a training whose {field.name} is {was}, not {is_now}; go on with "
                f"the same settings, or choose another --out"
            )


def begin(settings: Settings, folder: Path, *, resume: bool) -> None:
    """Make the folder of a training, or check that it is the one to go on with.

    Only the first of several processes does so. Raises :class:`TrainingError` like
    :func:`check_folder`, and where the folder cannot be written.
    """
    check_folder(settings, folder, resume=resume)
    path = folder / run_folder.SETTINGS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            part = path.with_suffix(".part")
            part.write_text(settings.to_json())
            part.replace(path)
    except OSError as error:
        raise TrainingError(f"{folder}: cannot be written ({error.strerror})") from None
