"""What a convolution of the graph is in integers: sums of products of codes, and their meaning."""

from dataclasses import dataclass

import numpy as np

from compiler.frontend.encoding import Encoding
from compiler.frontend.ir import Node


@dataclass(frozen=True)
class View:
    """A graph tensor as codes: which network tensor holds them and what they stand for here."""

    name: str
    encoding: Encoding


@dataclass(frozen=True, eq=False)
class Sums:
    """A Conv node in integers: float result = v * scale[c] * input scale + bias[c]."""

    node: Node
    source: View
    weights: np.ndarray
    scales: np.ndarray
    bias: np.ndarray
    pad_value: int
    low: np.ndarray
    high: np.ndarray
    #: Height and width of the result.
    size: tuple[int, int]

    def values(self, sums: np.ndarray) -> np.ndarray:
        """Float results [C, n] of sums [C, n]; in the order that is exact for 24-bit scales."""
        products = sums * self.scales[:, None] * self.source.encoding.scale
        return products + self.bias[:, None]

    def values_at(self, channels: np.ndarray, sums: np.ndarray) -> np.ndarray:
        """The same for sums [P] of channels [P]."""
        return sums * self.scales[channels] * self.source.encoding.scale + self.bias[channels]

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest float result [C]."""
        low, high = self.values(np.stack([self.low, self.high], axis=1)).T
        return low, high
