"""Networks whose thresholds lie at even distances, as trained ones do, but for some channels'."""

import numpy as np

from golden.network import Network, Thresholds
from tests.samples.networks import Builder


class EvenBuilder(Builder):
    """A builder of even thresholds; the first channels of every second layer have a kink."""

    kinked = False

    def thresholds(self, channels: int, bits: int, reach: float) -> Thresholds:
        count = (1 << bits) - 1
        start = self.rng.uniform(-reach, reach / 2, channels)
        distances = self.rng.uniform(0.05, reach / (1 << bits), channels)
        levels = np.ceil(start[:, None] + distances[:, None] * np.arange(count)).astype(np.int64)
        if self.kinked:
            levels[:3, count // 2 :] += int(reach) // 4 + 2
        self.kinked = not self.kinked
        sign = self.rng.choice([-1, 1], channels).astype(np.int8)
        return Thresholds(levels=levels, sign=sign)


def even_thresholds(seed: int, bits: int = 4) -> tuple[Network, np.ndarray]:
    """Layers of codes of ``bits`` bits, odd grids and even ones, and a picture for them."""
    b = EvenBuilder(seed, 14, 20)
    b.conv("in", "stem", 24, 3, bits=bits)
    b.conv("stem", "kinked", 40, 3, bits=bits)
    b.conv("kinked", "odd", 24, 1, weight_bits=1, bits=bits)
    b.conv("odd", "last", 16, 3, stride=2, bits=bits)
    b.conv("last", "even", 20, 1, bits=bits)
    b.conv("even", "head", 5, 1, raw=True)
    return b.network("head"), b.picture()
