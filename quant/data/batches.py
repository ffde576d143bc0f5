"""Batches whose every random number follows from the seed, the epoch and the step alone.

So training can stop anywhere and go on bit for bit, and any number of processes shares one batch:
all throw the same dice for the whole batch, and each computes its own pictures.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from quant.data.augment import SETTINGS, Augmentation, augment, draw
from quant.data.pictures import Loaded
from quant.errors import TrainingError

#: Batch normalisation needs two pictures to have a variance.
FEWEST = 2


def generator_for(*key: object) -> torch.Generator:
    """A CPU generator that depends on the key alone, alike in every process."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)


class Batches:
    """Shuffled, augmented batches of a split, epoch by epoch.

    ``batch`` pictures are seen together by all ``world`` processes; this one is number ``rank`` and
    computes every ``world``-th of them. A last, shorter batch counts where each process has two
    pictures of it. ``prefetch`` prepares the next batch in a thread, while this one is used.
    Raises :class:`TrainingError` where no process could have two.
    """

    def __init__(
        self,
        loaded: Loaded,
        *,
        batch: int,
        seed: int,
        augmentation: Augmentation = SETTINGS["none"],
        rank: int = 0,
        world: int = 1,
        prefetch: bool = True,
    ):
        if not 0 <= rank < world:
            raise ValueError(f"rank {rank} of {world}")
        least = FEWEST * world
        for what, count in (("the batch", batch), ("the split", len(loaded))):
            if count < least:
                raise TrainingError(
                    f"{what} has {count} pictures; expected at least {least}: two for each of "
                    f"{world} processes"
                )
        self.loaded, self.batch, self.seed, self.augmentation = loaded, batch, seed, augmentation
        self.rank, self.world, self.prefetch = rank, world, prefetch
        full, rest = divmod(len(loaded), batch)
        #: Batches of an epoch.
        self.steps = full + (rest >= least)

    def epoch_batches(self, epoch: int, start_step: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of an epoch from ``start_step`` on, on the device of the pictures.

        Each is ``x`` float32 [n, 3, h, w] (0 to 1, channels last) and ``targets`` float32 [m, 6]:
        picture 0 to n - 1, label, centre x y, width, height in pixels.
        """
        order = torch.randperm(
            len(self.loaded), generator=generator_for(self.seed, epoch, "order")
        ).split(self.batch)
        steps = range(start_step, self.steps)
        if not self.prefetch:
            for step in steps:
                yield self._batch(order[step], epoch, step)
            return
        with ThreadPoolExecutor(1) as worker:
            ahead = None
            for step in steps:
                ready = ahead or worker.submit(self._batch, order[step], epoch, step)
                more = step + 1 < self.steps
                batch = ready.result()
                # Submitted before the caller works with this one: the two go on side by side.
                ahead = more and worker.submit(self._batch, order[step + 1], epoch, step + 1)
                yield batch

    def _batch(self, chosen: Tensor, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        dice = draw(
            self.augmentation, chosen, len(self.loaded), generator_for(self.seed, epoch, step)
        )
        mine = dice.take(slice(self.rank, None, self.world))
        loaded = self.loaded
        pixels, targets = augment(loaded.pixels, loaded.targets, mine, loaded.chunk)
        return pixels.contiguous(memory_format=torch.channels_last).float().div_(255), targets
