"""Average precision of a detector on pictures: what leaves the network, decoded as on the host."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from golden.network import Output
from host.description import Head
from host.detection import Detections, detect
from quant.data.pictures import Loaded
from quant.model.detector import Task
from quant.scoring.metrics import OVERLAP, SCORE_FLOOR, Scores, evaluate_boxes

BATCH = 16

#: Pixels / 255 [n, 3, h, w] to maps.
Network = Callable[[Tensor], tuple[Tensor, ...]]


@torch.no_grad()
def predict(network: Network, pixels: Tensor, device: torch.device | str = "cpu") -> list:
    """For each picture of uint8 [n, 3, h, w] its maps, float arrays [channels, h, w].

    A network in float64 is given float64.
    """
    kind = torch.float32
    if isinstance(network, nn.Module):
        network.eval()
        kind = next(network.parameters()).dtype
    found = []
    for part in pixels.split(BATCH):
        x = part.to(device).contiguous(memory_format=torch.channels_last).to(kind).div_(255)
        maps = [m.cpu().numpy() for m in network(x)]
        found.extend(list(each) for each in zip(*maps, strict=True))
    return found


def boxes(maps: list[list[np.ndarray]], outputs: Sequence[Output], head: Head) -> list[Detections]:
    """Detections of each picture, in pixels of the input."""
    return [detect(each, outputs, head, floor=SCORE_FLOOR, overlap=OVERLAP) for each in maps]


def score(
    network: Network, loaded: Loaded, task: Task, device: torch.device | str = "cpu"
) -> Scores:
    """Average precision of a network on a split."""
    found = boxes(predict(network, loaded.pixels, device), task.outputs(), task.head)
    return evaluate_boxes(found, loaded.truth(), task.names)
