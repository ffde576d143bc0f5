"""A network of 1-bit codes, whose layers can leave as signs of sums, and some that cannot."""

import numpy as np

from golden.network import Network, Thresholds
from tests.samples.networks import Builder

FAR = Thresholds.FAR


def binary(seed: int, height: int = 20, width: int = 28) -> tuple[Network, np.ndarray]:
    """The network, and a picture for it. Thresholds of either sign; some channels are constant."""
    b = Builder(seed, height, width)
    b.conv("in", "stem", 16, 3, stride=2, weight_bits=1, bits=1, bipolar=True)
    b.conv("stem", "padded", 32, 3, weight_bits=1, bits=1, bipolar=True, pad_value=-1)
    b.conv("padded", "plain", 48, 1, weight_bits=1, bits=1)
    b.conv("plain", "half", 32, 3, stride=2, weight_bits=1, bits=1)
    b.conv("plain", "deep", 32, 3, weight_bits=1, bits=4)
    b.conv("deep", "ragged", 20, 1, weight_bits=1, bits=1)
    b.pool("ragged", "window", 3, 1, (1, 1, 1, 1))
    b.conv("window", "last", 24, 3, weight_bits=1, bits=1)
    b.conv("half", "head", 5, 1, raw=True)
    b.conv("last", "head2", 5, 1, raw=True)
    for operator in b.operators:
        if operator.name in ("plain", "ragged"):
            operator.thresholds.levels[1, 0] = FAR
            operator.thresholds.levels[2, 0] = -FAR
    return b.network("head", "head2"), b.picture()
