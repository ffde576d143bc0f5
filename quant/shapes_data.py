"""The demo network's pictures as PyTorch batches."""

import multiprocessing
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from quant.render import Picture, render


def render_set(seed: int, count: int) -> list[Picture]:
    """Pictures 0..count-1 of ``seed``, drawn by one process per core."""
    with multiprocessing.get_context("spawn").Pool() as pool:
        drawn = pool.imap(partial(render, seed), range(count), chunksize=50)
        return list(tqdm(drawn, total=count, desc=f"render seed {seed}"))


def as_input(pictures: list[Picture]) -> Tensor:
    """Pixels / 255 [n, 3, h, w]."""
    pixels = torch.from_numpy(np.stack([p.pixels for p in pictures]))
    return pixels.permute(0, 3, 1, 2).float() / 255


def centred(picture: Picture) -> Tensor:
    """Its shapes as [n, 5]: label, centre x y, width, height in pixels."""
    low, high = picture.boxes[:, :2], picture.boxes[:, 2:]
    rows = np.concatenate([picture.labels[:, None], (low + high) / 2, high - low], axis=1)
    return torch.from_numpy(rows.astype(np.float32))


def batches(pictures: list[Picture], batch: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless augmented batches: pixels / 255 [n, 3, h, w], and targets for the loss [m, 6].

    Mirroring, quarter turns and exchanged colour channels apply to a whole batch, brightness and
    contrast to each picture. None of them changes what a shape is.
    """
    pixels = torch.from_numpy(np.stack([p.pixels for p in pictures]))
    boxes = [centred(p) for p in pictures]
    generator = torch.Generator().manual_seed(seed)
    size = pixels.shape[1]
    while True:
        for chosen in torch.randperm(len(pictures), generator=generator).split(batch):
            mirror, turn, order = torch.randint(0, 24, (3,), generator=generator).tolist()
            channels = torch.randperm(3, generator=torch.Generator().manual_seed(order))
            # The pool is [n, h, w, 3], so this view is in PyTorch's fast channels-last layout.
            x = pixels[chosen][..., channels].permute(0, 3, 1, 2).float()
            targets = [
                torch.cat([torch.full((len(boxes[i]), 1), float(n)), boxes[i]], 1)
                for n, i in enumerate(chosen.tolist())
            ]
            y = torch.cat(targets)
            if mirror % 2:
                x = x.flip(3)
                y[:, 2] = size - y[:, 2]
            if turn % 2:
                x = x.transpose(2, 3)
                y = y[:, [0, 1, 3, 2, 5, 4]]
            if turn % 4 >= 2:
                x = x.flip(2)
                y[:, 3] = size - y[:, 3]
            gain = 0.7 + 0.6 * torch.rand(len(chosen), 1, 1, 1, generator=generator)
            offset = 60 * torch.rand(len(chosen), 1, 1, 1, generator=generator) - 30
            x = ((x - 128) * gain + 128 + offset).clamp(0, 255) / 255
            yield x.contiguous(memory_format=torch.channels_last), y
