"""Networks whose layers run their passes for every pair of planes, and a machine that needs it."""

from dataclasses import replace

import numpy as np

from arch.machine import TINY
from golden.network import Network
from tests.samples.networks import Builder

SHORT_TABLE = replace(TINY, name="short_table", table_entries=32)
"""Few layers have a table of 16 entries and less, which is half of this one."""


class GridBuilder(Builder):
    """A builder whose weights lie on the odd or on the even grid, down to 1 bit."""

    odd = False

    def weights(self, shape: tuple, bits: int) -> np.ndarray:
        codes = self.rng.integers(0, 1 << bits, shape).astype(np.int32)
        return 2 * codes - (1 << bits) + 1 if self.odd else codes - (1 << bits - 1)


def plane_loops(seed: int, bits: int, weight_bits: int) -> tuple[Network, np.ndarray]:
    """Layers of codes of ``bits`` bits and weights of ``weight_bits``, and a picture for them.

    Both grids with strides 1 and 2, from a Concat of 5 images; behind one of them a 2x2 pool.
    """
    b = GridBuilder(seed, 9, 11)
    b.conv("in", "left", 40, 3, bits=bits)
    b.conv("in", "right", 24, 3, bits=bits)
    joined = b.concat(["left", "right"], "joined")
    names = []
    for odd in (False, True):
        b.odd = odd
        for stride in (1, 2):
            names.append(f"odd{stride}" if odd else f"even{stride}")
            kind = {"weight_bits": weight_bits, "bits": 3, "raw": odd == (stride == 1)}
            b.conv(joined, names[-1], 12, 3, stride=stride, **kind)
    b.pool("even1", "pooled", 2, 2)
    names += [
        b.conv(source, f"{source}/head", 5, 1, weight_bits=2, raw=True)
        for source in ("pooled", "odd2")
    ]
    return b.network(*(name for name in names if name in b.raw_shapes)), b.picture()
