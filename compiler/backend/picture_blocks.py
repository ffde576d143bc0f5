"""Pictures in blocks of 2 x 2 pixels, for first convolutions that take every second one.

A kernel of even size and even pads that moves by two pixels meets whole blocks only. Stored as a
map of the blocks, 12 channels of 8 bits for three colours, the picture is read by a convolution of
half the size and stride 1: 12 of 16 lanes work, where the pixels of a kernel's row that fit a lane
group, 3 of 6, make 9. On chip it takes a quarter of the positions, and they are loaded as fast as
those of other maps.
"""

from collections.abc import Sequence
from dataclasses import replace

from arch.formats import BLOCK, GROUP_LANES
from compiler.backend.spans import picture_window
from golden.formats import blocks_of
from golden.network import Convolution, Operator, Tensor


def stored_in_blocks(picture: Tensor, readers: Sequence[Operator]) -> bool:
    """Whether a picture is better stored in blocks: all of its readers then take no more taps."""
    sizes = picture.height, picture.width
    fits = picture.channels * BLOCK * BLOCK <= GROUP_LANES
    return fits and not any(size % BLOCK for size in sizes) and all(map(_gains, readers))


def _gains(operator: Operator) -> bool:
    if not isinstance(operator, Convolution) or operator.groups != 1:
        return False
    if operator.strides != (BLOCK, BLOCK) or operator.dilations != (1, 1):
        return False
    rows, columns = operator.weights.shape[2:]
    if any(size % BLOCK for size in (rows, columns, *operator.pads[:2])):
        return False
    # Taps of blocks, and taps of neighbouring pixels of a row.
    blocks = rows * columns // BLOCK**2
    return blocks <= rows * -(-columns // picture_window(columns, 1))


def on_blocks(operator: Convolution) -> Convolution:
    """The same convolution of a map of blocks."""
    outputs, channels, rows, columns = operator.weights.shape
    # To blocks, the places of all kernels are those of one picture.
    kernels = blocks_of(operator.weights.reshape(-1, rows, columns))
    kernels = kernels.reshape(BLOCK**2, outputs, channels, rows // BLOCK, columns // BLOCK)
    weights = kernels.swapaxes(0, 1).reshape(outputs, -1, rows // BLOCK, columns // BLOCK)
    top, left, bottom, right = operator.pads
    return replace(
        operator,
        weights=weights,
        strides=(1, 1),
        pads=(top // BLOCK, left // BLOCK, -(-bottom // BLOCK), -(-right // BLOCK)),
    )
