"""One process or several (``torchrun``), on the processor or on GPUs: PyTorch's own means."""

import contextlib
import os
from contextlib import AbstractContextManager

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class Processes:
    """This process among those that train together, and its device.

    ``torchrun`` tells rank and number through the environment; without it there is one. GPUs are
    used where there are any, with half precision in the convolutions.
    """

    def __init__(self):
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        local = int(os.environ.get("LOCAL_RANK", "0"))
        self.cuda = torch.cuda.is_available()
        self.device = torch.device("cuda", local) if self.cuda else torch.device("cpu")
        if self.cuda:
            torch.cuda.set_device(self.device)
        if self.world > 1 and not torch.distributed.is_initialized():
            # Networks are built, and start, on the processor.
            torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if self.cuda else "gloo")

    @property
    def first(self) -> bool:
        """The process that writes files."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model with gradients averaged over all processes."""
        if self.world == 1:
            return model
        # Stages leave some parameters without a part in the loss.
        return DistributedDataParallel(model, find_unused_parameters=True)

    def precision(self) -> AbstractContextManager:
        """Automatic mixed precision on GPUs; full precision elsewhere."""
        if self.cuda:
            return torch.autocast("cuda", dtype=torch.bfloat16)
        return contextlib.nullcontext()


@torch.no_grad()
def as_in_the_first(module: nn.Module) -> None:
    """Give all processes the first one's parameters: for what each chose from its own pictures.

    DistributedDataParallel does so once, at the start, and from then on only averages gradients.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        for parameter in module.parameters():
            torch.distributed.broadcast(parameter, 0)
