"""Anchor assignment and training loss in the manner of YOLOv5 (its documentation: "Build targets",
"Compute losses"): CIoU for boxes, binary cross-entropy for objectness and classes.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

ANCHOR_RATIO = 4.0  # an anchor serves boxes up to this many times larger or smaller
# Chosen by hand so that the three shares of the loss end up of like size.
BOX, OBJECT, CLASS = 0.1, 0.4, 0.15
# A finer map has more cells, mostly empty: weigh the maps so that each object counts alike.
BALANCE = {8: 4.0, 16: 1.0, 32: 0.4}


def complete_iou(a: Tensor, b: Tensor) -> Tensor:
    """CIoU (Zheng et al., AAAI 2020) of matching rows, boxes as centre x y, width, height."""
    a0, a1 = a[:, :2] - a[:, 2:] / 2, a[:, :2] + a[:, 2:] / 2
    b0, b1 = b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2
    overlap = (torch.minimum(a1, b1) - torch.maximum(a0, b0)).clamp(min=0).prod(1)
    union = a[:, 2:].prod(1) + b[:, 2:].prod(1) - overlap + 1e-7
    iou = overlap / union
    hull = torch.maximum(a1, b1) - torch.minimum(a0, b0)
    apart = (a[:, :2] - b[:, :2]).pow(2).sum(1) / (hull.pow(2).sum(1) + 1e-7)
    angle = torch.atan(a[:, 2] / (a[:, 3] + 1e-7)) - torch.atan(b[:, 2] / (b[:, 3] + 1e-7))
    aspect = 4 / math.pi**2 * angle.pow(2)
    with torch.no_grad():
        weight = aspect / (1 - iou + aspect + 1e-7)
    return iou - apart - weight * aspect


def assign(targets: Tensor, anchors: Tensor, height: int, width: int) -> tuple[Tensor, ...]:
    """Which (picture, anchor, row, column) learns which target.

    ``targets`` is [n, 6]: picture, label, centre x y, width, height, in cells; ``anchors`` [a, 2]
    in cells. A target is learnt by its own cell and by the nearer neighbour in each direction,
    for every anchor of a similar size. Returns picture, anchor, row, column and target row.
    """
    ratio = targets[None, :, 4:6] / anchors[:, None]
    anchor, target = torch.nonzero(
        torch.maximum(ratio, 1 / ratio).amax(2) < ANCHOR_RATIO, as_tuple=True
    )
    centre = targets[target, 2:4]
    cell = centre.long()
    side = torch.where(centre % 1 < 0.5, -1, 1)
    near_x, near_y = side.clone(), side.clone()
    near_x[:, 1], near_y[:, 0] = 0, 0
    cell = torch.cat([cell, cell + near_x, cell + near_y])
    anchor, target = anchor.repeat(3), target.repeat(3)
    inside = ((cell >= 0) & (cell < torch.tensor([width, height], device=cell.device))).all(1)
    cell, anchor, target = cell[inside], anchor[inside], target[inside]
    return targets[target, 0].long(), anchor, cell[:, 1], cell[:, 0], target


def detection_loss(
    maps: tuple[Tensor, ...], targets: Tensor, strides: tuple, anchors: tuple
) -> tuple[Tensor, Tensor]:
    """Loss of a batch and its three shares (box, objectness, class), detached.

    ``maps``: logits [n, anchors * (5 + classes), h, w] per scale. ``targets`` [m, 6]: picture,
    label, centre x y, width, height in pixels.
    """
    device = maps[0].device
    shares = torch.zeros(3, device=device)
    nothing = torch.zeros((), device=device)
    for logits, stride, sizes in zip(maps, strides, anchors, strict=True):
        n, _, height, width = logits.shape
        sizes = torch.tensor(sizes, device=device) / stride
        logits = logits.float().reshape(n, len(sizes), -1, height, width)
        scaled = torch.cat([targets[:, :2], targets[:, 2:] / stride], 1)
        picture, anchor, row, column, target = assign(scaled, sizes, height, width)
        wanted = torch.zeros(n * len(sizes) * height * width, device=device)
        if len(target):
            place = ((picture * len(sizes) + anchor) * height + row) * width + column
            # An embedding, because several targets may share a cell: its gradients are added in one
            # order whatever the number of threads.
            mine = F.embedding(place, logits.permute(0, 1, 3, 4, 2).flatten(0, 3))
            centre = 2 * mine[:, :2].sigmoid() - 0.5 + torch.stack([column, row], 1)
            size = (2 * mine[:, 2:4].sigmoid()).pow(2) * sizes[anchor]
            iou = complete_iou(torch.cat([centre, size], 1), scaled[target, 2:])
            one_hot = F.one_hot(scaled[target, 1].long(), mine.shape[1] - 5).float()
            # Where targets share a cell the best fit decides what objectness learns.
            wanted.scatter_reduce_(0, place, iou.detach().clamp(min=0), "amax")
            shares = shares + torch.stack(
                [
                    BOX * (1 - iou).mean(),
                    nothing,
                    CLASS * F.binary_cross_entropy_with_logits(mine[:, 5:], one_hot),
                ]
            )
        wanted = wanted.view(n, len(sizes), height, width)
        objectness = F.binary_cross_entropy_with_logits(logits[:, :, 4], wanted)
        shares = shares + torch.stack([nothing, OBJECT * BALANCE[stride] * objectness, nothing])
    return shares.sum(), shares.detach()
