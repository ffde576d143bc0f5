"""Pictures in blocks of 2 x 2 pixels, for first convolutions that take every second one.

Stored as a map of the blocks, 12 channels of 8 bits for three colours, the picture is read by a
convolution of half the size and stride 1. A kernel of 6 x 6 takes fewer taps so: 12 of 16 lanes
work, where the pixels of a kernel's row that fit a lane group, 3 of 6, make 9. A kernel of 3 x 3 is
4 x 4 with zeros: of its four blocks the one across has one pixel that counts, its *corner*. The
lanes that are left hold that pixel of the block beside each, and so three taps do, as many as of
rows of pixels. And on chip blocks take a quarter of the positions, and they are loaded as fast as
other maps, where machines wait for pixels.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import numpy as np

from arch.formats import (
    BLOCK,
    GROUP_LANES,
    LANE_GROUPS,
    PICTURE_BITS,
    PICTURE_BYTES,
    PICTURE_STEPS,
)
from arch.machine import Machine
from compiler.backend.packing import narrowest_grid
from compiler.backend.padding import convolution_size
from compiler.backend.spans import picture_window
from golden.formats import Corner, blocks_of
from golden.network import Convolution, Operator, Tensor


def stored_in_blocks(picture: Tensor, readers: Sequence[Operator], machine: Machine) -> bool:
    """Whether a picture is stored in blocks: its readers can take them, and in no more cycles."""
    if picture.channels * (BLOCK**2 + 1) > GROUP_LANES:
        return False
    if picture.height % BLOCK or picture.width % BLOCK:
        return False
    pixels = blocks = 0
    for reader in readers:
        if not isinstance(reader, Convolution) or not _takes_blocks(reader):
            return False
        rows, columns = reader.weights.shape[2:]
        taps = rows * ceil(columns / picture_window(columns, 1))
        pixels += _cycles(picture, reader, taps, PICTURE_STEPS, machine)
        rows, columns = _whole_blocks(reader).shape[2:]
        taps = rows * columns // BLOCK**2 - bool(shared_corner(picture, readers))
        blocks += _cycles(picture, reader, taps, machine.map_steps, machine)
    return blocks <= pixels


def shared_corner(picture: Tensor, readers: Sequence[Convolution]) -> Corner:
    """The pixel of the block beside it that all of a picture's readers want with a block; none
    unless they are of 3 x 3, begin at the same pixel of one, and find it in every block."""
    if any(reader.weights.shape[2:] != (3, 3) for reader in readers):
        return ()
    corners = {tuple(pad % BLOCK for pad in reader.pads[:2]) for reader in readers}
    if len(corners) > 1 or any(_seeks_it_in_padding(picture, reader) for reader in readers):
        return ()
    return corners.pop()


def _seeks_it_in_padding(picture: Tensor, operator: Convolution) -> bool:
    """Whether some window takes a pixel of the picture for its corner from a block beside the
    picture: that is padding, and holds no pixels."""
    left = operator.pads[1]
    if left % BLOCK == 0:  # the corner is the block's to the right
        return left > 0
    width = convolution_size(operator, picture.width, 1)
    return width - ceil(left / BLOCK) >= picture.width // BLOCK


def _takes_blocks(operator: Convolution) -> bool:
    """Whether it moves from block to block, and its grid has the zeros that it may need."""
    if operator.groups != 1 or operator.dilations != (1, 1):
        return False
    if operator.strides != (BLOCK, BLOCK):
        return False
    weights = operator.weights
    return _whole_blocks(operator).shape == weights.shape or not narrowest_grid(weights).odd


def _cycles(picture: Tensor, operator: Convolution, taps: int, steps: int, machine: Machine) -> int:
    """An estimate, one for the other: what takes longer, passes or loads of ``steps`` a beat."""
    height, width = (
        convolution_size(operator, size, axis)
        for axis, size in enumerate((picture.height, picture.width))
    )
    products = taps * PICTURE_BITS * narrowest_grid(operator.weights).bits
    computed = ceil(len(operator.weights) / machine.rows) * height * ceil(width / machine.columns)
    beats = picture.height * picture.width * PICTURE_BYTES // machine.beat_bytes
    return max(computed * ceil(products / LANE_GROUPS), beats * steps)


def _whole_blocks(operator: Convolution) -> np.ndarray:
    """The weights [out, in, kh, kw] with zeros around, so that the kernel meets whole blocks."""
    around = [(0, 0), (0, 0)]
    for size, pad in zip(operator.weights.shape[2:], operator.pads[:2], strict=True):
        before = pad % BLOCK
        around.append((before, (size + before) % BLOCK))
    return np.pad(operator.weights, around)


def on_blocks(operator: Convolution, corner: Corner) -> Convolution:
    """The same convolution of a map of blocks, each with this ``corner`` of the one beside it."""
    weights = _whole_blocks(operator)
    outputs, channels, rows, columns = weights.shape
    # To blocks, the places of all kernels are those of one picture.
    kernels = blocks_of(weights.reshape(-1, rows, columns))
    kernels = kernels.reshape(BLOCK**2, outputs, channels, rows // BLOCK, columns // BLOCK)
    kernels = kernels.swapaxes(0, 1)
    if corner:
        y, x = corner
        across = 1 - y, 1 - x  # the kernel's block that has but this pixel
        beside = np.zeros_like(kernels[:, :1])
        beside[:, 0, :, across[0], x] = kernels[:, BLOCK * y + x, :, *across]
        kernels = np.concatenate([kernels, beside], axis=1)
        kernels[:, : BLOCK**2, :, *across] = 0
    weights = kernels.reshape(outputs, -1, rows // BLOCK, columns // BLOCK)
    top, left, bottom, right = (ceil(pad / BLOCK) for pad in operator.pads)
    return replace(operator, weights=weights, strides=(1, 1), pads=(top, left, bottom, right))
