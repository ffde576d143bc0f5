"""All pictures of a split in memory, in the size of the network's input.

They are opened and placed by ``host.picture``, as they will be for the compiled network, so that
training, evaluation and the machine see the very same pixels. They stay bytes: n pictures take
n * 3 * height * width bytes (10 000 of 256 x 192: 1.5 GB).
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from host.picture import Placement, open_picture, place
from quant.data.augment import CHUNK
from quant.data.labels import Sample
from quant.errors import TrainingError


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """``pixels`` uint8 [n, 3, height, width], RGB. ``targets``: for each picture float32 [k, 5]:
    label, centre x y, width, height in pixels of the input. ``placements`` lead back to the files'
    own pixels. ``chunk`` pictures are augmented at a time.
    """

    pixels: Tensor
    targets: list[Tensor]
    placements: list[Placement]
    chunk: int = CHUNK

    def __len__(self) -> int:
        return len(self.pixels)

    def truth(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each picture boxes [k, 4], x0 y0 x1 y1 in pixels of the input, and labels [k]."""
        pairs = []
        for target in self.targets:
            label, centre, size = np.split(target.numpy().astype(np.float64), [1, 3], axis=1)
            boxes = np.concatenate([centre - size / 2, centre + size / 2], 1)
            pairs.append((boxes, label[:, 0].astype(np.int64)))
        return pairs


def load_pictures(
    samples: Sequence[Sample], *, height: int, width: int, fit: str, progress: str
) -> Loaded:
    """Open and place all pictures; ``fit`` is ``stretch`` or ``letterbox``.

    Raises ``host.picture.PictureError`` for a file that is no picture, :class:`TrainingError`
    where memory does not suffice.
    """
    try:
        pixels = torch.empty((len(samples), 3, height, width), dtype=torch.uint8)
    except RuntimeError:
        size = len(samples) * 3 * height * width / 2**30
        raise TrainingError(
            f"{len(samples)} pictures of {width} x {height} take {size:.1f} GiB, which memory has "
            f"not left; choose a smaller input or fewer pictures"
        ) from None

    def load(index: int) -> Placement:
        resized, placement = place(
            open_picture(samples[index].picture), height=height, width=width, fit=fit
        )
        pixels[index] = torch.from_numpy(np.array(resized)).permute(2, 0, 1)
        return placement

    # Pillow decodes and resizes without Python's lock.
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        placements = list(
            tqdm(pool.map(load, range(len(samples))), total=len(samples), desc=progress)
        )
    targets = [_target(*pair) for pair in zip(samples, placements, strict=True)]
    return Loaded(pixels=pixels, targets=targets, placements=placements)


def _target(sample: Sample, placed: Placement) -> Tensor:
    """The rows [k, 5] of a sample: from shares of the picture to pixels of the input."""
    size = np.array([placed.width * placed.scale_x, placed.height * placed.scale_y] * 2)
    margin = [placed.left, placed.top, 0, 0]
    rows = np.concatenate([sample.labels[:, None], sample.boxes * size + margin], 1)
    return torch.from_numpy(rows.astype(np.float32))
