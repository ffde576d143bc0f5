"""Where the pictures of a split live during training: in main memory, or on the training's device.

A small network takes less time for a batch on a GPU than the processor takes to augment it. Bytes
that stay on the device are augmented there: the dice are the same, thrown on the processor, and
pixels may differ by the rounding of the device's arithmetic.
"""

from dataclasses import replace

import torch

from quant.data.pictures import Loaded
from quant.errors import TrainingError

AUTOMATIC, DEVICE, HOST = RESIDENCES = ("auto", "device", "host")
#: Of a device's free memory, for the pictures of one split: the rest is the network's.
SHARE = 0.5
#: Pictures computed at a time, on the device: enough to fill it, and few small steps.
CHUNK = 64


def settle_pictures(
    loaded: Loaded, device: torch.device, residence: str = AUTOMATIC, *, free: int | None = None
) -> Loaded:
    """The same pictures where ``residence`` says: ``host``, ``device``, or ``auto``.

    ``auto`` takes the device if that is not the processor itself, and if the pictures take at most
    half of its ``free`` bytes (default: what it reports). Raises :class:`TrainingError` for another
    residence, and where ``device`` is asked for and has no room.
    """
    if residence not in RESIDENCES:
        raise TrainingError(f"no residence {residence!r}; there are {', '.join(RESIDENCES)}")
    if residence == AUTOMATIC:
        fits = device.type != "cpu" and loaded.pixels.nbytes <= SHARE * (
            torch.cuda.mem_get_info(device)[0] if free is None else free
        )
        residence = DEVICE if fits else HOST
    if residence == HOST:
        return loaded
    try:
        return replace(loaded, pixels=loaded.pixels.to(device), chunk=CHUNK)
    except torch.OutOfMemoryError:
        raise TrainingError(
            f"{len(loaded)} pictures take {loaded.pixels.nbytes / 2**30:.1f} GiB, which {device} "
            f"has not left; train with --pictures host"
        ) from None
