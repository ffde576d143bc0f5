"""Lowers a convolution to items: one per kernel tap and 16 input channels."""

from dataclasses import dataclass

import numpy as np

from compiler.backend.job import Item
from compiler.backend.storage import IMAGE_CHANNELS, Storage
from golden.network import Convolution

PICTURE_CHANNELS = 3
LONGEST_WINDOW = 5
"""Pixels of three channels that a lane group holds."""


@dataclass(eq=False)
class Part:
    """Output channels [first, stop) of a convolution, which read the same input images."""

    first: int
    stop: int
    images: list[tuple[str, int]]
    items: list[Item]
    constant: np.ndarray
    window: int


def lanes_in_use(storage: Storage, image: int) -> np.ndarray:
    """Which of the 16 channels of an image exist: bool [16]."""
    return np.arange(IMAGE_CHANNELS) < storage.channels - image * IMAGE_CHANNELS


def picture_window(kernel: int, dilation: int) -> int:
    """Neighbouring pixels per position, so that a kernel row takes fewest items."""
    if dilation != 1:
        return 1
    items = -(-kernel // LONGEST_WINDOW)
    return -(-kernel // items)


def weight_bits(weights: np.ndarray) -> int:
    """Bits of the smallest grid that holds the weights: odd integers, or two's complement."""
    if (weights & 1).all():
        return max(1, int(np.abs(weights).max()).bit_length())
    return max(2, max(int(weights.max()), -int(weights.min()) - 1).bit_length() + 1)


def parts(operator: Convolution, sources: list[tuple[Storage, int]]) -> list[Part]:
    """Cut a convolution by the input channels that its output channels need.

    ``sources``: (storage, channel) of every input channel. A convolution without groups is one
    part; a depthwise one has a part per 16 channels.
    """
    outputs, per_group = operator.weights.shape[:2]
    per_output = outputs // operator.groups
    spans: dict[tuple[int, int], list[int]] = {}
    for image in range(-(-outputs // IMAGE_CHANNELS)):
        first = image * IMAGE_CHANNELS // per_output
        last = (min(outputs, (image + 1) * IMAGE_CHANNELS) - 1) // per_output
        spans.setdefault((first * per_group, (last + 1) * per_group), []).append(image)
    return [
        _part(operator, sources, span, images[0] * IMAGE_CHANNELS,
              min(outputs, (images[-1] + 1) * IMAGE_CHANNELS))
        for span, images in spans.items()
    ]  # fmt: skip


def common_step(sources: list[tuple[Storage, int]]) -> int:
    """The step that all sources share, else 1 (and each step goes into the weights)."""
    steps = {storage.step for storage, _ in sources}
    return steps.pop() if len(steps) == 1 else 1


def _part(
    operator: Convolution,
    sources: list[tuple[Storage, int]],
    span: tuple[int, int],
    first: int,
    stop: int,
) -> Part:
    _, per_group, kernel_h, kernel_w = operator.weights.shape
    per_output = operator.weights.shape[0] // operator.groups
    step = common_step(sources)
    picture = sources[0][0].kind == "picture"
    window = picture_window(kernel_w, operator.dilations[1]) if picture else 0
    rows = np.arange(first, stop)
    groups = rows // per_output
    constant = np.zeros(stop - first, np.int64)
    #: (storage name, image, kernel row, kernel column) -> weights [outputs, 16].
    matrix: dict[tuple, np.ndarray] = {}
    for channel in range(*span):
        storage, number = sources[channel]
        mine = channel // per_group == groups
        column = np.zeros((stop - first, kernel_h, kernel_w), np.int64)
        column[mine] = operator.weights[rows[mine], channel % per_group]
        constant += storage.offset * column.sum((1, 2))
        for ky in range(kernel_h):
            for kx in range(kernel_w):
                if picture:  # the position that holds this pixel is that of its window's last one
                    last = min(kernel_w - 1, (kx // window + 1) * window - 1)
                    key = storage.name, 0, ky, last
                    lane = PICTURE_CHANNELS * (last - kx) + number
                else:
                    key = storage.name, number // IMAGE_CHANNELS, ky, kx
                    lane = number % IMAGE_CHANNELS
                weights = matrix.setdefault(key, np.zeros((stop - first, IMAGE_CHANNELS), np.int64))
                weights[:, lane] += column[:, ky, kx] * (storage.step // step)
    storages = {storage.name: storage for storage, _ in sources}
    keys = sorted((k for k in matrix if matrix[k].any()), key=lambda k: (k[2], k[3], k[0], k[1]))
    keys = keys or sorted(matrix)[:1]
    images = list(dict.fromkeys(key[:2] for key in keys))
    items = []
    for key in keys:
        y = key[2] * operator.dilations[0] - operator.pads[0]
        x = key[3] * operator.dilations[1] - operator.pads[1]
        used = lanes_in_use(storages[key[0]], key[1])
        if picture:  # bytes of channels that the network does not have are 0
            lane = np.arange(IMAGE_CHANNELS)
            used = (lane < PICTURE_CHANNELS * window) & (
                lane % PICTURE_CHANNELS < storages[key[0]].channels)  # fmt: skip
        items.append(Item(images.index(key[:2]), y, x, matrix[key], used))
    return Part(first, stop, images, items, constant, window)
