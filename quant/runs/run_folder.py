"""The folder of a training: what is in it, and how a trained network comes back from it.

settings.json   what the training was told          checkpoint.pt   where it is, to go on
log.csv, events/                                    final.pt        the trained network
"""

from dataclasses import asdict
from pathlib import Path

import torch

from quant.errors import TrainingError
from quant.model.detector import Detector, Task
from quant.model.layers import Correction, QuantisedConvolution
from quant.model.models import make_model
from quant.recipes import make_recipe
from quant.recipes.recipe import Recipe
from quant.runs.settings import Settings, read_settings

SETTINGS, CHECKPOINT = "settings.json", "checkpoint.pt"
FINAL, UNCORRECTED = "final.pt", "uncorrected.pt"


def save(record: dict, path: Path) -> None:
    """Write a file whole or not at all: a training may be killed at any moment."""
    part = path.with_suffix(".part")
    torch.save(record, part)
    part.replace(path)


def load(path: Path) -> dict:
    """Read what :func:`save` wrote; :class:`TrainingError` where that is impossible."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise TrainingError(f"{path}: no such file; has the training ended?") from None
    except Exception as error:  # torch raises whatever its unpickler meets
        told = str(error).partition("\n")[0]
        raise TrainingError(f"{path}: not a file of this program ({told})") from None


def build_recipe(settings: Settings) -> Recipe:
    """The recipe of some settings."""
    return make_recipe(settings.recipe, settings.bits, settings.options)


def build(settings: Settings, task: Task) -> tuple[Detector, Recipe]:
    """The network of some settings, untrained, and its recipe."""
    recipe = build_recipe(settings)
    return make_model(settings.model, task, recipe.policy), recipe


def save_final(model: Detector, folder: Path, name: str = FINAL) -> None:
    """Keep a trained network."""
    save({"model": model.state_dict(), "task": asdict(model.task)}, folder / name)


def load_final(folder: Path, name: str = FINAL) -> tuple[Detector, Settings]:
    """The trained network of a folder, in evaluation mode, and its settings."""
    settings = read_settings(folder / SETTINGS)
    path = folder / name
    record = load(path)
    try:
        task, state = Task(**record["task"]), record["model"]
    except (KeyError, TypeError) as error:
        raise TrainingError(f"{path}: not a network of this program ({error})") from None
    model, _ = build(settings, task)
    for layer, module in model.named_modules():
        # Layers without a normalisation keep their correction; see ``quant.training.correction``.
        if isinstance(module, QuantisedConvolution) and f"{layer}.correction.gain" in state:
            module.correction = Correction(module.conv.out_channels)
    try:
        model.load_state_dict(state)
    except (RuntimeError, TypeError):
        raise TrainingError(
            f"{path}: does not fit {SETTINGS} beside it; they are of two trainings"
        ) from None
    return model.eval(), settings
