"""Max-pools behind maps that others read, too."""

import numpy as np

from golden.network import Network
from tests.samples.networks import Builder


def pool_of_codes(bits: int, kernel: int, stride: int, pad: int) -> tuple[Network, np.ndarray]:
    """A max-pool of codes of so many bits in front of a convolution, and a picture for it.

    Codes of 1 bit are -1 and 1, and the convolution pads them with 0.
    """
    b = Builder(9, 11, 13)
    b.conv("in", "a", 40, 3, bits=bits, bipolar=bits == 1)
    b.pool("a", "pooled", kernel, stride, (pad,) * 4)
    b.conv("pooled", "head", 5, 3, raw=True)
    b.conv("a", "head2", 5, 1, raw=True)
    return b.network("head", "head2"), b.picture()
