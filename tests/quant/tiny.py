"""Networks and data sets that train in seconds."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from quant.data.pictures import Loaded
from quant.data.render import CLASSES, RenderConfig, render
from quant.model.detector import Detector, Task
from quant.model.models import make_model, strides_of
from quant.recipes import Options, make_recipe
from quant.training.detection_loss import detection_loss
from quant.training.settle import settle_norms

# The machine's cores are for the tests beside this one.
torch.set_num_threads(1)

HEIGHT, WIDTH = 64, 96
ANCHORS = (((8.0, 9.0), (14.0, 12.0)), ((20.0, 24.0), (30.0, 28.0)), ((40.0, 44.0), (60.0, 50.0)))
#: The first two of the shapes that are drawn, to have few classes.
NAMES = CLASSES[:2]


def task(
    model: str, names: tuple[str, ...] = NAMES, height: int = HEIGHT, width: int = WIDTH
) -> Task:
    """What ``model`` is to detect."""
    strides = strides_of(model)
    anchors = ANCHORS[: len(strides)]
    return Task(names=names, height=height, width=width, anchors=anchors, strides=strides)


def detector(
    recipe: str = "lsq", model: str = "plain32", bits: int | None = None, **options: bool
) -> Detector:
    """An untrained network; equal calls give equal weights."""
    torch.manual_seed(1)
    return make_model(model, task(model), make_recipe(recipe, bits, Options(**options)).policy)


def pictures(seed: int, count: int = 2) -> torch.Tensor:
    """Noise in the place of pictures, / 255."""
    dice = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, 3, HEIGHT, WIDTH), generator=dice) / 255


def targets(seed: int, count: int = 2) -> torch.Tensor:
    """Two boxes for each picture: picture, label, centre x y, width, height."""
    dice = torch.Generator().manual_seed(seed)
    rows = torch.rand(2 * count, 6, generator=dice)
    rows[:, 0], rows[:, 1] = torch.arange(2 * count) // 2, torch.arange(2 * count) % len(NAMES)
    rows[:, 2:4] *= torch.tensor([WIDTH, HEIGHT])
    rows[:, 4:] = 8 + 40 * rows[:, 4:]
    return rows


def loss_of(model: Detector, seed: int, count: int = 2) -> torch.Tensor:
    maps = model(pictures(seed, count))
    return detection_loss(maps, targets(seed, count), model.task.strides, model.task.anchors)[0]


def steps(model: Detector, seed: int, count: int = 3, rate: float = 0.01) -> Detector:
    """Train a little, on noise: everything leaves its starting value."""
    optimiser = torch.optim.AdamW(model.parameters(), rate)
    model.train()
    for step in range(count):
        optimiser.zero_grad()
        loss_of(model, seed + step).backward()
        optimiser.step()
    return model.eval()


def write_data(folder: Path, counts: dict[str, int], seed: int = 1) -> Path:
    """A YOLO data set of rendered shapes; returns its data.yaml."""
    config = RenderConfig(size=96, max_diameter=40, max_shapes=3, max_distractors=2)
    for number, (split, count) in enumerate(counts.items()):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            picture = render(seed + number, index, config)
            Image.fromarray(picture.pixels).save(folder / "images" / split / f"{index}.png")
            low, high = picture.boxes[:, :2] / 96, picture.boxes[:, 2:] / 96
            rows = np.concatenate(
                [picture.labels[:, None] % len(NAMES), (low + high) / 2, high - low], 1
            )
            lines = [f"{int(row[0])} " + " ".join(f"{v:.6f}" for v in row[1:]) for row in rows]
            (folder / "labels" / split / f"{index}.txt").write_text("\n".join(lines) + "\n")
    entries = [f"{split}: images/{split}" for split in counts]
    path = folder / "data.yaml"
    path.write_text("\n".join([*entries, f"names: [{', '.join(NAMES)}]"]) + "\n")
    return path


def drawing(seed: int = 1) -> np.ndarray:
    """Codes of a rendered picture, uint8 [3, height, width]."""
    pixels = render(seed, 0, RenderConfig(size=WIDTH, max_diameter=40)).pixels[:HEIGHT]
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def settle(model: Detector, count: int = 4) -> Detector:
    """Give normalisations the statistics of drawings: codes then use all of their range."""
    pixels = torch.from_numpy(np.stack([drawing(seed) for seed in range(1, 1 + count)]))
    settle_norms(model, Loaded(pixels=pixels, targets=[torch.zeros(0, 5)] * count, placements=[]))
    return model


class NoBar:
    """In the place of a progress bar."""

    def set_postfix_str(self, *_given: object, **_options: object) -> None:
        """Nothing is shown."""
