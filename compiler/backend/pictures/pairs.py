"""Pictures as pairs of rows, for first convolutions of 3 x 3 and stride 1.

Five neighbouring pixels fit the lanes of a group, and a row of a 3 x 3 kernel has three: three taps
of nine lanes. So the picture may be stored as a stream for every two rows that follow each other,
their pixels in turn: the upper one's, the lower one's, the upper one's of the next column. Five
pixels of such a row are three of the one and two of the other, and two taps do: the kernel's upper
row with two pixels of its middle one, and its lower row with the third. Every pixel is stored and
loaded twice.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from golden.network import Convolution, Operator

KERNEL, PADS = (3, 3), (1, 1, 1, 1)


def takes_pairs(readers: Sequence[Operator]) -> bool:
    """Whether all readers of a picture can take it as pairs of rows."""
    return bool(readers) and all(
        isinstance(reader, Convolution)
        and reader.weights.shape[2:] == KERNEL
        and reader.pads == PADS
        and (reader.strides, reader.dilations, reader.groups) == ((1, 1), (1, 1), 1)
        for reader in readers
    )


def on_pairs(operator: Convolution) -> Convolution:
    """The same convolution of pairs of rows, the first of which begins above the picture."""
    outputs, channels = operator.weights.shape[:2]
    # [outputs, channels, pair, column, row of the pair]
    weights = np.zeros((outputs, channels, 2, 3, 2), operator.weights.dtype)
    upper, middle, lower = operator.weights.transpose(2, 0, 1, 3)
    weights[:, :, 0, :, 0], weights[:, :, 0, :2, 1] = upper, middle[..., :2]
    weights[:, :, 1, 2, 0], weights[:, :, 1, :, 1] = middle[..., 2], lower
    weights = weights.reshape(outputs, channels, 2, 6)
    return replace(operator, weights=weights, strides=(1, 2), pads=(0, 2, 0, 2))
