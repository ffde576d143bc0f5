"""Networks whose maps stay on chip, of all kinds: padded, pooled, enlarged, of many images, read
with either stride or both; and one of 1-bit codes."""

import numpy as np

from golden.network import Network, Thresholds
from tests.samples.networks import Builder


def staying(seed: int, height: int = 24, width: int = 32) -> tuple[Network, np.ndarray]:
    """The network, and a picture for it; the picture is read by its first layer only."""
    b = Builder(seed, height, width)
    b.conv("in", "stem", 16, 3, stride=2, weight_bits=1, bits=1)
    b.conv("stem", "thin", 24, 1, weight_bits=1, bits=1, bipolar=True)
    b.conv("thin", "wide", 40, 3, weight_bits=1, bits=4, pad_value=1)
    b.conv("thin", "other", 40, 1, weight_bits=2, bits=4)
    b.sum(["wide", "other"], "residual", (1, 2), 3)
    b.conv("residual", "half", 70, 3, stride=2, weight_bits=2, bits=2)
    b.pool("half", "window", 3, 1, (1, 1, 1, 1))
    b.concat(["half", "window"], "joined")
    b.conv("joined", "mixed", 36, 1, weight_bits=4, bits=4)
    b.upsample("mixed", "large")
    b.conv("large", "deep", 20, 3, bits=2)
    b.pool("deep", "pooled", 2, 2)
    b.conv("pooled", "head", 5, 1, raw=True)
    b.conv("mixed", "head2", 7, 3, raw=True)
    b.conv("residual", "head3", 6, 1, raw=True)
    return b.network("head", "head2", "head3"), b.picture()


def binary(seed: int, height: int = 20, width: int = 28) -> tuple[Network, np.ndarray]:
    """A network most of whose layers can leave as signs of sums, and a picture for it.

    Thresholds are of either sign; some channels are constant.
    """
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
            operator.thresholds.levels[1, 0] = Thresholds.FAR
            operator.thresholds.levels[2, 0] = -Thresholds.FAR
    return b.network("head", "head2"), b.picture()
